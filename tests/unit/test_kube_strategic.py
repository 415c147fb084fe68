import contextlib
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_strategies import SCALARS, maps

from eventing.errors import Invalid
from kanal.api.kube.patching import merged, strategically
from kanal.api.kube.plain import same

KEYS = {
    ("spec", "ports"): ("port", "protocol"),
    ("spec", "ports", "*", "tags"): (),
    ("metadata", "finalizers"): (),
}
PORTS = [{"port": 80, "name": "http"}, {"port": 443, "name": "https"}]


def patched(spec: Any, patch: Any) -> Any:
    return strategically({"spec": spec}, {"spec": patch}, KEYS)["spec"]


def test_maps_merge_and_null_deletes() -> None:
    assert patched({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}, "x": {"y": None}}) == {
        "a": {"c": 2, "d": 3},
        "x": {},
    }


def test_lists_are_replaced_where_no_key_is_named() -> None:
    assert patched({"args": [{"port": 1}, {"port": 2}]}, {"args": [{"port": 2}]}) == {"args": [{"port": 2}]}


def test_items_of_a_keyed_list_merge_by_their_first_key_and_new_ones_come_behind() -> None:
    patch = [{"port": 443, "name": "tls"}, {"port": 8080, "name": None}]
    assert patched({"ports": PORTS}, {"ports": patch}) == {
        "ports": [PORTS[0], {"port": 443, "name": "tls"}, {"port": 8080}]
    }


def test_an_item_is_deleted_by_its_key() -> None:
    assert patched({"ports": PORTS}, {"ports": [{"$patch": "delete", "port": 80}]}) == {"ports": [PORTS[1]]}


def test_a_keyed_list_is_replaced_where_the_patch_says_so() -> None:
    patch = [{"port": 1}, {"$patch": "replace"}]
    assert patched({"ports": PORTS}, {"ports": patch}) == {"ports": [{"port": 1}]}
    assert strategically(
        {"metadata": {"finalizers": ["a"]}}, {"metadata": {"finalizers": [{"$patch": "replace"}, "b"]}}
    ) == {"metadata": {"finalizers": ["b"]}}


def test_a_map_is_replaced_or_deleted_where_the_patch_says_so() -> None:
    assert patched({"a": {"b": 1}}, {"a": {"$patch": "replace", "c": 2}}) == {"a": {"c": 2}}
    assert patched({"a": {"b": 1}, "d": 1}, {"a": {"$patch": "delete"}}) == {"d": 1}
    assert patched({"a": {"b": 1}}, {"a": {"$patch": "merge", "c": 2}}) == {"a": {"b": 1, "c": 2}}


def test_a_list_of_plain_values_with_a_merge_strategy_takes_what_it_does_not_have() -> None:
    before = {"metadata": {"finalizers": ["a", "b"]}}
    assert strategically(before, {"metadata": {"finalizers": ["c", "a"]}}) == {
        "metadata": {"finalizers": ["c", "a", "b"]}
    }


def test_plain_values_are_taken_out_by_a_directive() -> None:
    patch = {"$deleteFromPrimitiveList/finalizers": ["a", "x"], "finalizers": ["c"]}
    assert strategically({"metadata": {"finalizers": ["a", "b"]}}, {"metadata": patch}) == {
        "metadata": {"finalizers": ["c", "b"]}
    }


def test_keys_are_found_in_items_of_keyed_lists() -> None:
    before = {"ports": [{"port": 80, "tags": ["a"]}]}
    assert patched(before, {"ports": [{"port": 80, "tags": ["b"]}]}) == {"ports": [{"port": 80, "tags": ["b", "a"]}]}


def test_the_order_that_a_patch_asks_for_is_kept_and_strangers_stay_behind_their_neighbours() -> None:
    patch = {"$setElementOrder/ports": [{"port": 1}, {"port": 443}], "ports": [{"port": 1}]}
    before = {"ports": [{"port": 443}, {"port": 99}]}
    assert patched(before, patch) == {"ports": [{"port": 1}, {"port": 443}, {"port": 99}]}


def test_without_a_wish_for_an_order_new_items_come_before_those_that_the_patch_does_not_name() -> None:
    before = {"ports": [{"port": 1}, {"port": 2}, {"port": 3}]}
    patch = {"ports": [{"port": 3, "name": "c"}, {"port": 9}]}
    assert patched(before, patch)["ports"] == [{"port": 1}, {"port": 2}, {"port": 3, "name": "c"}, {"port": 9}]
    assert patched(before, {"ports": [{"port": 9}]})["ports"][0] == {"port": 9}


def test_only_retained_keys_stay() -> None:
    assert patched({"a": {"b": 1, "c": 2}}, {"a": {"$retainKeys": ["c", "d"], "d": 3}}) == {"a": {"c": 2, "d": 3}}


def test_an_order_of_plain_values_does_not_harm_a_list_of_maps_nor_a_value_among_maps() -> None:
    before = {"ports": ["stray", {"port": 2}, {"port": 1}]}
    assert patched(before, {"$setElementOrder/ports": ["x", {"port": 1}]}) == {
        "ports": ["stray", {"port": 2}, {"port": 1}]
    }


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"ports": [{"name": "x"}]}, r"spec\.ports\[0\]: the item has no port"),
        ({"ports": ["x"]}, r"spec\.ports\[0\]: the item has no port"),
        ({"a": {"$patch": "spam"}}, r'spec\.a: "spam" is no \$patch'),
        ({"a": {"$retainKeys": ["b"], "c": 1}}, r'sets "c" and does not retain it'),
        ({"a": {"$retainKeys": "b"}}, "needs a list"),
        ({"$deleteFromPrimitiveList/finalizers": "a"}, "needs a list"),
        ({"$setElementOrder/ports": 1}, "needs a list"),
    ],
)
def test_a_directive_that_makes_no_sense_is_refused_with_its_place(patch: Any, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        patched({"ports": PORTS, "a": {"x": 1}}, patch)


def test_a_patch_that_is_no_map_is_refused() -> None:
    with pytest.raises(Invalid, match="a map of fields"):
        strategically({}, [])


@given(maps(), maps())
def test_without_keys_and_directives_it_is_a_merge_patch(document: Any, patch: Any) -> None:
    assert same(strategically(document, patch, {}), merged(document, patch))


_NAMES = st.sampled_from(
    ["spec", "ports", "port", "metadata", "finalizers", "$patch", "$retainKeys", "$setElementOrder/ports",
     "$deleteFromPrimitiveList/finalizers"]
)  # fmt: skip


@given(
    maps(names=st.sampled_from(["spec", "ports", "port", "finalizers"])),
    maps(SCALARS | st.sampled_from(["replace", "delete"]), _NAMES),
)
def test_any_patch_gives_a_document_or_a_refusal(document: Any, patch: Any) -> None:
    kept = deepcopy((document, patch))
    keys = {("ports",): ("port",), ("spec", "ports"): ("port",), ("finalizers",): (), ("ports", "*", "finalizers"): ()}
    with contextlib.suppress(Invalid):
        strategically(document, patch, keys)
    assert same(list(kept), [document, patch])
