"""What users of such systems met with Brokers and Triggers; each test keeps its case's number."""

from __future__ import annotations

import pytest
from answering import extension, groups, members, status, within
from raw_http import OK, RawServer, late, reply, until
from room import House, Room, patience, ref
from room import room as room_in
from stack import good, ids, running

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]


async def test_b40_a_trigger_with_another_subscriber_or_filter_loses_nothing_and_skips_nothing(room: Room) -> None:
    """(a) and (b): three partitions of a topic, so what is under way at the change is little and counted."""
    async with RawServer(late(OK, 0.02)) as old, RawServer() as new:
        await room.has(room.broker())
        order = {"kafka.eventing.knative.dev/delivery.order": "ordered"}
        await room.has(room.trigger("t1", old, annotations=order))
        sent = [f"e{number}" for number in range(90)]
        at_ready = len(sent)
        for number, id_ in enumerate(sent):
            await room.send(good(id_, partitionkey=f"key {number % 6}"), channel="b1")
            if number == 30:
                await room.has(room.trigger("t1", new, annotations=order))
                at_ready = len(old.requests)
            if number == 60:
                await room.quiet("t1")
                await room.has(room.trigger("t1", new, annotations=order, filters=[{"suffix": {"id": "0"}}]))
        await room.quiet("t1")
        got = [*ids(old.requests), *ids(new.requests)]
        wanted = [*sent[:61], *(id_ for id_ in sent[61:] if id_.endswith("0"))]
        assert sorted(got) == sorted(wanted)
        assert len(old.requests) - at_ready <= 6


async def test_b40_a_trigger_whose_subscriber_vanishes_is_not_ready_and_its_events_wait(
    room: Room, house: House
) -> None:
    """(c)."""
    place = f"{room.ns}/w"
    async with RawServer() as subscriber, RawServer() as dead_letters:
        house.services[place] = subscriber.url
        to = {"ref": ref("Service", "w")}
        await room.has(room.broker(), room.trigger("t1", to, delivery=patience(dead_letters)))
        await room.send(good("before"), channel="b1")
        await until(lambda: subscriber.requests)

        del house.services[place]

        def unresolved() -> bool:
            found = [room.condition("Trigger", "t1", one) for one in ("Ready", "SubscriberResolved")]
            return all(one is not None and one.status == "False" for one in found)

        await until(unresolved, 10)
        assert "subscriberUri" not in room.status("Trigger", "t1")
        await until(lambda: all(one.namespace != room.ns for one in room.dispatcher.egresses))
        for number in range(5):
            await room.send(good(f"e{number}", partitionkey="k"), channel="b1")

        house.services[place] = subscriber.url
        await room.ready("Trigger", "t1")
        await room.quiet("t1")
        assert sorted(ids(subscriber.requests)) == ["before", *(f"e{number}" for number in range(5))]
        assert (dead_letters.requests, await room.kept("t1")) == ([], [])


async def test_b40_and_b41_a_label_or_a_delivery_that_changes_restarts_no_consumer_and_repeats_nothing(
    room: Room, kafka: str
) -> None:
    """B40 (d) for a Trigger, B41 (a) for its Broker: twenty changes while events flow."""
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber))
        group = (await room.egress("t1")).group
        await room.send(good("first"), channel="b1")
        await until(lambda: subscriber.requests)
        before = await members(kafka, group)
        assert before
        sent = ["first"]
        for number in range(20):
            await room.has(
                room.broker(delivery=patience(retry=number)),
                room.trigger("t1", subscriber).replace(
                    '"metadata": {', f'"metadata": {{"labels": {{"n": "l{number}"}}, '
                ),
                wait=False,
            )
            sent.append(f"e{number}")
            await room.send(good(sent[-1]), channel="b1")

        async def changed() -> bool:
            return (await room.egress("t1")).policy.retry == 19

        await within(changed)
        await room.quiet("t1")
        assert sorted(ids(subscriber.requests)) == sorted(sent)
        assert await members(kafka, group) == before


async def test_b41_two_triggers_with_one_subscriber_deliver_each_event_exactly_twice(room: Room) -> None:
    """(b)."""
    async with RawServer() as subscriber:
        await room.has(room.broker(), room.trigger("t1", subscriber), room.trigger("t2", subscriber))
        sent = [f"e{number}" for number in range(10)]
        for id_ in sent:
            await room.send(good(id_), channel="b1")
        await room.quiet("t1", "t2")
        assert sorted(ids(subscriber.requests)) == sorted(sent * 2)


async def test_b41_a_trigger_that_is_deleted_and_made_again_ten_times_is_one(room: Room, kafka: str) -> None:
    """(c)."""
    async with RawServer() as subscriber:
        trigger = room.trigger("t1", subscriber)
        await room.has(room.broker())
        for _ in range(10):
            await room.has(trigger, wait=False)
            await room.has_not("Trigger", "t1")
        await room.has(trigger)
        for number in range(10):
            await room.send(good(f"e{number}"), channel="b1")
        await room.quiet("t1")
        assert sorted(ids(subscriber.requests)) == [f"e{number}" for number in range(10)]
        assert [one for one in await groups(kafka) if room.ns in one] == [f"knative-trigger-{room.ns}-t1"]


async def test_b41_the_same_documents_twice_change_nothing_and_two_of_one_name_are_refused(
    room: Room, kafka: str
) -> None:
    """(d) and (e)."""
    async with RawServer() as subscriber, RawServer() as other:
        documents = [room.broker(), room.trigger("t1", subscriber)]
        await room.has(*documents)
        group = (await room.egress("t1")).group
        await room.send(good("one"), channel="b1")
        await until(lambda: subscriber.requests)
        before = await members(kafka, group)
        await room.has(*documents)
        await room.send(good("two"), channel="b1")
        await room.quiet("t1")
        assert sorted(ids(subscriber.requests)) == ["one", "two"]
        assert await members(kafka, group) == before

        room.problems.clear()
        await room.apply("\n---\n".join([*documents, room.trigger("t1", other)]))
        assert f"Trigger {room.ns}/t1" in room.problems[0]
        assert "test.yaml:5" in room.problems[0]
        assert "test.yaml:3" in room.problems[0]
        await room.send(good("three"), channel="b1")
        await room.quiet("t1")
        assert (len(subscriber.requests), other.requests) == (3, [])


async def test_b43_a_trigger_sends_into_the_namespace_that_it_names_and_nowhere_else(room: Room, house: House) -> None:
    """(a), (c) and (e): subscriber and dead letter sink in another namespace, and all names in both."""
    async with RawServer() as wrong, RawServer(reply(status(500))) as there, RawServer() as letters:
        async with room_in(house.stack) as second, RawServer() as seconds:
            elsewhere = second.ns
            house.services.update({f"{room.ns}/{name}": wrong.url for name in ("w", "dls")})
            house.services.update({f"{elsewhere}/w": there.url, f"{elsewhere}/dls": letters.url})
            sink = {"ref": ref("Service", "dls", elsewhere)}
            await room.has(room.broker())
            await second.has(second.broker(), second.trigger("t1", seconds))
            to = {"ref": ref("Service", "w", elsewhere)}
            await room.has(room.trigger("t1", to, delivery=patience(sink)))
            shown = room.status("Trigger", "t1")
            assert (shown["subscriberUri"], shown["deadLetterSinkUri"]) == (there.url, letters.url)
            await room.send(good("mine"), channel="b1")
            await second.send(good("others"), channel="b1")
            await room.quiet("t1")
            await second.quiet("t1")
            assert [ids(one.requests) for one in (there, letters, seconds)] == [["mine"], ["mine"], ["others"]]
            assert wrong.requests == []
            spaces = [one.requests[0].header(b"kn-namespace") for one in (there, letters, seconds)]
            assert spaces == [[room.ns.encode()], [room.ns.encode()], [elsewhere.encode()]]


async def test_b44_a_broker_whose_dead_letter_sink_is_missing_names_it_and_heals_by_itself(
    room: Room, house: House
) -> None:
    async with RawServer() as subscriber, RawServer() as letters:
        sink = {"ref": ref("Service", "dls")}
        await room.has(room.broker(delivery=patience(sink)), room.trigger("t1", subscriber), wait=False)
        await _names(room, "Broker", "b1", "Service", "dls")
        await _names(room, "Trigger", "t1", "Service", "dls")
        house.services[f"{room.ns}/dls"] = letters.url
        await room.ready("Broker", "b1")
        await room.ready("Trigger", "t1")
        assert room.status("Broker", "b1")["deadLetterSinkUri"] == letters.url


async def test_b44_a_trigger_without_its_broker_and_a_subscription_without_its_channel_name_it_and_heal(
    room: Room,
) -> None:
    async with RawServer() as subscriber:
        await room.has(
            room.trigger("t1", subscriber), room.subscribed("s1", subscriber, ref("Channel", "c1")), wait=False
        )
        await _names(room, "Trigger", "t1", "Broker", "b1")
        await _names(room, "Subscription", "s1", "Channel", "c1")
        await room.has(room.broker(), room.document("Channel", "c1", {}))
        await room.ready("Trigger", "t1")
        await room.ready("Subscription", "s1")


async def _names(room: Room, kind: str, name: str, missing: str, its_name: str) -> None:
    """Ready is False, not Unknown, and the message names what is missing: its kind, namespace and name."""

    def told() -> bool:
        ready = room.condition(kind, name)
        return (
            ready is not None and ready.status == "False" and f"{missing} {room.ns}/{its_name}" in (ready.message or "")
        )

    await until(told, 10)


async def test_b44_a_class_that_nobody_knows_is_served_here_and_says_so(room: Room) -> None:
    annotations = {"eventing.knative.dev/broker.class": "NobodyKnows"}
    async with RawServer() as subscriber:
        await room.has(room.broker("b1", annotations), room.trigger("t1", subscriber))
        condition = room.condition("Broker", "b1", "DataPlaneAvailable")
        assert condition is not None
        assert (condition.reason, "NobodyKnows" in (condition.message or "")) == ("ServedByKafka", True)
        await room.send(good("e"), channel="b1")
        await until(lambda: subscriber.requests)


async def test_b44_a_class_of_others_is_left_alone_where_the_setting_says_so(kafka: str) -> None:
    async with running(kafka, control={"any_broker_class": False}) as stack, room_in(stack) as room:
        annotations = {"eventing.knative.dev/broker.class": "NobodyKnows"}
        await room.has(room.broker("b1", annotations), wait=False)
        await room.has(room.broker("ours"))
        assert (await room.post(channel="ours")).status == 202
        assert room.status("Broker", "b1") == {}
        assert (await room.post(channel="b1")).status == 404


async def test_b44_what_fails_in_a_sequence_behind_a_trigger_goes_to_the_step_alone(room: Room) -> None:
    async with (
        RawServer(reply(status(400))) as step,
        RawServer() as steps,
        RawServer() as triggers,
        RawServer() as brokers,
    ):
        flow = {"apiVersion": "flows.knative.dev/v1", "kind": "Sequence", "name": "s"}
        spec = {"steps": [{"uri": step.url, "delivery": patience(steps)}]}
        await room.has(
            room.document("Sequence", "s", spec),
            room.broker(delivery=patience(brokers)),
            room.trigger("t1", {"ref": flow}, delivery=patience(triggers)),
        )
        await room.send(good("e"), channel="b1")
        await until(lambda: steps.requests)
        await room.quiet("t1")
        assert extension(steps.requests[0], "knativeerrordest") == step.url
        assert (triggers.requests, brokers.requests) == ([], [])
