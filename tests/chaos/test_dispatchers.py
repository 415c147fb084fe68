"""Dispatchers that vanish, join and leave in mid-stream cost a few duplicates and nothing else."""

from __future__ import annotations

from pathlib import Path

from chaos_account import account
from chaos_load import Load
from chaos_processes import until
from chaos_stand import stand
from chaos_subscriber import FAULTS, Subscriber
from raw_http import Answer


async def test_kill_9_of_a_dispatcher_in_mid_stream_loses_nothing_and_keeps_order(kafka: str, tmp_path: Path) -> None:
    async with Subscriber() as subscriber, stand(tmp_path, kafka, {"s1": subscriber.url}, dispatchers=2) as roles:
        async with Load(roles.url, rate=150, seed=roles.seed) as load:
            for victim in roles.dispatchers:
                await subscriber.more(300)
                victim.kill()
                roles.owner_vanishes(subscriber)
                victim.begin()
                await victim.answers()
            await subscriber.more(300)
        (await account(roles, subscriber, load)).check(roles.allowed)
        await roles.settled()


async def test_b20_dispatchers_join_and_leave_in_the_middle_of_retries_and_no_event_is_skipped(
    kafka: str, tmp_path: Path
) -> None:
    stubborn, released = "k3-2", False

    def mood(id_: str, _attempt: int) -> Answer | None:
        return FAULTS["error"] if id_ == stubborn and not released else None

    async with Subscriber(mood) as subscriber, stand(tmp_path, kafka, {"s1": subscriber.url}, partitions=6) as roles:
        [first] = roles.dispatchers
        async with Load(roles.url, rate=100, keys=40, seed=roles.seed) as load:
            await until(lambda: subscriber.attempts[stubborn] >= 2, 20, "the stubborn event is tried again")
            second = roles.begin_dispatcher()
            await second.answers()
            await subscriber.more(200)
            third = roles.begin_dispatcher()
            await third.answers()
            await subscriber.more(200)
            assert await first.stop() == 0
            await subscriber.more(200)
            second.kill()
            roles.owner_vanishes(subscriber)
            await subscriber.more(200)
            assert subscriber.delivered[stubborn] == 0
            released = True
            await until(lambda: subscriber.delivered[stubborn] > 0, 20, "the stubborn event is delivered")
        came = await account(roles, subscriber, load)
        came.check(roles.allowed)
        assert came.dead == 0
        await roles.settled()
