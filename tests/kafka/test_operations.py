"""What a person does with a running stack, by the commands that they would type: dead letters, replay, pause and resume."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from answering import extension, status
from raw_http import Peer, RawServer, Request, until
from shell import shell
from stack import PATIENCE_S, UNORDERED, Stack, good, ids, running

pytestmark = pytest.mark.kafka


class Subscriber(RawServer):
    """A subscriber that answers 202 while it is `well`, 400 otherwise."""

    def __init__(self) -> None:
        super().__init__(self._say)
        self.well = False

    async def _say(self, peer: Peer, request: Request) -> None:
        answer = 202 if self.well else 400
        await peer.send(status(answer, body=b"" if self.well else b"broken today"))


async def eventually(what: Callable[[], bool]) -> None:
    await until(what, PATIENCE_S)


async def waiting(stack: Stack, letters: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(await stack.buried()) < letters:
            await asyncio.sleep(0.1)


async def test_dead_letters_are_listed_shown_exported_redelivered_and_then_no_longer_open(
    kafka: str, tmp_path: Path
) -> None:
    async with Subscriber() as subscriber, running(kafka) as stack, shell(stack) as kanal:
        await stack.channel()
        await stack.subscription(subscriber.url, annotations=UNORDERED)
        assert await kanal("deadletters", "s1") == "no open dead letters\n"
        for n in range(5):
            await stack.send(good(f"e{n}"), body=b'{"price": 1.10,\n "n": 1}')
        await waiting(stack, 5)

        heading, *rows = (await kanal("deadletters", "s1")).splitlines()
        assert heading.split() == ["OFFSET", "TIME", "TYPE", "SOURCE", "ID", "ATTEMPTS", "CODE", "REASON"]
        assert sorted(row.split()[4] for row in rows) == [f"e{n}" for n in range(5)]
        assert {row.split()[6] for row in rows} == {"400"}
        assert (await kanal("deadletters", "list", "s1", "--limit", "2")).endswith("3 older ones; --limit shows more\n")
        assert (await kanal("deadletters")).splitlines()[1].split() == [stack.ns, "Subscription", "s1", "5", "0"]

        shown = await kanal("deadletters", "show", "s1", "0")
        assert shown.startswith("open\n")
        assert "knativeerrorcode: 400" in shown
        assert "kanalreason: subscriber answered 400" in shown

        await kanal("deadletters", "export", "s1", "-o", str(tmp_path / "letters"))
        exported = (tmp_path / "letters").read_text().splitlines()
        assert sorted(json.loads(line)["id"] for line in exported) == [f"e{n}" for n in range(5)]
        assert all('"price": 1.10,' in line for line in exported)

        subscriber.well = True
        before = len(subscriber.requests)
        told = await kanal("deadletters", "redeliver", "s1", "--id", "e3")
        assert "1 of 1 done" in told
        assert told.endswith("4 open dead letters now\n")
        assert ids(subscriber.requests[before:]) == ["e3"]
        again = subscriber.requests[before]
        assert extension(again, "knativeerrorcode") is None
        assert extension(again, "kanalreason") is None

        assert "4 of 4 done" in await kanal("deadletters", "redeliver", "s1", "--all")
        assert sorted(ids(subscriber.requests[before:])) == [f"e{n}" for n in range(5)]
        assert await kanal("deadletters", "s1") == "no open dead letters\n"
        assert (await kanal("deadletters")).splitlines()[1].split() == [stack.ns, "Subscription", "s1", "0", "5"]
        assert (await kanal("deadletters", "show", "s1", "0")).startswith("delivered since 20")
        assert len((await kanal("deadletters", "export", "s1", "--all")).splitlines()) == 5
        assert "no open dead letter fits" in await kanal("deadletters", "redeliver", "s1", "--all", code=2)


async def test_what_fails_again_is_a_new_dead_letter_and_what_is_discarded_is_none(kafka: str) -> None:
    async with Subscriber() as subscriber, running(kafka) as stack, shell(stack) as kanal:
        await stack.channel()
        await stack.subscription(subscriber.url)
        await stack.send(good("a"))
        await waiting(stack, 1)
        assert (await kanal("deadletters", "redeliver", "s1", "0")).endswith("1 open dead letter now\n")
        (row,) = (await kanal("deadletters", "s1")).splitlines()[1:]
        assert row.split()[4] == "a"
        offset = row.split()[0]
        assert offset != "0"
        assert "no open dead letter that fits is at 0" in await kanal("deadletters", "redeliver", "s1", "0", code=2)

        await kanal("deadletters", "discard", "s1", offset, answer="n\n", code=1)
        assert (await kanal("deadletters", "discard", "s1", offset, answer="y\n")).endswith("1 discarded\n")
        assert await kanal("deadletters", "s1") == "no open dead letters\n"
        assert (await kanal("deadletters", "show", "s1", offset)).startswith("discarded since 20")


async def test_ctrl_c_cancels_a_redelivery_and_what_was_not_sent_stays_open(kafka: str) -> None:
    hung = asyncio.Event()

    async def hang(_: Peer, __: Request) -> None:
        hung.set()
        await asyncio.Event().wait()

    async with Subscriber() as subscriber, RawServer(hang) as stuck, running(kafka) as stack, shell(stack) as kanal:
        await stack.channel(partitions=1)
        await stack.subscription(subscriber.url)
        for n in range(3):
            await stack.send(good(f"e{n}"))
        await waiting(stack, 3)
        await stack.subscription(stuck.url)
        typed = await kanal.start("deadletters", "redeliver", "s1", "--all")
        async with asyncio.timeout(PATIENCE_S):
            await hung.wait()
            typed.send_signal(signal.SIGINT)
            _, told = await typed.communicate()
        assert (typed.returncode, told.count(b"\n")) == (130, 1), told
        assert b"0 of 3 done, cancelled" in told
        (job,) = stack.operations.jobs.list()
        assert (job.state, job.done) == ("cancelled", 0)
        assert len((await kanal("deadletters", "s1")).splitlines()) == 4
        async with asyncio.timeout(PATIENCE_S):
            while len((await stack.plan()).egresses) > 1:
                await asyncio.sleep(0.05)


async def test_a_replay_beside_the_live_delivery_sends_just_the_span_again(kafka: str) -> None:
    async with Subscriber() as subscriber, running(kafka) as stack, shell(stack) as kanal:
        subscriber.well = True
        topic = await stack.channel(partitions=1)
        await stack.subscription(subscriber.url)
        for n in range(10):
            await stack.send(good(f"e{n}"))
        await stack.caught_up()
        group = (await stack.egress()).group
        before = await stack.admin.marks(group, topic)
        told = await kanal("replay", "subscription/s1", "--from", "3", "--to", "7", "--as-new-group")
        assert "4 of 4 done" in told
        assert ids(subscriber.requests[10:]) == ["e3", "e4", "e5", "e6"]
        assert await stack.admin.marks(group, topic) == before
        (job,) = stack.operations.jobs.list()
        async with asyncio.timeout(PATIENCE_S):
            while await stack.admin.marks(job.group, topic):
                await asyncio.sleep(0.1)


async def test_a_replay_in_the_own_group_sends_the_span_again_and_then_goes_on(kafka: str) -> None:
    async with Subscriber() as subscriber, running(kafka) as stack, shell(stack) as kanal:
        subscriber.well = True
        await stack.channel(partitions=1)
        await stack.subscription(subscriber.url)
        for n in range(10):
            await stack.send(good(f"e{n}"))
        await stack.caught_up()
        told = await kanal("replay", "s1", "--from", "0:3", "--to", "0:7", "--yes")
        assert told.startswith(f"Subscription {stack.ns}/s1 delivers 4 events again")
        await stack.send(good("new"))
        await eventually(lambda: "new" in ids(subscriber.requests))
        await stack.caught_up()
        assert ids(subscriber.requests[10:]) == ["e3", "e4", "e5", "e6", "new"]


async def test_a_replay_from_a_time_sends_what_came_since_then(kafka: str) -> None:
    async with Subscriber() as subscriber, running(kafka) as stack, shell(stack) as kanal:
        subscriber.well = True
        await stack.channel(partitions=3)
        await stack.subscription(subscriber.url, annotations=UNORDERED)
        for n in range(6):
            await stack.send(good(f"e{n}"))
        await stack.caught_up()
        await kanal("replay", "s1", "--from", "-1h", "--yes")
        await eventually(lambda: len(subscriber.requests) == 12)
        assert sorted(ids(subscriber.requests[6:])) == [f"e{n}" for n in range(6)]
        told = await kanal("replay", "s1", "--from", "2999-01-01T00:00:00Z", "--yes", code=2)
        assert "no event lies between --from and --to" in told


async def test_a_paused_subscription_gets_nothing_stays_ready_and_goes_on_where_it_was(kafka: str) -> None:
    async with (
        Subscriber() as subscriber,
        RawServer() as beside,
        running(kafka) as stack,
        shell(stack) as kanal,
    ):
        subscriber.well = True
        await stack.channel(partitions=1)
        await stack.subscription(subscriber.url)
        await stack.subscription(beside.url, "beside")
        await stack.send(good("before"))
        await stack.caught_up()
        assert (await kanal("pause", "subscription/s1")) == f"Subscription {stack.ns}/s1 paused\n"
        assert "already" in await kanal("pause", "s1")
        async with asyncio.timeout(PATIENCE_S):
            while (await stack.egress()).pace != "paused":
                await asyncio.sleep(0.05)
        await eventually(lambda: stack.condition("Subscription", "s1", "Paused") is not None)
        assert stack.is_ready("Subscription", "s1")
        assert "is paused; resume it first" in await kanal("replay", "s1", "--from", "0", "--as-new-group", code=2)
        for n in range(3):
            await stack.send(good(f"during{n}"))
        await stack._apply_all()
        await until(lambda: ids(beside.requests) == ["before", "during0", "during1", "during2"])
        assert ids(subscriber.requests) == ["before"]
        assert (await kanal("resume", "s1")) == f"Subscription {stack.ns}/s1 resumed\n"
        await stack.caught_up()
        assert ids(subscriber.requests) == ["before", "during0", "during1", "during2"]
        assert stack.condition("Subscription", "s1", "Paused") is None


async def test_a_subscription_that_is_not_there_or_not_ready_is_said_so(kafka: str) -> None:
    async with Subscriber() as subscriber, running(kafka) as stack, shell(stack) as kanal:
        await stack.channel()
        await stack.subscription(subscriber.url, "orders")
        await stack.subscription(subscriber.url, "lost", channel="nowhere", wait=False)
        for verb in (["pause"], ["deadletters", "list"], ["replay", "--from", "0", "--yes"]):
            told = await kanal(*verb, "order", code=2)
            assert f"{stack.ns}/order: does not exist; did you mean subscription/orders?" in told
        told = await kanal("replay", "lost", "--from", "0", "--yes", code=3)
        assert f"Subscription {stack.ns}/lost: is not ready: " in told
