"""A revocation that takes longer than the reader's patience: what is under way then counts for nothing."""

from __future__ import annotations

import asyncio

from delivery_stand import Stand, record
from raw_http import until

from dispatcher.loop import EgressLoop
from eventing.http import RawHeaders, Response
from eventing.record import Mark
from eventing.settings import Delivery


def _hush(loop: EgressLoop) -> None:
    if loop._commit_timer is not None:
        loop._commit_timer.cancel()


async def test_a_revocation_whose_patience_ended_leaves_no_delivery_that_hurts_the_next_assignment() -> None:
    stand = Stand(Delivery(commit_interval_s=60, drain_s=60))
    await stand.topic()
    a0 = stand.hold("e0")
    loop = stand.loop()
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    loop.on_assigned({0: Mark(0)})
    loop.on_records([record(0, "a"), record(1, "a")])
    await until(lambda: stand.ids == ["e0"])
    giving_up = asyncio.create_task(loop.on_revoked([0]))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    giving_up.cancel()  # what `KafkaReader._ask` does when its patience ends
    await asyncio.gather(giving_up, return_exceptions=True)
    stand.hold("e1")
    loop.on_assigned({0: Mark(0)})
    loop.on_records([record(0, "a"), record(1, "a")])
    await until(lambda: stand.ids == ["e0", "e0"])
    a0.set()
    await until(lambda: "e1" in stand.ids)
    await asyncio.sleep(0)
    assert stand.ids == ["e0", "e0", "e1"], "e1 went out once"
    stand.held["e1"].set()
    await until(lambda: loop.standing.in_flight == 0)
    _hush(loop)
    assert not problems
    assert loop._share.events == 0


async def test_a_stale_delivery_never_starts_what_stands_behind_the_new_one_of_its_key() -> None:
    """The same, where the old request is answered first."""
    stand = Stand(Delivery(commit_interval_s=60, drain_s=60))
    await stand.topic()
    gates = [asyncio.Event(), asyncio.Event()]
    real_post = stand.post
    count = 0

    async def post(url: str, headers: RawHeaders, body: bytes, *, timeout_s: float) -> Response:
        nonlocal count
        mine, count = count, count + 1
        answer = await real_post(url, headers, body, timeout_s=timeout_s)
        if mine < 2:
            await gates[mine].wait()
        return answer

    stand.post = post  # type: ignore[method-assign]
    loop = stand.loop()
    loop.on_assigned({0: Mark(0)})
    loop.on_records([record(0, "a")])
    await until(lambda: stand.ids == ["e0"])
    giving_up = asyncio.create_task(loop.on_revoked([0]))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    giving_up.cancel()
    await asyncio.gather(giving_up, return_exceptions=True)
    loop.on_assigned({0: Mark(0)})
    loop.on_records([record(0, "a"), record(1, "a")])
    await until(lambda: stand.ids == ["e0", "e0"])
    gates[0].set()
    for _ in range(50):
        await asyncio.sleep(0)
    overtaken = list(stand.ids)
    gates[1].set()
    for _ in range(50):
        await asyncio.sleep(0)
    _hush(loop)
    assert overtaken == ["e0", "e0"], "e1 passed e0, which is still under way in this assignment"
