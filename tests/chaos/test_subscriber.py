"""A subscriber that does everything wrong: its events are tried again, kept, or taken away with it, but never lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chaos_account import account
from chaos_load import Load
from chaos_processes import until
from chaos_stand import stand
from chaos_subscriber import FAULTS, Subscriber, faulty
from confluent_kafka.admin import AdminClient

SHORT = "retry: 3, backoffPolicy: linear, backoffDelay: PT0.1S, timeout: PT0.5S"
LONG = "retry: 3, backoffPolicy: linear, backoffDelay: PT0.1S, timeout: PT10M"


async def test_a_subscriber_that_hangs_resets_trickles_and_answers_garbage_loses_nothing(
    kafka: str, tmp_path: Path
) -> None:
    async with (
        Subscriber() as subscriber,
        stand(tmp_path, kafka, {"s1": subscriber.url}, delivery=SHORT, dispatchers=2) as roles,
    ):
        subscriber.mood = faulty(0.3, roles.seed)
        async with Load(roles.url, rate=150, keys=60, count=25, seed=roles.seed) as load:
            await load.finished(40)
        came = await account(roles, subscriber, load)
        came.check(0)
        assert len(load.ids) == 1500
        await roles.settled()


async def test_b39_a_subscription_that_is_removed_while_its_subscriber_hangs_goes_with_everything_it_had(
    kafka: str, tmp_path: Path
) -> None:
    async with (
        Subscriber(lambda *_: FAULTS["hangs"]) as hanging,
        Subscriber() as other,
        stand(tmp_path, kafka, {"s1": hanging.url, "s2": other.url}, delivery=LONG, dispatchers=2) as roles,
        Load(roles.url, rate=200, keys=200, count=3, seed=roles.seed) as load,
    ):
        await until(lambda: len(hanging.attempts) >= 50, 20, "many deliveries hang")
        roles.unsubscribe("s1")
        await until(lambda: hanging.connections == 0, 30, "the hanging connections are closed")
        client = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
        async with asyncio.timeout(60):
            while roles.group("s1") in await asyncio.to_thread(_groups, client):
                pass
        arrived = hanging.attempts.total()
        await load.finished(20)
        (await account(roles, other, load, name="s2")).check(0)
        assert hanging.attempts.total() == arrived
        assert len(other.delivered) == 600


def _groups(client: AdminClient) -> set[str]:
    listed = client.list_consumer_groups(request_timeout=10).result(10)
    return {one.group_id for one in listed.valid or ()}
