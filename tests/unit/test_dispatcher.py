"""Plans become loops: what is new starts, what is gone stops, what changed is told or started anew."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from delivery_stand import TOPIC, Stand
from raw_http import until
from structlog.testing import capture_logs

from dispatcher.dispatcher import Dispatcher
from eventing.plan.model import Egress, Plan
from eventing.record import Mark
from eventing.verdict import RetryPolicy


@pytest.fixture
async def stand() -> Stand:
    stand = Stand()
    await stand.topic()
    await stand.topic(name="other")
    return stand


def plan(*egresses: Egress) -> Plan:
    return Plan(egresses={egress.uid: egress for egress in egresses})


async def test_an_egress_that_is_new_starts_and_one_that_is_gone_leaves_its_group(stand: Stand) -> None:
    dispatcher = Dispatcher(stand.loop)
    assert not dispatcher.loaded
    other = replace(stand.egress, uid="uid2", group="g2")
    await dispatcher.apply(plan(stand.egress, other))
    assert dispatcher.loaded
    assert dispatcher.egresses == [stand.egress, other]
    await until(lambda: all(reader.positions for reader in stand.readers))
    await dispatcher.apply(plan(other))
    assert dispatcher.egresses == [other]
    await stand.kafka.admin().delete_group(stand.egress.group)
    await dispatcher.apply(plan())
    await stand.kafka.admin().delete_group("g2")
    assert dispatcher.egresses == []


@pytest.mark.parametrize("change", [{"topic": "other"}, {"group": "g2"}, {"order": "unordered"}, {"topic_id": "x"}])
async def test_another_topic_group_or_order_starts_the_egress_anew(stand: Stand, change: dict[str, str]) -> None:
    dispatcher = Dispatcher(stand.loop)
    await dispatcher.apply(plan(stand.egress))
    changed = replace(stand.egress, **change)  # type: ignore[arg-type]
    await dispatcher.apply(plan(changed))
    assert dispatcher.egresses == [changed]
    assert len(stand.readers) == 2
    await stand.send("e1") if change != {"topic": "other"} else None
    await until(lambda: stand.readers[1].positions)
    assert stand.readers[0].positions == {}
    await dispatcher.aclose()


@pytest.mark.parametrize(
    "change",
    [{"subscriber": "http://new/"}, {"reply": None}, {"dead_letter": None}, {"policy": RetryPolicy(9)}, {"name": "s2"}],
)
async def test_every_other_change_reaches_the_running_loop(stand: Stand, change: dict[str, object]) -> None:
    dispatcher = Dispatcher(stand.loop)
    await dispatcher.apply(plan(stand.egress))
    changed = replace(stand.egress, **change)  # type: ignore[arg-type]
    await dispatcher.apply(plan(changed))
    assert dispatcher.egresses == [changed]
    assert len(stand.readers) == 1
    await stand.send("e1")
    await until(lambda: stand.posts)
    assert stand.targets == [changed.subscriber]
    await dispatcher.aclose()


async def test_a_plan_that_changed_elsewhere_touches_nothing(stand: Stand) -> None:
    dispatcher = Dispatcher(stand.loop)
    await dispatcher.apply(plan(stand.egress))
    await until(lambda: stand.readers[0].positions)
    await dispatcher.apply(plan(stand.egress, replace(stand.egress, uid="uid2", group="g2")))
    assert len(stand.readers) == 2
    assert stand.readers[0].positions
    await dispatcher.aclose()


async def test_what_is_unfinished_is_counted_over_all_egresses_and_closing_waits_for_it(stand: Stand) -> None:
    dispatcher = Dispatcher(stand.loop)
    await dispatcher.apply(plan(stand.egress, replace(stand.egress, uid="uid2", group="g2")))
    held = stand.hold("e1")
    await stand.send("e1")
    await until(lambda: dispatcher.unfinished == 2)
    closing = asyncio.ensure_future(dispatcher.aclose())
    await until(lambda: len(stand.posts) == 2)
    assert not closing.done()
    held.set()
    await closing
    assert dispatcher.unfinished == 0
    assert [stand.kafka.committed(group)[0].offset for group in (stand.egress.group, "g2")] == [1, 1]


async def test_closing_waits_for_a_loop_whose_stop_was_cancelled(stand: Stand) -> None:
    dispatcher = Dispatcher(stand.loop)
    await dispatcher.apply(plan(stand.egress))
    held = stand.hold("e1")
    await stand.send("e1")
    await until(lambda: stand.posts)
    applying = asyncio.ensure_future(dispatcher.apply(plan()))
    await asyncio.sleep(0)
    applying.cancel()
    await asyncio.gather(applying, return_exceptions=True)
    assert (len(dispatcher.egresses), dispatcher.unfinished) == (0, 1)
    held.set()
    await dispatcher.aclose()
    await stand.kafka.admin().delete_group(stand.egress.group)
    assert stand.kafka.records(TOPIC)


async def test_an_egress_that_is_held_leaves_its_group_and_comes_back(stand: Stand) -> None:
    """While it is away the offsets of the group can be set."""
    dispatcher = Dispatcher(stand.loop)
    await dispatcher.apply(plan(stand.egress))
    await until(lambda: stand.readers[0].positions)
    await dispatcher.apply(plan(replace(stand.egress, pace="held")))
    assert dispatcher.egresses == []
    await stand.send("e1", "e2")
    await stand.kafka.admin().set_marks(stand.egress.group, TOPIC, {0: Mark(1)})
    await dispatcher.apply(plan(stand.egress))
    await until(lambda: stand.posts)
    assert stand.ids == ["e2"]
    await dispatcher.aclose()


async def test_a_change_counts_while_another_egress_still_gives_everything_up(stand: Stand) -> None:
    dispatcher = Dispatcher(stand.loop)
    busy = replace(stand.egress, uid="busy", group="busy", subscriber="http://slow/")
    await dispatcher.apply(plan(stand.egress, busy))
    await until(lambda: all(reader.positions for reader in stand.readers))
    release = stand.hold("e1")
    await stand.send("e1")
    await until(lambda: len(stand.posts) == 2)
    changed = replace(stand.egress, subscriber="http://new/")
    applying = asyncio.ensure_future(dispatcher.apply(plan(changed)))
    await until(lambda: dispatcher.egresses == [changed])
    assert not applying.done()
    release.set()
    await applying
    await dispatcher.aclose()


async def test_a_filter_that_this_dispatcher_does_not_know_keeps_no_other_egress_from_the_plan(stand: Stand) -> None:
    dispatcher = Dispatcher(stand.loop)
    other = replace(stand.egress, uid="other", group="other")
    newer = replace(stand.egress, uid="newer", group="newer", filters=({"regex": {"type": ".*"}},))
    with capture_logs() as logs:
        await dispatcher.apply(plan(newer, other))
        assert dispatcher.egresses == [other]
        await dispatcher.apply(plan(replace(other, filters=newer.filters), stand.egress))
    assert dispatcher.egresses == [other, stand.egress]
    assert [entry["subscription"] for entry in logs if entry["log_level"] == "error"] == ["ns/s1", "ns/s1"]
    await dispatcher.aclose()
