import re
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_strategies import values

from eventing.errors import Invalid
from kanal.api.kube import jsonpatch
from kanal.api.kube.patching import json_patched
from kanal.api.kube.plain import same
from kanal.api.kube.pointer import Unprocessable


def op(verb: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": verb, "path": path} | {name.rstrip("_"): value for name, value in more.items()}


@pytest.mark.parametrize(
    ("document", "operation", "after"),
    [
        ({"foo": "bar"}, op("add", "/baz", value="qux"), {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, op("add", "/foo/1", value="qux"), {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, op("remove", "/baz"), {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, op("remove", "/foo/1"), {"foo": ["bar", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, op("replace", "/baz", value="boo"), {"baz": "boo", "foo": "bar"}),
        (
            {"a": {"x": 1, "y": 2}, "b": {"z": 3}},
            op("move", "/b/w", from_="/a/x"),
            {"a": {"y": 2}, "b": {"z": 3, "w": 1}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            op("move", "/foo/3", from_="/foo/1"),
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        ({"foo": "bar"}, op("add", "/child", value={"grand": {}}), {"foo": "bar", "child": {"grand": {}}}),
        ({"foo": "bar"}, op("add", "/baz", value="qux", xyz=123), {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar"]}, op("add", "/foo/-", value=["abc", "def"]), {"foo": ["bar", ["abc", "def"]]}),
        ({"foo": [1]}, op("add", "/foo/1", value=2), {"foo": [1, 2]}),
        ({"foo": 1}, op("add", "/foo", value=None), {"foo": None}),
        ({"foo": 1}, op("copy", "/bar", from_="/foo"), {"foo": 1, "bar": 1}),
        ({"foo": 1}, op("move", "/foo", from_="/foo"), {"foo": 1}),
        ({"foo": 1}, op("add", "", value=[1]), [1]),
        ({"foo": 1}, op("replace", "", value={"bar": 2}), {"bar": 2}),
        ({"a/b": 1, "m~n": 2, "~1": 3}, op("remove", "/a~1b"), {"m~n": 2, "~1": 3}),
        ({"a/b": 1, "m~n": 2, "~1": 3}, op("replace", "/~01", value=4), {"a/b": 1, "m~n": 2, "~1": 4}),
        ({"": {"": 1}}, op("replace", "//", value=2), {"": {"": 2}}),
    ],
)
def test_every_operation_does_what_the_rfc_says(document: Any, operation: Any, after: Any) -> None:
    assert json_patched(document, [operation]) == after


@pytest.mark.parametrize(
    ("document", "operation", "message"),
    [
        ({"foo": "bar"}, op("add", "/baz/bat", value="qux"), 'there is no "baz"'),
        ({"foo": "bar"}, op("remove", "/baz"), 'there is no "baz"'),
        ({"foo": "bar"}, op("replace", "/baz", value=1), 'there is no "baz"'),
        ({"foo": "bar"}, op("add", "/foo/x", value=1), "neither a map nor a list"),
        ({"foo": "bar"}, op("remove", "/foo/x"), "neither a map nor a list"),
        ({"foo": [1, 2]}, op("add", "/foo/3", value=1), "no item 3 in a list of"),
        ({"foo": [1]}, op("remove", "/foo/1"), "no item 1 in a list of 1"),
        ({"foo": [1]}, op("remove", "/foo/-"), '"-" is no index'),
        ({"foo": [1, 2]}, op("remove", "/foo/01"), '"01" is no index'),
        ({"foo": [1, 2]}, op("remove", "/foo/-1"), '"-1" is no index'),
        ({"foo": [1, 2]}, op("remove", "/foo/\u0660"), "is no index"),
        ({"foo": {"bar": 1}}, op("move", "/foo/bar/x", from_="/foo"), "into itself"),
        ({"foo": 1}, op("copy", "/bar", from_="/baz"), 'there is no "baz"'),
        ({"foo": 1}, op("remove", ""), "whole document"),
        ({"baz": "qux"}, op("test", "/baz", value="bar"), 'the test fails: "qux" is there, not "bar"'),
        ({"baz": "10"}, op("test", "/baz", value=10), 'the test fails: "10" is there, not 10'),
        ({"baz": 1}, op("test", "/baz", value=True), "the test fails"),
        ({"baz": 1}, op("test", "/baz", value={"a": 1}), "the test fails: 1 is there, not a mapping"),
        ({"baz": [1]}, op("test", "/baz", value={"a": 1}), "the test fails: a list is there, not a mapping"),
        ({"baz": [0]}, op("test", "/baz", value=[False]), "the test fails"),
        ({}, op("test", "/baz", value=None), 'there is no "baz"'),
    ],
)
def test_what_does_not_fit_the_document_is_unprocessable(document: Any, operation: Any, message: str) -> None:
    with pytest.raises(Unprocessable, match=re.escape(message)) as caught:
        json_patched(document, [op("test", "", value=document), operation])
    error = caught.value
    assert (error.http_status, error.where, error.field) == (422, "operation 2", operation["path"])


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (1, "an operation is a map"),
        ({}, "null is no operation"),
        (op("spam", "/a"), '"spam" is no operation'),
        (op(["add"], "/a"), "is no operation"),  # type: ignore[arg-type]
        ({"op": "remove"}, "the operation has no path"),
        ({"op": "remove", "path": 1}, "the operation has no path"),
        (op("add", "/a"), "the operation has no value"),
        (op("test", "/a"), "the operation has no value"),
        (op("move", "/a"), "the operation has no from"),
        (op("copy", "/a", from_=None), "the operation has no from"),
        (op("remove", "a"), "does not begin with /"),
        (op("remove", "/~2"), "~ stands alone"),
        (op("remove", "/a~"), "~ stands alone"),
    ],
)
def test_what_is_no_operation_is_invalid_and_names_its_number(operation: Any, message: str) -> None:
    with pytest.raises(Invalid, match=re.escape(message)) as caught:
        json_patched({"a": 1}, [operation])
    assert (caught.value.http_status, caught.value.where) == (400, "operation 1")


def test_numbers_are_equal_by_value_and_texts_by_character() -> None:
    document = {"n": 1, "list": [1, {"a": 2.0}], "none": None}
    operations = [
        op("test", "/n", value=1.0),
        op("test", "/list", value=[1.0, {"a": 2}]),
        op("test", "/none", value=None),
    ]
    assert json_patched(document, operations) == document


def test_a_patch_that_is_no_list_is_invalid() -> None:
    with pytest.raises(Invalid, match="a list of operations"):
        json_patched({}, op("remove", "/a"))


def test_copies_can_not_make_a_document_grow_without_end() -> None:
    doubled = [op("copy", "/a/-", from_="/a")] * 50
    with pytest.raises(Invalid, match=r"nested deeper|larger than"):
        json_patched({"a": ["x"]}, doubled)
    wide = [op("copy", f"/{n}", from_="") for n in range(60)]
    with pytest.raises(Invalid, match=r"nested deeper|larger than"):
        json_patched({"x": "text"}, wide)


def test_a_document_that_copies_nest_too_deep_is_refused() -> None:
    deep: Any = {}
    for _ in range(60):
        deep = {"a": deep}
    operations = [op("add", "/b", value=deep), op("move", "/a" * 60 + "/c", from_="/b")]
    with pytest.raises(Invalid, match="nested deeper"):
        json_patched(deep, operations)


def test_too_many_operations_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonpatch, "MOST_OPERATIONS", 3)
    assert json_patched({}, [op("add", "/a", value=1)] * 3) == {"a": 1}
    with pytest.raises(Invalid, match="there are 4 operations"):
        json_patched({}, [op("add", "/a", value=1)] * 4)


POINTERS = st.sampled_from(["", "/a", "/b", "/a/b", "/a/0", "/a/-", "/a~1b", "/m~0n", "/", "/c/1/a", "a", "/~"])
OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": POINTERS},
        optional={"from": POINTERS, "value": values()},
    ),
    max_size=4,
)


@given(values(), OPERATIONS | values())
def test_any_patch_gives_a_document_or_a_refusal_and_touches_no_input(document: Any, operations: Any) -> None:
    kept = deepcopy((document, operations))
    try:
        found = json_patched(document, operations)
    except Invalid:
        found = None
    if isinstance(found, dict):
        found["changed"] = 1
    assert same(list(kept), [document, operations])


@given(values(), values())
def test_what_is_added_can_be_tested_moved_and_removed_again(document: Any, value: Any) -> None:
    holder = {"kept": document}
    operations = [
        op("add", "/new", value=value),
        op("test", "/new", value=value),
        op("copy", "/copied", from_="/new"),
        op("move", "/moved", from_="/new"),
        op("test", "/moved", value=value),
        op("remove", "/moved"),
        op("test", "/copied", value=value),
        op("remove", "/copied"),
    ]
    assert same(json_patched(holder, operations), holder)
