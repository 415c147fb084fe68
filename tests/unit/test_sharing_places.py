"""One reading for many, where it is hard: leads that stand still, members far from each other, and several partitions."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from raw_http import until
from sharing_stand import House, Member

from dispatcher import sharing
from dispatcher.sharing import NEAR


@pytest.fixture
def house() -> House:
    return House()


async def test_one_that_goes_on_far_ahead_of_the_lead_does_not_wait_for_it(house: House) -> None:
    await house.send(NEAR + 700)
    lead, fellow = await house.join("lead", house.end), await house.join("fellow", house.end)
    await until(lambda: fellow.holds)
    behind = house.start("behind", 10)
    behind.own.pause()  # It is slow to read, and nobody is told.
    await until(lambda: behind.starts)
    fellow.reader.pause()
    await lead.reader.aclose()
    fellow.reader.resume()
    await house.send(3)
    await until(lambda: len(fellow.offsets) == 3)


async def test_those_who_start_one_after_the_other_do_not_put_off_the_beginning_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "GATHER_S", 0.05)
    await house.send(3)
    here = house.start("here", 0)
    for number in range(200):
        house.start(f"never comes {number}").own._group.members.clear()
        await asyncio.sleep(0.01)
        if here.offsets:
            return
    raise AssertionError("the first still waits for the last")


async def test_a_lead_that_gives_another_partition_up_holds_nobody_up_meanwhile() -> None:
    house = House(partitions=2)
    lead, fellow = await house.join("lead", 0), await house.join("fellow", 0)
    await until(lambda: fellow.own._resting == {0, 1})
    lead.hesitates = asyncio.Event()
    second = Member(house, "lead")
    second.reader.start()
    await until(lambda: lead.own._gives_up)
    await house.send(10)
    await until(lambda: sum(map(len, fellow.taken.values())) == 10)
    lead.hesitates.set()
    await until(lambda: [len(lead.taken[p]) + len(second.taken[p]) for p in (0, 1)] == house.ends)


NUMBERS = st.integers(0, 4)
STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 40)),
    st.tuples(
        st.sampled_from(
            ["pause", "resume", "lose", "settle", "leave", "tight", "loose", "defect", "start", "start paused", "late"]
        ),
        NUMBERS,
    ),
)

READ_TWICE_IN_A_PAUSE = [
    ("send", 3), ("tight", 0), ("send", 2), ("resume", 0), ("defect", 0), ("send", 4)
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    partitions=st.integers(1, 3),
    starts=st.lists(st.sampled_from([0, 0, 0, 5, 20]), min_size=2, max_size=3),
    steps=st.lists(STEPS, max_size=40),
)
@example(partitions=1, starts=[0, 0], steps=READ_TWICE_IN_A_PAUSE)
def test_whatever_happens_in_several_partitions_everybody_gets_everything_in_order_and_once(
    partitions: int, starts: list[int], steps: list[tuple[str, int]]
) -> None:
    async def story() -> None:  # noqa: PLR0912  one step after the other, each a word
        house = House(partitions)
        await house.send(60)
        for number, at in enumerate(starts):
            house.start(str(number), at)
        gone: set[Member] = set()
        for what, number in steps:
            member = house.members[number % len(house.members)]
            if what == "send":
                await house.send(number)
            elif what == "settle":
                for _ in range(number * 3):
                    await asyncio.sleep(0)
            elif what in ("start", "start paused") and len(house.members) < 8:
                house.start(str(len(house.members)), number * 4, paused=what == "start paused")
            elif member in gone:
                continue
            elif what == "leave":
                gone.add(member)
                await member.reader.aclose()
            elif what == "lose":
                # It has committed what it took, so that it gets nothing twice.
                member.reader.commit(member.marks)
                member.own.lose()
            elif what == "defect":
                member.defect = ValueError("a defect")
            elif what == "pause":
                member.reader.pause()
            elif what == "resume":
                member.reader.resume()
            else:
                member.most = sum(map(len, member.taken.values())) + 7 if what == "tight" else 10**9
        for member in house.members:
            member.most, member.defect = 10**9, None
            if member not in gone:
                member.reader.resume()
        present = [member for member in house.members if member not in gone]

        def wanted(member: Member) -> dict[int, list[int]]:
            return {p: list(range(member.at, end)) for p, end in enumerate(house.ends)}

        def has_all(member: Member) -> bool:
            return all(member.taken[p] == offsets for p, offsets in wanted(member).items())

        await until(lambda: all(has_all(member) for member in present), 10)
        for member in house.members:
            for partition, offsets in member.taken.items():
                assert offsets == wanted(member)[partition][: len(offsets)]
        for member in present:
            await member.reader.aclose()

    asyncio.run(story())
