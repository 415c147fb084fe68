from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from json_strategies import maps, values

from eventing.errors import Invalid
from kanal.api.kube.patching import merged
from kanal.api.kube.plain import DEEPEST, same


@pytest.mark.parametrize(
    ("document", "patch", "after"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_every_example_of_the_rfc_comes_out_as_the_rfc_says(document: Any, patch: Any, after: Any) -> None:
    assert merged(document, patch) == after


def difference(before: Any, after: Any) -> Any:
    """A merge patch that makes the one of the other; there is one where no null is in `after`."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return after
    changed = {name: difference(before.get(name), value) for name, value in after.items()}
    return changed | {name: None for name in before if name not in after}


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


@given(values(), maps())
def test_there_is_a_patch_from_anything_to_any_document_without_nulls(before: Any, after: Any) -> None:
    wanted = without_nulls(after)
    assert same(merged(before, difference(before, wanted)), wanted)


@given(values(), values())
def test_a_patch_that_is_sent_twice_changes_nothing_more_and_no_input_is_touched(document: Any, patch: Any) -> None:
    kept = deepcopy((document, patch))
    once = merged(document, patch)
    assert same(merged(once, patch), once)
    assert (document, patch) == kept


def test_the_result_can_be_changed_without_changing_the_patch_or_the_document() -> None:
    document, patch = {"a": {"b": [1]}}, {"c": {"d": [2]}}
    found = merged(document, patch)
    found["a"]["b"].append(3)
    found["c"]["d"].append(3)
    assert (document, patch) == ({"a": {"b": [1]}}, {"c": {"d": [2]}})


@pytest.mark.parametrize("levels", [DEEPEST + 1, 900])
def test_a_patch_that_is_nested_too_deep_is_refused(levels: int) -> None:
    deep: Any = 1
    for _ in range(levels):
        deep = {"a": deep}
    with pytest.raises(Invalid, match="nested deeper"):
        merged({}, deep)
