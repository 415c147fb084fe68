"""One reading for many egresses: everybody gets everything once and in order, at a pace of its own."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_kafka import MemoryReader
from raw_http import until
from sharing_stand import TOPIC, House, Member, SlowToHear

from dispatcher import sharing
from dispatcher.sharing import NEAR
from eventing.plan.model import Egress
from eventing.record import Mark, Span


@pytest.fixture
def house() -> House:
    return House()


async def test_those_who_stand_at_one_place_share_one_reading(house: House) -> None:
    members = [await house.join(name, 0) for name in "abc"]
    await until(lambda: [member.holds for member in members] == [False, True, True])
    await house.send(5)
    await until(lambda: all(member.offsets == [0, 1, 2, 3, 4] for member in members))
    assert sum(member.own.positions[0] for member in members) == 5


async def test_those_who_start_together_read_their_backlog_once(house: House) -> None:
    await house.send(900)
    members = [house.start(name, at) for name, at in (("a", 20), ("b", 0), ("c", 500))]
    await until(lambda: [len(member.offsets) for member in members] == [880, 900, 400])
    assert [member.own.positions[0] for member in members] == [20, 900, 500]


async def test_nobody_waits_long_for_one_that_does_not_come(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "GATHER_S", 0.05)
    await house.send(3)
    monkeypatch.setattr(SlowToHear, "start", lambda _: None)
    house.start("missing", 0)
    monkeypatch.undo()
    member = house.start("here", 0)
    await until(lambda: member.offsets == [0, 1, 2])


async def test_one_that_goes_while_they_wait_is_not_waited_for_and_one_that_pauses_follows_later(house: House) -> None:
    await house.send(3)
    group = house.kafka.group("late")
    async with group._turn:
        first, second = house.start("first", 0), house.start("second", 0)
        late = house.start("late", 0)
        await until(lambda: first.starts and second.starts)
        second.reader.pause()
        assert first.offsets == second.offsets == []
        group.soon(late.reader.aclose())
        await until(lambda: first.offsets == [0, 1, 2])
    second.reader.resume()
    await until(lambda: second.offsets == [0, 1, 2])


async def test_who_is_behind_reads_by_itself_until_it_has_caught_up(house: House) -> None:
    await house.send(NEAR + 700)
    ahead = await house.join("ahead", NEAR + 600)
    await until(lambda: ahead.offsets)
    behind = await house.join("behind", 10)
    await until(lambda: len(behind.offsets) == NEAR + 690)
    assert behind.own.positions[0] == house.end
    await until(lambda: behind.holds)
    await house.send(3)
    await until(lambda: len(ahead.offsets) == 103 and len(behind.offsets) == NEAR + 693)
    assert behind.offsets == list(range(10, house.end))


async def test_who_comes_in_a_little_behind_leads_and_the_others_wait_for_it(house: House) -> None:
    await house.send(100)
    front = await house.join("front", 100)
    back = await house.join("back", 40)
    await until(lambda: len(back.offsets) == 60)
    await until(lambda: (front.holds, back.holds) == (True, False))
    await house.send(1)
    await until(lambda: front.offsets == [100] and back.offsets[-1] == 100)


async def test_who_pauses_misses_nothing_and_holds_nobody_up(house: House) -> None:
    lead, slow, third = [await house.join(name, 0) for name in ("lead", "slow", "third")]
    slow.reader.pause()
    await house.send(700)
    await until(lambda: len(lead.offsets) == 700 and len(third.offsets) == 700)
    assert slow.offsets == []
    slow.reader.resume()
    await until(lambda: len(slow.offsets) == 700)
    await until(lambda: slow.holds)
    await house.send(1)
    await until(lambda: slow.offsets == list(range(701)))


async def test_when_the_lead_pauses_another_one_leads(house: House) -> None:
    lead, second, third = [await house.join(name, 0) for name in ("lead", "second", "third")]
    lead.most = 3
    await house.send(3)
    await until(lambda: len(lead.offsets) == 3)
    await house.send(10)
    await until(lambda: len(second.offsets) == len(third.offsets) == 13)
    assert lead.offsets == [0, 1, 2]
    lead.most = 10**9
    lead.reader.resume()
    await until(lambda: len(lead.offsets) == 13)
    assert lead.offsets == list(range(13))


async def test_when_all_pause_the_first_that_goes_on_leads(house: House) -> None:
    members = [await house.join(name, 0) for name in "abc"]
    for member in members:
        member.reader.pause()
    await house.send(5)
    members[2].reader.resume()
    await until(lambda: len(members[2].offsets) == 5)
    assert members[0].offsets == members[1].offsets == []
    for member in members[:2]:
        member.reader.resume()
    await until(lambda: all(member.offsets == list(range(5)) for member in members))


async def test_a_newcomer_that_leads_because_all_others_pause_makes_none_of_them_miss_anything(house: House) -> None:
    first, second = await house.join("first", 0), await house.join("second", 0)
    second.reader.pause()
    first.reader.pause()
    await house.send(5)
    newcomer = await house.join("newcomer", 0)
    await until(lambda: len(newcomer.offsets) == 5)
    second.reader.resume()
    await until(lambda: second.offsets == [0, 1, 2, 3, 4])
    await house.send(5)
    first.reader.resume()
    await until(lambda: first.offsets == second.offsets == newcomer.offsets == list(range(10)))


async def test_when_the_lead_leaves_while_the_others_pause_they_go_on_by_themselves(house: House) -> None:
    lead, second, third = [await house.join(name, 0) for name in ("lead", "second", "third")]
    await house.send(2)
    await until(lambda: len(third.offsets) == 2)
    second.reader.pause()
    third.reader.pause()
    await lead.reader.aclose()
    await house.send(2)
    second.reader.resume()
    third.reader.resume()
    await until(lambda: second.offsets == third.offsets == [0, 1, 2, 3])


async def test_when_the_lead_leaves_the_others_go_on(house: House) -> None:
    lead, second, third = [await house.join(name, 0) for name in ("lead", "second", "third")]
    await house.send(2)
    await until(lambda: len(third.offsets) == 2)
    await lead.reader.aclose()
    await house.send(2)
    await until(lambda: second.offsets == third.offsets == [0, 1, 2, 3])
    await until(lambda: second.holds != third.holds)


async def test_one_whose_partition_is_lost_takes_it_up_again_from_what_it_committed(house: House) -> None:
    lead, second = await house.join("lead", 0), await house.join("second", 0)
    await house.send(3)
    await until(lambda: len(second.offsets) == 3)
    lead.own.lose()
    await house.send(2)
    await until(lambda: second.offsets == [0, 1, 2, 3, 4])
    await until(lambda: lead.offsets[-1] == 4)
    assert lead.offsets[3:] == [0, 1, 2, 3, 4]


async def test_a_defect_of_one_costs_the_others_nothing(house: House) -> None:
    lead, broken, third = [await house.join(name, 0) for name in ("lead", "broken", "third")]
    broken.defect = ValueError("a defect")
    await house.send(4)
    await until(lambda: lead.offsets == third.offsets == [0, 1, 2, 3])
    await until(lambda: broken.offsets == [0, 1, 2, 3])
    assert [str(one) for one in broken.own.defects] == ["a defect"]


async def test_a_group_without_a_mark_reads_from_the_beginning(house: House) -> None:
    await house.send(6)
    first = await house.join("first", 6)
    blank = await house.join("blank")
    await until(lambda: blank.offsets == [0, 1, 2, 3, 4, 5])
    await house.send(1)
    await until(lambda: first.offsets == [6] and blank.offsets[-1] == 6)


def test_what_reads_for_a_job_reads_alone(house: House) -> None:
    job = Egress("j", "Trigger", "ns", "j", TOPIC, "j", "http://s/", "graves", only={0: [Span(0, 3)]})
    letters = Egress("l", "Trigger", "ns", "l", "graves", "l", "http://s/", "graves")
    alone = Member(house, "x")
    assert isinstance(house.reading(job, alone), MemoryReader)
    assert isinstance(house.reading(letters, alone), MemoryReader)


STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 40)),
    st.tuples(st.sampled_from(["pause", "resume", "lose", "settle", "leave", "tight", "loose"]), st.integers(0, 3)),
)


@settings(max_examples=200, deadline=None)
@given(starts=st.lists(st.sampled_from([0, 0, 0, 31, 60]), min_size=3, max_size=4), steps=st.lists(STEPS, max_size=40))
def test_whatever_happens_everybody_gets_everything_in_order_and_once(
    starts: list[int], steps: list[tuple[str, int]]
) -> None:
    async def story() -> None:  # noqa: PLR0912  one step after the other, each a word
        house = House()
        await house.send(60)
        members = [await house.join(str(n), at) for n, at in enumerate(starts)]
        gone: set[Member] = set()
        for what, number in steps:
            member = members[number % len(members)]
            if what == "send":
                await house.send(number)
            elif what == "settle":
                for _ in range(number * 3):
                    await asyncio.sleep(0)
            elif member in gone:
                continue
            elif what == "leave":
                gone.add(member)
                await member.reader.aclose()
            elif what == "lose":
                # It has committed what it took, so that it gets nothing twice.
                if member.offsets:
                    member.reader.commit({0: Mark(member.offsets[-1] + 1)})
                member.own.lose()
            elif what == "pause":
                member.reader.pause()
            elif what == "resume":
                member.reader.resume()
            else:
                member.most = len(member.offsets) + 7 if what == "tight" else 10**9
        for member in members:
            member.most = 10**9
            if member not in gone:
                member.reader.resume()
        await until(
            lambda: all(
                member.offsets[-1:] == [house.end - 1] or start == house.end
                for member, start in zip(members, starts, strict=True)
                if member not in gone
            ),
            10,
        )
        for member, start in zip(members, starts, strict=True):
            assert member.offsets == list(range(start, start + len(member.offsets)))
            if member not in gone:
                await member.reader.aclose()

    asyncio.run(story())
