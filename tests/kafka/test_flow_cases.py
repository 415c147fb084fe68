"""Flows on a real Kafka: what goes in at one end comes out at the other, also while the flow changes (B12, B43, B44, B45)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from answering import extension, status
from flow_stand import parallel, ref, sequence
from mesh_stand import broker, trigger
from raw_http import OK, Answer, Peer, RawServer, Request, reply, until
from stack import Stack, good, ids, running

pytestmark = pytest.mark.kafka

RATE_S = 0.1
TEXT = {"Content-Type": "text/plain"}


def appending(suffix: str) -> Answer:
    """Answer with the event itself, this text behind its data."""

    async def answer(peer: Peer, request: Request) -> None:
        await peer.send(echo(request, suffix.encode()))

    return answer


def echo(request: Request, suffix: bytes = b"") -> bytes:
    kept = [(name, value) for name, value in request.headers if name.lower().startswith((b"ce-", b"content-type"))]
    headers = b"".join(name + b": " + value + b"\r\n" for name, value in kept)
    return status(200, headers.decode(), request.body + suffix)


def at(server: RawServer, path: str = "", **more: Any) -> dict[str, Any]:
    """A server as a destination."""
    return {"uri": server.url + path, **more}


async def apply(stack: Stack, text: str) -> None:
    await stack.apply(text)
    assert stack.problems == []


def bodies(server: RawServer) -> dict[str, str]:
    """What came, by id."""
    return {extension(one, "id") or "": one.body.decode() for one in server.requests}


async def test_a_sequence_appends_step_by_step_and_the_reply_gets_the_result(kafka: str) -> None:
    async with (
        RawServer(appending(" one")) as one,
        RawServer(appending(" two")) as two,
        RawServer(appending(" three")) as three,
        RawServer() as sink,
        running(kafka) as stack,
    ):
        await apply(stack, sequence(at(one), at(two), at(three), namespace=stack.ns, reply=at(sink)))
        await stack.ready("Sequence", "s")
        url = stack.status("Sequence", "s")["address"]["url"]
        assert url == stack.url("s-kn-sequence-0")
        await stack.send(good("e1") | TEXT, b"zero", "s-kn-sequence-0")
        await until(lambda: sink.requests)
        assert [body.decode() for body in sink.bodies] == ["zero one two three"]
        assert ids(sink.requests) == ["e1"]


async def test_b45_a_branch_without_a_filter_gets_everything_and_a_silent_filter_drops_it_for_its_branch(
    kafka: str,
) -> None:
    async with (
        RawServer(appending(" one")) as one,
        RawServer(appending(" two")) as two,
        RawServer(reply(OK)) as silent,
        RawServer() as sink,
        running(kafka) as stack,
    ):
        branches = {"subscriber": at(one)}, {"filter": at(silent), "subscriber": at(two)}
        await apply(stack, parallel(*branches, namespace=stack.ns, reply=at(sink)))
        await stack.ready("Parallel", "p")
        for number in range(5):
            await stack.send(good(f"e{number}") | TEXT, b"zero", "p-kn-parallel")
        await stack.caught_up("p-kn-parallel-filter-1")
        await until(lambda: len(sink.requests) >= 5)
        await stack.caught_up("p-kn-parallel-1")
        assert sorted(ids(silent.requests)) == sorted(ids(sink.requests)) == [f"e{number}" for number in range(5)]
        assert set(bodies(sink).values()) == {"zero one"}
        assert two.requests == []


async def test_a_filter_that_echoes_lets_the_event_through_and_a_branchs_own_reply_wins(kafka: str) -> None:
    async with (
        RawServer(appending("")) as echoing,
        RawServer(appending(" one")) as one,
        RawServer(reply(OK)) as silent,
        RawServer() as own,
        RawServer() as common,
        running(kafka) as stack,
    ):
        branches = (
            {"filter": at(echoing), "subscriber": at(one), "reply": at(own)},
            {"filter": at(silent), "subscriber": at(one)},
        )
        await apply(stack, parallel(*branches, namespace=stack.ns, reply=at(common)))
        await stack.ready("Parallel", "p")
        await stack.send(good("e1") | TEXT, b"zero", "p-kn-parallel")
        await stack.caught_up("p-kn-parallel-filter-1")
        await until(lambda: own.requests)
        assert (own.bodies, len(one.requests), common.requests) == ([b"zero one"], 1, [])


async def test_b44_what_fails_in_a_step_goes_to_the_dead_letter_sink_of_that_step_alone(kafka: str) -> None:
    async with (
        RawServer(appending(" one")) as one,
        RawServer(reply(status(400))) as two,
        RawServer() as dead_letters,
        RawServer() as others,
        RawServer() as sink,
        running(kafka) as stack,
    ):
        first = at(one, delivery={"deadLetterSink": at(others)})
        second = at(two, delivery={"deadLetterSink": at(dead_letters)})
        await apply(stack, sequence(first, second, namespace=stack.ns, reply=at(sink)))
        await stack.ready("Sequence", "s")
        await stack.send(good("e1") | TEXT, b"zero", "s-kn-sequence-0")
        await until(lambda: dead_letters.requests)
        assert dead_letters.bodies == [b"zero one"]
        assert extension(dead_letters.requests[0], "knativeerrordest") == two.url
        assert (others.requests, sink.requests) == ([], [])


async def test_a_trigger_sends_into_a_sequence_that_replies_to_the_broker(kafka: str) -> None:
    async def typed(peer: Peer, request: Request) -> None:
        await peer.send(echo(request, b" one").replace(b"ce-type: t.a", b"ce-type: t.done"))

    async with RawServer(typed) as one, RawServer() as sink, running(kafka) as stack:
        text = broker(namespace=stack.ns)
        only = "filter: {attributes: {type: t.%s}}"
        text += trigger(namespace=stack.ns, to=str(ref("Sequence", "s")), more=only % "a")
        text += trigger("done", stack.ns, to=str(at(sink)), more=only % "done")
        await apply(stack, text + sequence(at(one), namespace=stack.ns, reply=ref("Broker", "b1")))
        for kind, name in (("Sequence", "s"), ("Trigger", "t1"), ("Trigger", "done")):
            await stack.ready(kind, name)
        await stack.send(good("e1") | TEXT, b"zero", "b1")
        await until(lambda: sink.requests)
        assert (sink.bodies, len(one.requests)) == ([b"zero one"], 1)


async def test_b43_steps_and_replies_into_another_namespace_go_there(kafka: str) -> None:
    async with (
        RawServer(appending(" there")) as there,
        RawServer(appending(" wrong")) as wrong,
        RawServer() as sink,
    ):
        services = {"ns2/w": there.url, "ns2/r": sink.url}
        async with running(kafka, resolve={"services": services}) as stack:
            services |= {f"{stack.ns}/w": wrong.url, f"{stack.ns}/r": wrong.url}
            step, target = ref("Service", "w", "ns2"), ref("Service", "r", "ns2")
            await apply(stack, sequence(step, namespace=stack.ns, reply=target))
            await stack.ready("Sequence", "s")
            physical = stack.status("Subscription", "s-kn-sequence-0")["physicalSubscription"]
            assert physical == {"subscriberUri": there.url, "replyUri": sink.url}
            await stack.send(good("e1") | TEXT, b"zero", "s-kn-sequence-0")
            await until(lambda: sink.requests)
            assert sink.bodies == [b"zero there"]
            assert wrong.requests == []
            assert there.requests[0].header(b"kn-namespace") == [stack.ns.encode()]


@asynccontextmanager
async def sending(stack: Stack) -> AsyncIterator[list[str]]:
    """Ten events a second into the Sequence `s` while inside; their ids so far."""
    sent: list[str] = []

    async def send() -> None:
        while True:
            sent.append(f"e{len(sent)}")
            await stack.send(good(sent[-1]) | TEXT, b"", "s-kn-sequence-0")
            await asyncio.sleep(RATE_S)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(send())
        yield sent
        task.cancel()


async def test_b45_a_sequence_changes_while_events_run_through_it(kafka: str) -> None:
    def fails_some(letter: str) -> Answer:
        async def answer(peer: Peer, request: Request) -> None:
            bad = (extension(request, "id") or "").startswith("bad")
            await peer.send(status(500) if bad else echo(request, letter.encode()))

        return answer

    async with (
        RawServer(appending("A")) as a,
        RawServer(fails_some("B")) as b,
        RawServer(appending("C")) as c,
        RawServer() as dead_letters,
        RawServer() as sink,
        running(kafka) as stack,
    ):

        async def change(*steps: Mapping[str, Any]) -> None:
            await apply(stack, sequence(*steps, namespace=stack.ns, reply=at(sink)))
            await stack.ready("Sequence", "s")
            assert stack.status("Sequence", "s")["address"]["url"] == stack.url("s-kn-sequence-0")

        async def through() -> str:
            """What has become of the next event that is sent."""
            id_ = f"e{len(sent)}"
            await until(lambda: id_ in bodies(sink), 30)
            return bodies(sink)[id_]

        await change(at(a), at(b), at(c))
        groups = [(await stack.egress(f"s-kn-sequence-{i}")).group for i in range(3)]
        async with sending(stack) as sent:
            assert await through() == "ABC"

            delivery = {"retry": 2, "backoffDelay": "PT0.05S", "deadLetterSink": at(dead_letters)}
            await change(at(a), at(b, delivery=delivery), at(c))
            await stack.send(good("bad") | TEXT, b"", "s-kn-sequence-0")
            await until(lambda: dead_letters.requests, 30)
            assert ids(b.requests).count("bad") == 3
            assert await through() == "ABC"

            await change(at(b, delivery=delivery), at(a), at(c))
            assert await through() == "BAC"

            arrived = set(ids(sink.requests))
            await change(at(b, delivery=delivery), at(a))
            under_way = set(sent) - arrived
            assert await through() == "BA"
            for kind in ("KafkaChannel", "Subscription"):
                await until(lambda kind=kind: stack.resource(kind, "s-kn-sequence-2") is None)
        await stack.caught_up("s-kn-sequence-0")
        await stack.caught_up("s-kn-sequence-1")
        await until(lambda: set(sent) - under_way <= set(ids(sink.requests)))

        assert [(await stack.egress(f"s-kn-sequence-{i}")).group for i in range(2)] == groups[:2]
        came = ids(sink.requests)
        assert len(came) == len(set(came))
        # One letter a step: no event was given to the old and to the new version of one.
        assert {len(body) for body in bodies(sink).values()} == {2, 3}
        assert all(body.endswith("C") for body in bodies(sink).values() if len(body) == 3)
        assert ids(dead_letters.requests) == ["bad"]
        assert [await stack.buried(f"s-kn-sequence-{i}") for i in range(3)] == [[], [], []]


async def test_b12_an_event_goes_through_seventy_steps_and_does_not_grow(kafka: str) -> None:
    async with RawServer(appending("")) as step, RawServer() as sink, running(kafka) as stack:
        steps = [at(step, str(number)) for number in range(70)]
        await apply(stack, sequence(*steps, namespace=stack.ns, reply=at(sink)))
        await stack.ready("Sequence", "s")
        await stack.send(good("e1", knativehistory="x" * 200) | TEXT, b"zero", "s-kn-sequence-0")
        await until(lambda: sink.requests, 60)
        assert [one.line.split()[1] for one in step.requests] == [f"/{number}".encode() for number in range(70)]
        assert size(step.requests[-1]) <= size(step.requests[0]) + 200
        assert sink.bodies == [b"zero"]


def size(request: Request) -> int:
    """The bytes of its headers."""
    return sum(len(name) + len(value) + 4 for name, value in request.headers)
