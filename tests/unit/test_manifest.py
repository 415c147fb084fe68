import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing import yamltext
from eventing.kinds.meta import Features
from eventing.manifest import Manifest, combine, read
from eventing.yamltree import plain

CHANNEL = "apiVersion: messaging.knative.dev/v1\nkind: Channel\nmetadata:\n  name: {name}\n"
SUBSCRIPTION = """\
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata:
  name: s1
spec:
  channel:
    apiVersion: messaging.knative.dev/v1
    kind: Channel
    name: orders
  subscriber:
    uri: http://sink
"""


def channel(name: str) -> str:
    return CHANNEL.format(name=name)


def said(text: str | bytes) -> list[str]:
    return [str(problem) for problem in read(text, "f.yaml").problems]


def titles(manifest: Manifest) -> list[str]:
    return [f"{located.resource.title}:{located.line}" for located in manifest.resources]


def test_documents_are_read_in_order_with_their_lines() -> None:
    text = f"# about\n---\n{channel('a')}---\n---\n# nothing\n--- # more\n{SUBSCRIPTION}...\n"
    manifest = read(text, "f.yaml")
    assert manifest.problems == []
    assert titles(manifest) == ["Channel default/a:3", "Subscription default/s1:11"]


@pytest.mark.parametrize("text", ["", "\n", "---\n---\n", "# only words\n", "~\n", "\ufeff", "%YAML 1.1\n---\n"])
def test_a_file_without_documents_is_fine(text: str) -> None:
    assert read(text, "f.yaml") == Manifest()


def test_a_wrong_value_names_file_line_object_field_and_fix() -> None:
    text = f"---\n{channel('a')}---\n{SUBSCRIPTION}  delivery:\n    retry: 3\n    backoffDelay: 5 seconds\n"
    assert said(text) == [
        (
            'f.yaml:20: Subscription default/s1: spec.delivery.backoffDelay: "5 seconds" is no ISO-8601 duration; '
            "write for instance PT5S"
        )
    ]


def test_a_missing_field_has_the_line_of_what_should_hold_it() -> None:
    text = SUBSCRIPTION.replace("    kind: Channel\n", "").replace("    name: orders\n", "")
    assert [found.split(":")[1] for found in said(text)] == ["6", "6"]
    assert said("kind: Channel\n") == [
        "f.yaml:1: Channel: apiVersion: the field is missing; add apiVersion: messaging.knative.dev/v1"
    ]


def test_problems_come_in_the_order_of_the_lines() -> None:
    text = channel("A") + "  labels: {a: yes}\nspec:\n  delivery:\n    retry: x\n    timeot: PT1S\n    format: xml\n"
    assert [found.split(": ")[2] for found in said(text)] == [
        "metadata.name",
        "metadata.labels.a",
        "spec.delivery.retry",
        "spec.delivery.timeot",
        "spec.delivery.format",
    ]


def test_b58_one_bad_document_hides_no_other() -> None:
    broken = [
        "kind: [\n",
        "a: 'x\n",
        "kind: Chanel\napiVersion: messaging.knative.dev/v1\nmetadata: {name: x}\n",
        channel("b") + "spce: {}\n",
        "just words\n",
        "a: *b\n",
        "\x00\n",
        "\tx: 1\n",
    ]
    text = "---\n".join(["", *(part for bad in broken for part in (bad, channel(f"c{broken.index(bad)}")))])
    manifest = read(text, "f.yaml")
    assert [located.resource.metadata.name for located in manifest.resources] == [f"c{n}" for n in range(len(broken))]
    assert len(manifest.problems) == len(broken)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [1, 2\nb: 1\n", "1: the [ that opens here is not closed; add ]"),
        ("a: {b: 1\nc: 2\n", "1: the { that opens here is not closed; add }"),
        ("a: 'x\nb: 1\n", "1: the quote that opens here is not closed; add the closing quote"),
        ("a: 1\nb:\n\tc: 1\n", "3: a tab indents the line; indent with spaces"),
        ("a: @b\n", "1: a text can't begin with @; put it in quotes"),
        ("a: 1\nb\nc: 2\n", '2: a field\'s name stands here without a colon; write "name: value"'),
        (
            "a: 1\n b: 2\n",
            (
                "2: a second field begins here, where the line before it has no end yet; "
                'indent it like its neighbours, or put a text that holds ": " in quotes'
            ),
        ),
        (
            "a:\n    b: 1\n  c: 2\n",
            (
                "3: the line does not fit to those around it; indent the fields of one mapping alike, and close quotes and "
                "brackets"
            ),
        ),
        (
            "- a\nb: 1\n",
            '2: a list goes on here without "- "; indent its items alike, and the field after it less',
        ),
        ("a: *x\n", "1: the alias names no anchor above it; define it with & first, or put the * in quotes"),
        ("a: \x07\n", "1: the character U+0007 may not stand in YAML; take it out"),
        ("a: {{ x }}{\n", "1: the line does not fit to those around it; if this is a template, render it first"),
        ("[" * 5000, "1: no YAML: exceeded maximum nesting depth"),
        ("a: &a [*a]\n", "1: it nests deeper than 100 levels; look for an anchor that contains its own alias"),
        ("[]\n", "1: a resource is needed here, not a list; begin with apiVersion: and kind:"),
        ("words\n", '1: a resource is needed here, not the text "words"; begin with apiVersion: and kind:'),
        (b"a: 1\nb: \xff\n", "2: the text is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_slip_of_syntax_has_its_line_and_its_fix(text: str | bytes, problem: str) -> None:
    assert said(text) == [f"f.yaml:{problem}"]


def test_a_key_that_is_there_twice_is_refused_with_both_lines_and_the_other_problems() -> None:
    text = SUBSCRIPTION + "  delivery:\n    retry: 1\n    retry: 2\n    format: xml\n"
    assert said(text) == [
        "f.yaml:14: Subscription default/s1: retry is here twice, first in line 13; keep one of the two",
        'f.yaml:15: Subscription default/s1: spec.delivery.format: "xml" is not known here; write json or binary',
    ]
    assert read(text, "f.yaml").resources == []


def test_b41e_the_same_resource_twice_is_refused_with_file_and_line_of_both() -> None:
    one = read(channel("a") + "---\n" + channel("b"), "one.yaml")
    two = read(channel("c") + "---\n" + channel("a"), "two.yaml")
    together = combine([one, two])
    assert titles(together) == ["Channel default/a:1", "Channel default/b:6", "Channel default/c:1"]
    assert [str(problem) for problem in together.problems] == [
        (
            "two.yaml:6: Channel default/a: the same resource is in one.yaml:1 already, and that one is used; "
            "take one of the two out, or give it another name"
        )
    ]
    assert len(read(channel("a") + "---\n" + channel("a"), "one.yaml").problems) == 1


def test_two_versions_of_one_kind_are_the_same_resource_and_two_namespaces_are_not() -> None:
    one = "apiVersion: messaging.knative.dev/{}\nkind: KafkaChannel\nmetadata: {{name: a, namespace: {}}}\n"
    assert len(read("---\n".join([one.format("v1", "ns"), one.format("v1beta1", "ns")]), "f").problems) == 1
    assert read("---\n".join([one.format("v1", "ns"), one.format("v1", "other")]), "f").problems == []


def test_a_list_is_its_items_each_with_its_own_line() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n"
    text += "".join("- " + channel(name).replace("\n", "\n  ").rstrip(" ") for name in ("a", "B", "c"))
    manifest = read(text, "f.yaml")
    assert titles(manifest) == ["Channel default/a:4", "Channel default/c:12"]
    assert [str(problem) for problem in manifest.problems] == [
        (
            'f.yaml:11: Channel default/B: metadata.name: "B" can\'t be a name; a-z, 0-9, - and . are allowed; '
            "write for instance b"
        )
    ]


def test_a_list_of_nothing_is_nothing() -> None:
    assert read("kind: ChannelList\napiVersion: messaging.knative.dev/v1\nitems: []\n", "f") == Manifest()


def test_anchors_and_merges_work_and_problems_in_them_have_the_line_of_the_text() -> None:
    text = SUBSCRIPTION + "  delivery:\n    <<: &d\n      retry: 3\n      backofDelay: PT1S\n    retry: 5\n"
    assert said(text) == [
        (
            "f.yaml:15: Subscription default/s1: spec.delivery.backofDelay: there is no such field; "
            "did you mean backoffDelay?"
        )
    ]
    (located,) = read(text.replace("backof", "backoff"), "f.yaml").resources
    assert located.resource.spec_document()["delivery"] == {"retry": 5, "backoffDelay": "PT1S"}


def test_the_laughs_of_a_billion_aliases_end_early() -> None:
    names = "abcdefghi"
    laughs = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in itertools.pairwise(names)
    )
    assert said(laughs)[0].endswith("its aliases expand to more than a resource can hold")


def test_a_text_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamltext, "MAX_DOCUMENT", 1024)
    assert said("a: " + "x" * 1024) == ["f.yaml:1: the document is longer than 0 MiB; split it"]
    monkeypatch.setattr(yamltext, "MAX_FILE", 1024)
    assert said("a: " + "x" * 1024) == ["f.yaml:1: the file is longer than 0 MiB; split it"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, True) for word in ("true", "True", "YES", "on")],
        *[(word, False) for word in ("false", "No", "off")],
        *[(word, None) for word in ("", "~", "null")],
        *[("012", 10), ("0o14", 12), ("0x1F", 31), ("-0b11", -3), ("1_000", 1000), ("+7", 7), ("0", 0)],
        *[("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("99999999999999999999", 1e20), ("089", 89.0)],
        *[(text, text) for text in ("2024-01-01", "2024-01-01T00:00:00Z", "12:30:45", ".inf", ".nan", "1e999")],
        *[(text, text) for text in ("-", ".", "_1", "0x", "1.2.3", "<<", "=", "٣")],
    ],
)
def test_scalars_mean_what_they_mean_to_kubernetes(text: str, value: object) -> None:
    found = plain(text)
    assert (found, type(found)) == (value, type(value))


def test_a_value_that_yaml_reads_otherwise_is_told_as_it_was_written() -> None:
    text = channel("a") + "  labels: {a: y, b: 012, c: 'yes', d: 1.10, e: !!str 5, f: 2024-01-01}\n"
    assert [found.partition("labels.")[2] for found in said(text)] == [
        'a: text is needed, and YAML reads y as true or false; put it in quotes: "y"',
        'b: text is needed, and YAML reads 012 as a number; put it in quotes: "012"',
        'd: text is needed, and YAML reads 1.10 as a number; put it in quotes: "1.10"',
    ]


@pytest.mark.parametrize("value", ["!!python/object:os.system x", "!!set {a}", "!mine {}", "!!binary aGk="])
def test_a_tag_that_makes_objects_is_refused(value: str) -> None:
    (found,) = said(channel("a") + f"spec: {{channelTemplate: {{apiVersion: v1, kind: X, spec: {{x: {value}}}}}}}\n")
    assert found.endswith("has no meaning here; take it out")


def test_what_only_a_server_sets_is_dropped() -> None:
    text = channel("a") + "  uid: u\n  generation: 4\n  labels: {a: b}\nstatus: {observedGeneration: 4}\n"
    (located,) = read(text, "f.yaml").resources
    assert located.resource.document()["metadata"] == {"name": "a", "namespace": "default", "labels": {"a": "b"}}
    assert located.resource.status == {}


def test_a_name_that_a_server_would_make_up_is_refused() -> None:
    text = channel("a").replace("name", "generateName")
    assert said(text) == ["f.yaml:4: Channel: metadata.generateName: a file needs names that stay; write name instead"]


def test_json_and_windows_line_ends_are_read_too() -> None:
    json = '{\n\t"apiVersion": "messaging.knative.dev/v1",\n\t"kind": "Channel",\n\t"metadata": {"name": "A"}\n}\n'
    assert said(json)[0].startswith("f.yaml:4: Channel default/A: metadata.name:")
    assert titles(read(channel("a").replace("\n", "\r\n") + "---\r\n" + channel("b"), "f")) == [
        "Channel default/a:1",
        "Channel default/b:6",
    ]


def test_a_feature_decides_what_is_valid() -> None:
    text = SUBSCRIPTION.replace("name: orders", "name: orders\n    namespace: other")
    assert len(read(text, "f").problems) == 1
    assert read(text, "f", Features(cross_namespace_event_links=True)).problems == []


def test_messages_hold_nothing_that_a_terminal_would_obey() -> None:
    text = channel('"\\e[31m\\u202e"') + 'kind: "\\e]0;x"\n"\\e[0m": 1\n'
    assert all(found.isprintable() for found in said(text))


WORDS = ["---\n", "\n", "  ", "- ", ": ", "a", "kind", "Channel", "metadata", "spec", "delivery", "name", "&a ", "*a "]
WORDS += [
    "<<: ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "'",
    '"',
    "#",
    "!!set ",
    "|\n",
    ">-\n",
    "? ",
    "%YAML 1.1\n",
    "...\n",
    "\t",
    "\\",
]
WORDS += [
    "apiVersion: messaging.knative.dev/v1\n",
    "kind: Channel\n",
    "metadata: {name: a}\n",
    "kind: List\n",
    "items:\n",
]


@given(st.one_of(st.text(), st.binary(), st.lists(st.sampled_from(WORDS), max_size=30).map("".join)))
def test_any_text_is_resources_and_problems_and_never_an_exception(text: str | bytes) -> None:
    manifest = read(text, "f")
    for problem in manifest.problems:
        assert problem.line >= 1
        assert problem.message
