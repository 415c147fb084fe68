import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.errors import Invalid
from kanal.api.kube.selectors import fields, labels

LABELS = {"app": "orders", "tier": "back", "example.com/team": "a.b_c-1", "empty": ""}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "app=orders",
        "app==orders",
        " app = orders , tier!=front ",
        "tier != front",
        "missing!=x",
        "app in (orders, bills)",
        "app in(orders)",
        "app notin (bills),tier notin (front,middle)",
        "missing notin (x)",
        "app",
        "!missing",
        "! missing,app",
        "example.com/team=a.b_c-1",
        "empty=",
        "empty in ()",
        "empty in (x,)",
        "missing!=",
    ],
)
def test_a_selector_chooses_the_labels_that_it_tells(text: str) -> None:
    assert labels(text)(LABELS)


@pytest.mark.parametrize(
    "text",
    [
        "app=bills",
        "app=orders,tier=front",
        "app!=orders",
        "app in (bills)",
        "app notin (orders, bills)",
        "missing",
        "!app",
        "missing=",
        "missing in (x)",
        "app=",
        "empty!=",
    ],
)
def test_a_selector_passes_over_other_labels(text: str) -> None:
    assert not labels(text)(LABELS)


def test_words_of_the_language_can_be_keys_and_values() -> None:
    assert labels("in in (in, notin),notin notin (in),in=in")({"in": "in", "notin": "x"})


@pytest.mark.parametrize(
    ("text", "place", "found"),
    [
        ("a=b=c", 4, '"="'),
        ("a,,b", 3, '","'),
        (",a", 1, '","'),
        ("a=b,", 5, "the end"),
        ("a b", 3, '"b"'),
        ("a in b", 6, '"b"'),
        ("a in (b", 8, "the end"),
        ("a in (b c)", 9, '"c"'),
        ("a notin", 8, "the end"),
        ("=x", 1, '"="'),
        ("!", 2, "the end"),
        ("!a=b", 3, '"="'),
        ("a!b", 2, '"!"'),
        ("a>5", 1, '"a>5"'),
        ("-a=b", 1, '"-a"'),
        ("a=b/c", 3, '"b/c"'),
        ("a=(b)", 3, '"("'),
        ("a/b/c", 1, '"a/b/c"'),
        ("a=" + "x" * 64, 3, '"xxx'),
    ],
)
def test_what_is_no_selector_is_refused_with_its_place(text: str, place: int, found: str) -> None:
    with pytest.raises(Invalid) as caught:
        labels(text)
    assert f"at character {place}, not {found}" in caught.value.message
    assert caught.value.field == "labelSelector"


KEYS = st.sampled_from(["a", "b", "x.y/c"])
VALUES = st.sampled_from(["1", "2", ""])
GIVEN = st.dictionaries(KEYS, VALUES)


@given(KEYS, st.lists(VALUES, min_size=1), GIVEN)
def test_in_is_one_of_several_equalities_and_notin_its_opposite(
    key: str, values: list[str], given_: dict[str, str]
) -> None:
    chosen = any(labels(f"{key}={value}")(given_) for value in values)
    assert labels(f"{key} in ({', '.join(values)})")(given_) == chosen
    assert labels(f"{key} notin ({','.join(values)})")(given_) != chosen


@given(st.lists(st.tuples(KEYS, st.sampled_from(["=", "!=", "=="]), VALUES)), GIVEN)
def test_commas_mean_that_every_term_holds(terms: list[tuple[str, str, str]], given_: dict[str, str]) -> None:
    texts = ["".join(term) for term in terms]
    assert labels(",".join(texts))(given_) == all(labels(text)(given_) for text in texts)


@given(st.text(st.sampled_from("ab=!,() in\\.<"), max_size=12) | st.text(max_size=12))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    for read, subject in ((labels, {"a": "b"}), (fields, {"metadata": {"name": "a"}})):
        with contextlib.suppress(Invalid):
            assert read(text)(subject) in (True, False)  # type: ignore[operator]


DOCUMENT = {"metadata": {"name": "a,b=c\\", "namespace": "shop"}, "involvedObject": {"kind": "Broker", "count": 2}}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", True),
        ("metadata.namespace=shop", True),
        ("metadata.namespace==shop", True),
        ("metadata.namespace!=shop", False),
        ("metadata.namespace!=other, metadata.namespace=shop", True),
        ("metadata.namespace=shop,metadata.name=x", False),
        (r"metadata.name=a\,b\=c\\", True),
        (r"metadata.name!=a\,b\=c\\,", False),
        ("metadata.namespace=", False),
    ],
)
def test_a_field_selector_chooses_by_name_and_namespace(text: str, chosen: bool) -> None:
    assert fields(text)(DOCUMENT) is chosen


def test_other_fields_can_be_chosen_by_where_a_kind_supports_them() -> None:
    supported = ("involvedObject.kind", "involvedObject.count", "involvedObject.kind.deeper")
    assert fields("involvedObject.kind=Broker,involvedObject.count=2,involvedObject.kind.deeper=", supported)(DOCUMENT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spec.broker=x", 'the field "spec.broker"; those that can be are metadata.name and metadata.namespace'),
        ("metadata.name", '"metadata.name" is no term'),
        ("metadata.name=a=b", '"=" stands bare'),
        ("metadata.name=a\\b", "stands bare"),
        ("metadata.name=a\\", "stands bare"),
    ],
)
def test_what_is_no_field_selector_is_refused(text: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        fields(text)
    assert message in str(caught.value)
    assert caught.value.field == "fieldSelector"
