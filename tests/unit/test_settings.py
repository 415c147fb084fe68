import os
from pathlib import Path
from typing import Any

import pytest

from eventing.errors import Invalid
from eventing.settings import Settings, describe, load
from kanal.cli.options import settle


def refused(*arguments: Any, **more: Any) -> str:
    with pytest.raises(Invalid) as caught:
        load(*arguments, **more)
    return str(caught.value)


def value(settings: Settings, key: str) -> Any:
    group, name = key.split(".")
    return getattr(getattr(settings, group), name)


def test_without_anything_every_setting_has_its_default() -> None:
    assert load({}) == Settings()


def test_a_flag_beats_the_environment_that_beats_the_file_that_beats_the_default() -> None:
    environment = {"KANAL_INGRESS__PORT": "2", "KANAL_CONTROL__PORT": "2"}
    file = "[ingress]\nport = 3\n[control]\nport = 3\n[health]\nport = 3\n"
    settings = load(environment, file, {"ingress.port": 1, "control.port": None})
    ports = (settings.ingress.port, settings.control.port, settings.health.port)
    assert ports == (1, 2, 3)
    assert settings.kafka == Settings().kafka


def test_variables_that_are_no_settings_are_left_alone() -> None:
    assert load({"PATH": "/bin", "KANAL_CONFIG": "x", "KANAL_SERVER": "http://x", "OTHER__X": "1"}) == Settings()


@pytest.mark.parametrize(
    ("key", "kind", "default"), [row[:3] for row in describe()], ids=[row[0] for row in describe()]
)
def test_each_setting_can_be_given_in_every_way_and_has_a_text_and_the_type_it_promises(
    key: str, kind: Any, default: Any
) -> None:
    group, name = key.split(".")
    text, toml, wanted = {
        bool: ("true", "true", True),
        int: ("7", "7", 7),
        float: ("0.5", "0.5", 0.5),
        str: ("x", '"x"', "x"),
        dict[str, str]: ("a=b, c=d=e", '{a = "b", c = "d=e"}', {"a": "b", "c": "d=e"}),
        list[str]: ("a, b,", '["a", "b"]', ["a", "b"]),
    }[kind]
    assert value(load({f"KANAL_{group.upper()}__{name.upper()}": text}), key) == wanted
    assert value(load({}, f"[{group}]\n{name} = {toml}\n"), key) == wanted
    assert value(load({}, "", {key: text}), key) == wanted
    assert next(doc for found, _, _, doc in describe() if found == key)
    assert isinstance(default, kind.__origin__ if hasattr(kind, "__origin__") else kind)


def test_properties_of_librdkafka_may_be_written_in_toml_as_what_they_are() -> None:
    settings = load({}, '[kafka.properties]\n"enable.x" = true\n"some.ms" = 5\n')
    assert settings.kafka.properties == {"enable.x": "true", "some.ms": "5"}


def test_a_whole_number_is_a_number_too() -> None:
    assert load({}, "[delivery]\njitter = 1\n").delivery.jitter == 1.0


@pytest.mark.parametrize("text", ["", " ", "x", "-1", "1.5", "0x10", "nan"])
def test_what_is_no_whole_number_is_refused_with_the_name_of_its_variable(text: str) -> None:
    told = refused({"KANAL_KAFKA__QUEUE_EVENTS": text})
    assert told == f"KANAL_KAFKA__QUEUE_EVENTS: {text!r} is not a whole number, 0 or more"


@pytest.mark.parametrize("text", ["", "x", "-0.1", "nan", "inf", "5s"])
def test_what_is_no_number_is_refused(text: str) -> None:
    assert refused({"KANAL_DELIVERY__DRAIN_S": text}).endswith(f"{text!r} is not a number, 0 or more")


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[kafka]\nqueue_events = 1.5", "k.toml: kafka.queue_events: 1.5 is not a whole number, 0 or more"),
        ("[kafka]\nqueue_events = true", "k.toml: kafka.queue_events: True is not a whole number, 0 or more"),
        ("[control]\ncross_namespace_links = 1", "k.toml: control.cross_namespace_links: 1 is not true or false"),
        ("[kafka]\nqueue_events = inf", "k.toml: kafka.queue_events: inf is not a whole number, 0 or more"),
        ("[kafka]\nqueue_events = []", "k.toml: kafka.queue_events: [] is not a whole number, 0 or more"),
        ("[kafka]\nbootstrap = ['a']", "k.toml: kafka.bootstrap: ['a'] is not text"),
        ("[kafka]\nproperties = 'a'", "k.toml: kafka.properties: 'a' is not name=value pairs with commas"),
        ("[kafka]\nproperties = {a = []}", "k.toml: kafka.properties: {'a': []} is not name=value pairs with commas"),
        ("[control]\nprobe_urls = [[]]", "k.toml: control.probe_urls: [[]] is not a list of texts"),
        ("bootstrap = 'a'", "k.toml: bootstrap: a setting stands outside of a group; write [group] above it"),
        ("[kafka]\nbootstrp = 'a'", "k.toml: kafka.bootstrp: there is no such setting; did you mean kafka.bootstrap?"),
        ("[zoo]\nlion = 1", "k.toml: zoo.lion: there is no such setting"),
    ],
)
def test_a_wrong_value_in_a_file_is_named_with_its_file_and_key(toml: str, told: str) -> None:
    assert refused({}, toml, file="k.toml") == told


def test_a_file_that_is_no_toml_is_named_with_the_line() -> None:
    told = refused({}, "[kafka\n", file="k.toml")
    assert told.startswith("k.toml: is no TOML: ")
    assert "line 1" in told


def test_a_misspelt_variable_is_told_the_nearest_setting() -> None:
    told = refused({"KANAL_INGRES__PORT": "1"})
    assert told == "KANAL_INGRES__PORT: there is no such setting; did you mean ingress.port?"


def test_a_misspelt_flag_is_named_as_it_was_typed() -> None:
    told = refused({}, "", {"kafka.linger": "1"})
    assert told == "--set kafka.linger: there is no such setting; did you mean kafka.linger_ms?"


@pytest.mark.parametrize("key", ["ingress.port", "control.port", "health.port"])
def test_a_port_beyond_the_last_one_is_refused_rather_than_wrapped_round(key: str) -> None:
    assert load({}, "", {key: 65_535})
    assert refused({}, "", {key: 65_536}).endswith("65536 is no port; ports end at 65535; 0 takes a free one")


class TestOptions:
    """What the flags of a verb become."""

    @pytest.fixture(autouse=True)
    def _clean(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in os.environ if name.startswith("KANAL_")]:
            monkeypatch.delenv(name)

    def test_a_verbs_own_flag_beats_a_general_one(self) -> None:
        settings = settle(None, ["ingress.port=1", "ingress.host=::1"], ingress__port=2, ingress__host=None)
        assert (settings.ingress.port, settings.ingress.host) == (2, "::1")

    def test_a_value_may_hold_equal_signs(self) -> None:
        assert settle(None, ["kafka.properties=a=b,c=d"]).kafka.properties == {"a": "b", "c": "d"}

    @pytest.mark.parametrize("text", ["ingress.port", "port=1", ""])
    def test_a_text_that_is_no_setting_is_told_how_one_looks(self, text: str) -> None:
        with pytest.raises(Invalid, match=r"--set kafka\.linger_ms=1"):
            settle(None, [text])

    def test_the_file_is_that_of_the_flag_else_that_of_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "flag.toml").write_text("[log]\nlevel = 'debug'\n", encoding="utf-8")
        (tmp_path / "env.toml").write_text("[log]\nlevel = 'error'\n", encoding="utf-8")
        monkeypatch.setenv("KANAL_CONFIG", str(tmp_path / "env.toml"))
        assert settle(None, None).log.level == "error"
        assert settle(tmp_path / "flag.toml", None).log.level == "debug"

    def test_a_file_that_can_not_be_read_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid) as caught:
            settle(tmp_path / "nope.toml", None)
        assert str(caught.value) == f"{tmp_path / 'nope.toml'}: can't be read: No such file or directory"

    def test_a_file_that_is_no_text_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "k.toml").write_bytes(b"\xff")
        with pytest.raises(Invalid) as caught:
            settle(tmp_path / "k.toml", None)
        assert str(caught.value) == f"{tmp_path / 'k.toml'}: is not UTF-8"
