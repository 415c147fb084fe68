"""Why an event passes filters or not, as `kanal filter` says it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventing.errors import Invalid
from eventing.filters import compile_filters
from eventing.filters.explain import explain
from kanal import cli

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with something else."""

EVENT = {"specversion": "1.0", "id": "1", "source": "/s", "type": "com.a.created", "hop": "5"}
TRIGGER = """
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: t}
spec:
  broker: b
  filter: {attributes: {type: ignored}}
  filters:
  - any:
    - exact: {hop: "4"}
    - not: {prefix: {subject: a}}
"""


def lines(*documents: dict[str, Any]) -> list[str]:
    return explain(documents, EVENT.get).lines()


def test_each_part_has_its_own_verdict_and_what_was_found() -> None:
    document = {
        "all": [
            {"any": [{"exact": {"hop": "4"}}, {"suffix": {"type": ".created"}}]},
            {"not": {"prefix": {"subject": "a"}}},
            {"exact": {"type": "com.a.created", "source": "/other"}},
            {"attributes": {"id": ""}},
        ]
    }
    assert lines(document) == [
        "no   all: each of these must pass",
        "  yes  any: at least one of these must pass",
        '    no   exact: hop must be "4"; hop is "5"',
        '    yes  suffix: type must end with ".created"; type is "com.a.created"',
        "  yes  not: this must not pass",
        '    no   prefix: subject must begin with "a"; subject is missing',
        "  no   exact: each attribute must fit",
        '    yes  exact: type must be "com.a.created"; type is "com.a.created"',
        '    no   exact: source must be "/other"; source is "/s"',
        '  yes  attributes: id must be there; id is "1"',
    ]


def test_an_expression_is_shown_as_it_is_understood_with_its_clauses_its_attributes_and_its_error() -> None:
    missing = "fails (missingAttribute): the event has no attribute subject"
    assert lines({"cesql": "hop = 5 AND subject = 'a' OR EXISTS hop"}) == [
        f"no   cesql: (hop = 5) AND ((subject = 'a') OR (EXISTS hop)) {missing}, and what fails does not pass",
        "  yes  hop = 5 is TRUE",
        f"  no   subject = 'a' {missing}",
        "  yes  EXISTS hop is TRUE",
        '  -    hop is "5"',
        "  -    subject is missing",
    ]
    assert lines({"cesql": "hop"})[0] == "no   cesql: hop is '5', and only a Boolean TRUE passes"
    assert lines({"cesql": "hop < 6"})[0] == "yes  cesql: hop < 6 is TRUE"


def test_no_filter_and_several_filters_say_so() -> None:
    assert lines() == ["yes  there is no filter, so every event passes"]
    assert lines({"exact": {"hop": "5"}}, {"exact": {"hop": "6"}})[0] == "no   all of 2 filters must pass"


def test_a_value_stays_in_its_line_and_is_cut() -> None:
    reason = explain([{"exact": {"a": "b"}}], {"a": "x\n\x1b" + "y" * 500}.get)
    assert reason.text.isprintable()
    assert len(reason.text) < 200


def test_what_is_no_filter_is_not_explained() -> None:
    with pytest.raises(Invalid, match=r"filters\[0\]"):
        explain([{}], EVENT.get)


leaves = st.builds(
    lambda dialect, name, text: {dialect: {name: text}},
    st.sampled_from(["exact", "prefix", "suffix", "attributes"]),
    st.sampled_from(["type", "hop", "subject"]),
    st.sampled_from(["5", "com.a.created", "com", "created", "x"]),
) | st.sampled_from(["hop < 6", "type LIKE '%.a.%'", "subject = 'x'", "hop = 5 AND NOT EXISTS subject"]).map(
    lambda text: {"cesql": text}
)
filters = st.recursive(
    leaves,
    lambda inner: (
        inner.map(lambda one: {"not": one})
        | st.builds(
            lambda dialect, parts: {dialect: parts}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1)
        )
    ),
    max_leaves=8,
)


@unhurried
@given(st.lists(filters, max_size=3))
def test_the_explanation_agrees_with_the_filter(documents: list[dict[str, Any]]) -> None:
    assert explain(documents, EVENT.get).passed is compile_filters(documents)(EVENT.get)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["kanal", "filter", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture
def event(tmp_path: Path) -> Path:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(EVENT | {"data": {"a": 1}}))
    return path


@pytest.mark.parametrize("spec", ["5", "[]", "~"])
def test_a_trigger_whose_spec_is_none_does_not_pass_everything(
    spec: str, event: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = event.with_name("trigger.yaml")
    file.write_text(f"apiVersion: eventing.knative.dev/v1\nkind: Trigger\nmetadata: {{name: t}}\nspec: {spec}\n")
    assert run(monkeypatch, "--filters", file, event) == 2
    assert "spec: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--exact", "type=com.a.created"], 0),
        (["--exact", "type=com.a"], 1),
        (["--prefix", "type=com.", "--suffix", "type=.created", "--cesql", "hop = 5"], 0),
        (["--prefix", "type=com.", "--suffix", "type=.deleted"], 1),
        (["--exact", "hop=5", "--exact", "hop=6"], 1),
        (["--cesql", "hop = 5", "--cesql", "hop = 6"], 1),
        (["--exact", "hop"], 2),
        (["--exact", "Hop=5"], 2),
        (["--exact", "hop="], 2),
        (["--cesql", "hop == 5"], 2),
        (["--output", "yaml", "--exact", "hop=5"], 2),
        ([], 2),
    ],
    ids=str,
)
def test_the_exit_code_tells_whether_the_event_passes(
    arguments: list[str], code: int, event: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments, event) == code
    printed = capsys.readouterr()
    assert bool(printed.err) is (code == 2)
    if code != 2:
        assert printed.out.startswith(
            f"1  source /s  type com.a.created: {'passes' if code == 0 else 'does not pass'}\n"
        )


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (TRIGGER, 0, 'no   exact: hop must be "4"'),
        (TRIGGER.replace("  filters:\n  - any", "  other:\n  - any"), 1, 'attributes: type must be "ignored"'),
        (TRIGGER.replace("any:", "and:"), 2, "spec.filters[0].and: 'and' is no dialect of filters; write all"),
        (TRIGGER.replace("type: ignored", "Type: ''"), 0, "any: at least one"),
        ("spec: {broker: b}\nkind: Trigger", 0, "there is no filter"),
        ("kind: Trigger\nspec: {filter: {attributes: {Type: a}}}", 2, "spec.filter.attributes.Type: 'Type' is no"),
        ("kind: Trigger\nspec: {filter: text}", 2, "spec.filter.attributes: names no attribute"),
        ("- exact: {hop: '5'}\n- cesql: hop = 6", 1, "no   all of 2 filters must pass"),
        ("filters:\n- exact: {hop: '5'}", 0, "exact: hop must be"),
        ("exact: {hop: '5'}", 0, "exact: hop must be"),
        ('[{"exact": {"hop": "5"}}]', 0, "exact: hop must be"),
        ("- exact: {hop: 5}", 2, 'filters[0].exact.hop: is no text; write it in quotes: "5"'),
        ("- {}", 2, "filters[0]: is empty"),
        ("text", 2, "filters: is no list"),
        ("", 2, "holds 0 documents"),
        (TRIGGER + "---" + TRIGGER, 2, "holds 2 Triggers"),
        ("kind: Broker\n---" + TRIGGER, 0, "any: at least one"),
        ("a: 'b", 2, "filters.yaml:1: the quote that opens here is not closed"),
    ],
)
def test_filters_come_from_a_trigger_or_a_list_of_them(
    text: str,
    code: int,
    said: str,
    event: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "filters.yaml"
    file.write_text(text)
    assert run(monkeypatch, "--filters", file, event) == code
    printed = capsys.readouterr()
    assert said in (printed.err if code == 2 else printed.out)


def test_each_event_of_a_batch_is_judged_and_all_must_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = tmp_path / "batch.json"
    batch.write_text("\n " + json.dumps([EVENT, EVENT | {"id": "2", "hop": 6}]))
    assert run(monkeypatch, "--exact", "hop=6", "--output", "json", batch) == 1
    found = json.loads(capsys.readouterr().out)["events"]
    assert [(one["id"], one["type"], one["passed"]) for one in found] == [
        ("1", "com.a.created", False),
        ("2", "com.a.created", True),
    ]
    assert run(monkeypatch, "--exact", "source=/s", batch) == 0
    assert capsys.readouterr().out.count(": passes") == 2


def test_an_event_comes_from_standard_input_too(
    event: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(event.read_bytes())))
    assert run(monkeypatch, "--exact", "hop=5", "-") == 0
    assert ": passes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "can't be read"),
        ("{", "event.json: the body is broken"),
        ('{"type": "a"}', "event.json: specversion"),
        (json.dumps([EVENT, EVENT | {"time": "now"}]), "event.json: event 2 of the batch: time: 'now' is no RFC 3339"),
        ("[]", "holds no event"),
        ("", "event.json: the body is broken"),
    ],
)
def test_what_is_no_event_is_told(
    body: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "event.json"
    if body is not None:
        file.write_text(body)
    assert run(monkeypatch, "--exact", "hop=5", file) == 2
    assert said in capsys.readouterr().err
