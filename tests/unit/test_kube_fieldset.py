from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_strategies import maps, values

from eventing.errors import Invalid
from kanal.api.kube.fieldset import changes, folded, places, spelt, unfolded
from kanal.api.kube.keyed import Keys, element, elements, key_names

KEYS: Keys = {("items",): ("id",), ("tags",): (), ("spec", "*", "deep"): ("id",), ("items", "*", "tags"): ()}


@pytest.mark.parametrize(
    ("fields", "tree"),
    [
        ([], {}),
        ([("f:a",)], {"f:a": {}}),
        ([("f:a", "f:b")], {"f:a": {"f:b": {}}}),
        ([("f:a",), ("f:a", "f:b")], {"f:a": {".": {}, "f:b": {}}}),
        ([("f:a", 'k:{"id":1}'), ("f:a", 'k:{"id":1}', "f:id")], {"f:a": {'k:{"id":1}': {".": {}, "f:id": {}}}}),
        ([("f:.",)], {"f:.": {}}),
    ],
)
def test_paths_fold_into_the_tree_that_kubernetes_writes_and_back(fields: Any, tree: Any) -> None:
    assert folded(fields) == tree
    assert unfolded(tree) == frozenset(fields)


STEPS = st.sampled_from(["f:a", "f:b", "f:.", 'k:{"id":1,"z":"x"}', 'v:"x"', "v:1", "i:0"])


@given(st.frozensets(st.lists(STEPS, min_size=1, max_size=4).map(tuple), max_size=8))
def test_any_set_of_fields_comes_back_as_it_was(fields: Any) -> None:
    assert unfolded(folded(fields)) == fields


def test_keys_are_the_same_however_they_are_spelt() -> None:
    assert unfolded({"f:a": {'k:{"z": "ü", "id": 1}': {}}}) == {("f:a", 'k:{"id":1,"z":"ü"}')}


@pytest.mark.parametrize("tree", [1, [], {"a": {}}, {"x:a": {}}, {"f:a": 1}, {"k:{": {}}, {"v:": {}}, {"": {}}])
def test_what_is_no_field_set_is_refused(tree: Any) -> None:
    with pytest.raises(Invalid):
        unfolded(tree)


def test_a_field_set_that_is_nested_too_deep_is_refused() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"f:a": deep}
    with pytest.raises(Invalid):
        unfolded(deep)


@given(values())
def test_any_tree_is_a_field_set_or_refused(tree: Any) -> None:
    try:
        found = unfolded(tree)
    except Invalid:
        return
    assert unfolded(folded(found)) == found


def test_places_of_keyed_lists_are_named_by_their_keys_and_others_are_one_value() -> None:
    document = {
        "items": [{"id": 1, "tags": ["x"]}],
        "tags": ["t"],
        "spec": {"any": {"deep": [{"id": 2}]}},
        "list": [1, 2],
    }
    assert list(places(document, KEYS)) == [
        ("f:items",),
        ("f:items", 'k:{"id":1}'),
        ("f:items", 'k:{"id":1}', "f:id"),
        ("f:items", 'k:{"id":1}', "f:tags"),
        ("f:items", 'k:{"id":1}', "f:tags", 'v:"x"'),
        ("f:tags",),
        ("f:tags", 'v:"t"'),
        ("f:spec",),
        ("f:spec", "f:any"),
        ("f:spec", "f:any", "f:deep"),
        ("f:spec", "f:any", "f:deep", 'k:{"id":2}'),
        ("f:spec", "f:any", "f:deep", 'k:{"id":2}', "f:id"),
        ("f:list",),
    ]


def test_items_that_can_not_be_told_apart_have_no_elements() -> None:
    assert elements([{"id": 1}, {"id": 1}], ("id",)) is None
    assert elements([{"id": 1}, {"x": 1}], ("id",)) is None
    assert elements([{"id": 1}, {"id": "1"}, {"id": True}], ("id",)) is not None
    assert element({"id": {}}, ("id",)) is None
    assert element({"id": 1}, ()) is None
    # What YAML reads as a date.
    assert element(date(2026, 11, 26), ()) is None


def test_an_exact_pattern_wins_over_one_with_stars() -> None:
    keys: Keys = {("*", "x"): ("a",), ("b", "x"): ("c",)}
    assert (key_names(("b", "x"), keys), key_names(("d", "x"), keys), key_names(("x",), keys)) == (("c",), ("a",), None)


NAMES = st.sampled_from(["items", "tags", "id", "a"])


@given(maps(names=NAMES), maps(names=NAMES))
def test_a_change_gives_what_is_new_or_other_and_takes_what_is_gone(before: Any, after: Any) -> None:
    made, back = changes(before, after, KEYS), changes(after, before, KEYS)
    there, was = places(after, KEYS).keys(), places(before, KEYS).keys()
    assert (made.given - back.given, made.gone) == (there - was, was - there)
    assert made.given <= there
    assert not any(changes(after, after, KEYS))


def test_true_is_another_value_than_one() -> None:
    assert changes({"a": 1, "b": 1}, {"a": True, "b": 1.0}, {}).given == {("f:a",)}


def test_a_field_is_spelt_for_people() -> None:
    field = ("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:tags", 'v:"x"')
    assert spelt(field) == '.spec.ports[port=80,protocol="TCP"].tags[="x"]'
