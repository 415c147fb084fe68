"""What is being deleted while somebody else's finalizer keeps it: it takes and delivers nothing from that moment on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from control_stand import channel, compiled, condition, kafka_channel, key, resources, stored, subscription, well
from mesh_stand import broker, config, config_map, mesh, trigger

from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.expand import is_child
from eventing.plan.options import Options, Snapshot

WHEN = "2026-11-25T12:00:00Z"
C1, S1, K1 = key("Channel", "c1"), key("Subscription", "s1"), key("KafkaChannel", "c1")
B1, T1 = mesh("Broker", "b1"), mesh("Trigger", "t1")


def going(one: Resource, *finalizers: str) -> Resource:
    update = {"deletion_timestamp": WHEN, "finalizers": list(finalizers or ("someone.io/waits",))}
    return one.model_copy(update={"metadata": one.metadata.model_copy(update=update)})


async def everything(text: str, *gone: Key, statuses: dict[Key, dict[str, Any]] | None = None) -> list[Resource]:
    """What a store holds of the text, children included, and some of it being deleted."""
    store = await stored(text)
    for child in compile_plan(Snapshot(store.list())).children:
        await store.apply(child)
    for one, status in (statuses or {}).items():
        await store.set_status(one, status)
    return [going(one) if key_of(one) in gone else one for one in store.list()]


def being_deleted(found: Compiled, one: Key) -> tuple[str, str]:
    status, reason, message = condition(found.statuses[one])
    assert (status, reason) == ("False", "BeingDeleted")
    assert "address" not in found.statuses[one]
    return status, message


async def test_a_broker_that_is_being_deleted_has_no_route_and_its_triggers_say_why() -> None:
    found = well(await everything(broker() + trigger(), B1))
    assert found.plan.ingresses == {} == found.plan.egresses == found.plan.topics
    _, message = being_deleted(found, B1)
    assert message.endswith("takes and delivers nothing any more; it is kept by the finalizer someone.io/waits")
    _, reason, message = condition(found.statuses[T1])
    assert reason == "BeingDeleted"
    assert message.startswith("Broker default/b1: it is being deleted")


async def test_a_trigger_that_is_being_deleted_delivers_nothing_and_its_group_may_go() -> None:
    there = await everything(broker() + trigger() + trigger("t2"), T1)
    found = well(there)
    assert {one.name for one in found.plan.egresses.values()} == {"t2"}
    being_deleted(found, T1)
    gone = next(one.metadata.uid for one in there if key_of(one) == T1)
    assert gone not in found.alive
    assert {one.metadata.uid for one in there} - {gone} == found.alive


async def test_a_subscription_that_is_being_deleted_is_no_subscriber_any_more() -> None:
    found = well(await everything(channel() + subscription() + subscription("s2"), S1))
    assert {one.name for one in found.plan.egresses.values()} == {"s2"}
    assert len(found.statuses[K1]["subscribers"]) == 1
    assert [one["name"] for one in found.subscribers[K1]] == ["s2"]


async def test_a_channel_that_is_being_deleted_takes_its_own_channel_along() -> None:
    found = well(await everything(channel() + subscription(), C1))
    assert found.children == ()
    assert found.plan.egresses == {}
    being_deleted(found, C1)
    assert "Channel default/c1 can't be served: " in condition(found.statuses[S1])[2]


@pytest.mark.parametrize("gone", [C1, B1])
async def test_a_reference_to_it_leads_nowhere_and_says_why(gone: Key) -> None:
    to = f"{{ref: {{apiVersion: {gone.group}/v1, kind: {gone.kind}, name: {gone.name}}}}}"
    found = well(await everything(channel("c2") + channel() + broker() + subscription(of="c2", to=to), gone))
    assert found.plan.egresses == {}
    assert condition(found.statuses[S1])[2] == f"spec.subscriber: {gone} has no address; its own conditions say why"


async def test_a_child_that_somebody_deletes_is_kept_until_it_is_gone_and_then_made_anew() -> None:
    there = await everything(channel() + subscription(), K1)
    found = well(there)
    assert found.plan.ingresses == {}
    assert [one.metadata.deletion_timestamp for one in found.children] == [WHEN]
    status, reason, message = condition(found.statuses[C1])
    assert (status, reason) == ("False", "ChildBeingDeleted")
    assert message == "KafkaChannel default/c1 is being deleted, and is made anew once it is gone"
    later = well([one for one in there if key_of(one) != K1])
    assert [one.metadata.deletion_timestamp for one in later.children] == [None]
    assert len(later.plan.egresses) == 1


async def test_its_names_outlast_everything_else_of_it() -> None:
    kept = {"annotations": {"default.topic": "from-before", "group.id": "from-before"}}
    found = well(await everything(broker() + trigger(), B1, T1, statuses={B1: kept, T1: kept}))
    assert found.statuses[B1]["annotations"] == found.statuses[T1]["annotations"] == kept["annotations"]


async def test_its_path_and_its_topic_are_free_for_somebody_else() -> None:
    text = kafka_channel("same") + broker("same")
    found = well(await everything(text, key("KafkaChannel", "same")))
    assert [one.kind for one in found.plan.ingresses.values()] == ["Broker"]
    assert condition(found.statuses[mesh("Broker", "same")])[0] == "True"


async def test_a_config_map_says_what_it_says_until_it_is_gone() -> None:
    text = config_map(**{"default.topic.partitions": "3"}) + broker(spec=config())
    found = well(await everything(text, Key("", "ConfigMap", "default", "topics")))
    assert [one.partitions for one in found.plan.topics.values()] == [3]


async def test_a_flow_that_is_being_deleted_gives_up_all_its_parts() -> None:
    flow = """---
apiVersion: flows.knative.dev/v1
kind: Sequence
metadata: {name: s}
spec: {steps: [{uri: 'http://a:1'}, {uri: 'http://b:1'}]}
"""
    there = await everything(flow)
    assert len(well(there).plan.ingresses) == 2
    found = well([one if is_child(one) else going(one) for one in there])
    assert found.children == ()


async def test_an_event_type_that_is_being_deleted_asks_for_no_schema_any_more() -> None:
    text = """---
apiVersion: eventing.knative.dev/v1beta2
kind: EventType
metadata: {name: e}
spec:
  type: t
  schemaData: '{"type": "object"}'
  reference: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: b1}
"""
    there = await everything(text + broker(**{"kanal.dev/validate": "true"}))

    def schemas(found: Sequence[Resource]) -> int:
        return sum(len(one.schemas) for one in well(found).plan.ingresses.values())

    assert schemas(there) == 1
    assert schemas([going(one) if one.KIND == "EventType" else one for one in there]) == 0


async def test_what_is_left_alone_is_left_alone_to_its_end() -> None:
    there = [going(one) for one in resources(broker(**{"eventing.knative.dev/broker.class": "Other"}))]
    found = well(there, Options(any_broker_class=False))
    assert (set(found.left_alone), found.statuses) == ({B1}, {})


async def test_what_there_is_of_it_compiles_the_same_before_and_after() -> None:
    """Deleting one must not move anything of the others."""
    text = channel("c2") + subscription("s2", of="c2")
    alone = await compiled(text)
    found = well(await everything(text + channel() + subscription(), C1, S1, K1))
    assert found.plan == alone.plan
