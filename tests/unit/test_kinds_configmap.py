"""A ConfigMap as Kubernetes knows it: texts by key, no spec, no conditions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from kind_documents import faults

from eventing.kinds.configmap import ConfigMap
from eventing.kinds.key import Key
from eventing.kinds.meta import Defaults
from eventing.kinds.registry import KINDS, check_update, find, named, parse
from eventing.store.memory import MemoryStore


def config_map(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, **fields}


def test_a_config_map_comes_back_as_it_was_given() -> None:
    whole = config_map(data={"default.topic.partitions": "3", "empty": ""}, binaryData={"k": "AA=="}, immutable=True)
    assert faults(whole) == []
    metadata = {"name": "x", "namespace": "default"}
    assert parse(whole).defaulted(Defaults()).document() == {**whole, "metadata": metadata}
    assert parse(config_map()).document() == {**config_map(), "metadata": metadata}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (
            {"data": {"default.topic.partitions": 10}},
            'data[default.topic.partitions]: text is needed, and YAML reads 10 as a number; put it in quotes: "10"',
        ),
        ({"spec": {}}, "spec: there is no such field; a ConfigMap's fields are data and binaryData"),
        ({"dta": {}}, "dta: there is no such field; did you mean data?"),
        ({"data": {"a b": "c"}}, 'data[a b]: "a b" can\'t be a key; 253 of letters, digits, - . and _ are allowed'),
    ],
)
def test_a_wrong_config_map_names_field_and_fix(fields: dict[str, Any], found: str) -> None:
    assert faults(config_map(**fields)) == [found]


def test_it_is_in_kubernetes_core_group_and_no_part_of_all() -> None:
    assert find("v1", "ConfigMap") is ConfigMap
    assert ConfigMap.full_version("v1") == "v1"
    assert named("cm") == named("configmaps") == (ConfigMap,)
    assert ConfigMap not in named("all")
    assert set(named("all")) == set(KINDS) - {ConfigMap}
    assert faults({**config_map(), "apiVersion": "v2"}) == ['apiVersion: "v2" is not served for ConfigMap; write v1']


def test_its_data_may_change_unless_it_says_that_they_stay() -> None:
    before, after = config_map(data={"a": "1"}), config_map(data={"a": "2"})
    assert check_update(parse(before), parse(after)) == []
    found = check_update(parse({**before, "immutable": True}), parse(after))
    assert [one.field for one in found] == ["data.a", "immutable"]
    assert check_update(parse({**before, "immutable": True}), parse({**before, "immutable": True})) == []


async def test_a_store_keeps_what_changed_in_it() -> None:
    store = MemoryStore(lambda: datetime(2026, 11, 25, tzinfo=UTC))
    await store.apply(parse(config_map(data={"a": "1"})))
    await store.apply(parse(config_map(data={"a": "2"})))
    (found,) = store.list()
    assert isinstance(found, ConfigMap)
    assert found.data == {"a": "2"}
    assert found.metadata.uid
    await store.delete(Key("", "ConfigMap", "default", "x"))
    assert store.list() == ()
