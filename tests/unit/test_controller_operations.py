"""The verbs of operations against a Kafka in memory: what they print, what they refuse, what they leave in Kafka."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from control_stand import PATIENCE_S, resources, subscription
from operations_stand import GRAVES, Stand, standing

from controller import jobs as jobs_module
from controller import operations as module
from eventing.errors import EventingError, Invalid, NotFound, Unavailable
from eventing.kinds.delivery import is_paused
from eventing.kinds.key import key_of
from eventing.letters import marker_in
from eventing.marks import marked
from eventing.plan.model import Plan
from eventing.record import Mark, Span
from kanal.cli.server import ask, lines

ONE = "/operations/v1/namespaces/default/subscriptions/s1"


@pytest.fixture
async def stand(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    monkeypatch.setattr(jobs_module, "LOOK_S", 0.01)
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    async with standing() as one:
        yield one


def rows(printed: str) -> list[list[str]]:
    return [line.split(maxsplit=7) for line in printed.splitlines()[1:]]


async def test_without_a_name_each_subscription_is_counted(stand: Stand) -> None:
    for n in range(3):
        stand.bury(f"e{n}")
    stand.mark(1)
    for resource in resources(subscription("s2", "other")):
        await stand.store.apply(resource)
    assert rows(await stand.kanal("deadletters")) == [["default", "s1", "2", "1"], ["other", "s2", "0", "0"]]
    assert rows(await stand.kanal("deadletters", "-n", "other")) == [["other", "s2", "0", "0"]]


async def test_with_a_name_the_newest_open_letters_are_listed_oldest_first(stand: Stand) -> None:
    for n in range(5):
        stand.bury(f"e{n}")
    stand.mark(3)
    printed = await stand.kanal("deadletters", "subscription/s1", "--limit", "2")
    assert printed.endswith("2 older ones; --limit shows more\n")
    time, reason = "2026-11-25T11:00:00.000Z", "subscriber answered 500"
    assert rows(printed)[:2] == [
        ["2", time, "t.a", "/s", "e2", "4", "500", reason],
        ["4", time, "t.a", "/s", "e4", "4", "500", reason],
    ]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--id", "odd"], ["odd"]),
        (["--type", "t.b"], ["odd"]),
        (["--code", "404", "--source", "/s"], ["odd"]),
        (["--reason", "GONE"], ["odd"]),
        (["--until", "2026-11-25T10:30:00Z"], ["odd"]),
        (["--since", "2026-11-25T10:30:00Z"], ["e0"]),
        (["--type", "t.c"], []),
    ],
)
async def test_filters_narrow_the_list(stand: Stand, filters: list[str], expected: list[str]) -> None:
    stand.bury("e0")
    time = "2026-11-25T10:00:00.000Z"
    stand.bury("odd", type="t.b", knativeerrorcode="404", kanalreason="it is gone", kanallastattempt=time)
    assert [row[4] for row in rows(await stand.kanal("deadletters", "s1", *filters)) if len(row) > 4] == expected


async def test_one_letter_is_shown_with_its_state_attributes_and_data(stand: Stand) -> None:
    stand.bury("e0", b'{"n": 1}')
    shown = await stand.kanal("deadletters", "show", "s1", "0")
    assert shown.startswith("open\n")
    assert "kanalreason: subscriber answered 500" in shown
    assert shown.endswith('Data,\n  {\n    "n": 1\n  }\n')
    stand.mark(0)
    shown = await stand.kanal("deadletters", "show", "s1", "0")
    assert shown.startswith("delivered since 2026-11-25T12:00:00.000Z\n")
    assert "no dead letter lies at this offset" in await stand.refused("deadletters", "show", "s1", "1")


async def test_binary_data_and_none_are_shown_too(stand: Stand) -> None:
    stand.bury("e0", b"\xff\x00", datacontenttype="application/octet-stream")
    stand.bury("e1", None)
    assert r"b'\xff\x00'" in await stand.kanal("deadletters", "show", "s1", "0")
    assert "Data" not in await stand.kanal("deadletters", "show", "s1", "1")


async def test_an_export_is_one_cloudevent_a_line_with_its_data_as_it_was(stand: Stand, tmp_path: Path) -> None:
    stand.bury("e0", b'{"price": 1.10,\r\n "big": 12345678901234567890}')
    stand.bury("e1")
    stand.mark(1)
    line = (await stand.kanal("deadletters", "export", "s1")).splitlines()
    assert len(line) == 1
    assert '{"price": 1.10,   "big": 12345678901234567890}' in line[0]
    file = tmp_path / "letters.jsonl"
    assert await stand.kanal("deadletters", "export", "s1", "--all", "-o", str(file)) == (
        f"2 dead letters written to {file}\n"
    )
    assert [json.loads(text)["id"] for text in file.read_text().splitlines()] == ["e0", "e1"]
    told = await stand.refused("deadletters", "export", "s1", "-o", str(tmp_path / "no" / "where"))
    assert "No such file or directory" in told


async def test_discarding_asks_and_then_marks_just_the_chosen_letters(stand: Stand) -> None:
    for n in range(4):
        stand.bury(f"e{n}")
    code, told = await stand.typed("deadletters", "discard", "s1", "1", "2", answer="n\n")
    assert code == 1
    assert "Discard 2 dead letters of default/s1?" in told
    assert len(stand.kafka.records(GRAVES)) == 4
    assert (await stand.kanal("deadletters", "discard", "s1", "1", "2", answer="y\n")).endswith("2 discarded\n")
    found = [marker_in(record.headers) for record in stand.kafka.records(GRAVES)[4:]]
    assert [(one.offset, one.outcome, one.time) for one in found if one] == [
        (1, "discarded", "2026-11-25T12:00:00.000Z"),
        (2, "discarded", "2026-11-25T12:00:00.000Z"),
    ]
    assert [row[4] for row in rows(await stand.kanal("deadletters", "s1"))] == ["e0", "e3"]


async def test_a_redelivery_is_a_job_on_the_dead_letter_topic_with_just_the_chosen_offsets(stand: Stand) -> None:
    for n in range(5):
        stand.bury(f"e{n}")
    stand.mark(0)
    typing = asyncio.create_task(stand.kanal("deadletters", "redeliver", "s1", "--all"))
    jobs = stand.operations.jobs
    async with asyncio.timeout(PATIENCE_S):
        while not jobs.list():
            await asyncio.sleep(0.01)
    told = jobs.laid_over(stand.plan, stand.plan).egresses[f"{stand.egress.uid}.redeliver-j1"]
    assert (told.topic, told.redelivers, told.only) == (GRAVES, True, {0: (Span(1, 5),)})
    for offset in (1, 2, 3, 4):
        stand.mark(offset)
    stand.kafka.group(told.group).marks[0] = Mark(5)
    printed = await typing
    assert "redelivery of dead letters of default/s1: 4 of 4 done" in printed
    assert printed.endswith("0 open dead letters now\n")


async def test_what_is_too_scattered_for_one_job_is_redelivered_in_several(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SPANS", 2)
    for n in range(6):
        stand.bury(f"e{n}", type="t.a" if n % 2 else "t.b")
    typing = asyncio.create_task(stand.kanal("deadletters", "redeliver", "s1", "--type", "t.b"))
    done = []
    async with asyncio.timeout(PATIENCE_S):
        while not typing.done():
            for job in stand.operations.jobs.list():
                if job.id not in done:
                    done.append(job.id)
                    for span in job.spans[0]:
                        stand.mark(span.first)
                    stand.kafka.group(job.group).marks[0] = Mark(job.spans[0][-1].end)
            await asyncio.sleep(0.01)
    assert (await typing).endswith("3 open dead letters now\n")
    assert done == ["j1", "j2"]


@pytest.mark.parametrize("verb", ["redeliver", "discard"])
async def test_what_can_not_be_meant_is_refused(stand: Stand, verb: str) -> None:
    stand.bury("e0")
    assert "name offsets, filters such as --type, or --all" in await stand.refused("deadletters", verb, "s1")
    assert "use one of the two" in await stand.refused("deadletters", verb, "s1", "0", "--all")
    yes = ["--yes"] if verb == "discard" else []
    told = await stand.refused("deadletters", verb, "s1", "7", *yes)
    assert (
        told
        == "Subscription default/s1: no open dead letter that fits is at 7; see kanal deadletters list s1 -n default"
    )
    assert "no open dead letter fits" in await stand.refused("deadletters", verb, "s1", "--type", "x", *yes)
    assert "is no time" in await stand.refused("deadletters", verb, "s1", "--since", "beginning")


async def test_a_subscription_that_is_not_there_is_said_so_with_the_nearest(stand: Stand) -> None:
    told = await stand.refused("deadletters", "s11")
    assert told == "Subscription default/s11: does not exist; did you mean s1?"
    told = await stand.refused("pause", "s1", "-n", "other")
    assert told == "Subscription other/s1: does not exist; there is one in namespace default: add -n default"
    assert "names no subscription" in await stand.refused("pause", "channel/s1")


async def test_the_letters_of_a_subscription_that_was_deleted_can_still_be_seen(stand: Stand) -> None:
    stand.bury("e0")
    for one in stand.store.list():
        if one.KIND == "Subscription":
            await stand.store.delete(key_of(one))
    assert [row[4] for row in rows(await stand.kanal("deadletters", "s1"))] == ["e0"]
    assert "does not exist" in await stand.refused("deadletters", "redeliver", "s1", "--all")


async def test_a_subscription_that_is_not_ready_can_not_redeliver_or_replay(stand: Stand) -> None:
    stand.bury("e0")
    stand.plan = Plan()
    for verb in (["deadletters", "redeliver", "s1", "--all"], ["replay", "s1", "--from", "0", "--yes"]):
        assert "Subscription default/s1: is not ready: not looked at yet" in await stand.refused(*verb)


async def test_a_dead_letter_topic_with_more_partitions_is_refused(stand: Stand) -> None:
    stand.kafka.create_topic(GRAVES, 2)
    assert f"topic {GRAVES}: has 2 partitions" in await stand.refused("deadletters", "s1")


async def test_a_replay_in_the_own_group_waits_for_its_members_to_leave_and_sets_it_back(stand: Stand) -> None:
    group = stand.kafka.group(stand.egress.group)
    group.members.append(object())  # type: ignore[arg-type]
    typing = asyncio.create_task(stand.kanal("replay", "s1", "--from", "0:4", "--to", "0:6", "--yes"))
    jobs = stand.operations.jobs
    async with asyncio.timeout(PATIENCE_S):
        while jobs.laid_over(stand.plan, stand.plan).egresses[stand.egress.uid].pace != "held":
            await asyncio.sleep(0.01)
    assert group.marks[0] == marked(10, ())
    group.members.clear()
    assert (await typing).endswith("default/s1 delivers 2 events again; see kanal lag\n")
    assert group.marks == {0: marked(4, [Span(6, 10)]), 1: marked(10, ())}
    assert jobs.laid_over(stand.plan, stand.plan) == stand.plan


async def test_what_the_members_finish_as_they_leave_is_not_delivered_again(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, admin = stand.kafka.group(stand.egress.group), stand.operations._admin
    group.marks[1] = marked(3, ())
    group.members.append(object())  # type: ignore[arg-type]
    marks = admin.marks

    async def leaving(*of: str) -> Mapping[int, Mark]:
        before = dict(await marks(*of))
        if group.members:
            group.marks[1] = marked(9, ())
            group.members.clear()
        return before

    monkeypatch.setattr(admin, "marks", leaving)
    await stand.kanal("replay", "s1", "--from", "1:5", "--to", "1:7", "--yes")
    assert group.marks == {0: marked(10, ()), 1: marked(5, [Span(7, 9)])}


async def test_a_replay_whose_members_stay_changes_nothing_and_lets_go(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELD_S", 0.05)
    group = stand.kafka.group(stand.egress.group)
    group.members.append(object())  # type: ignore[arg-type]
    assert "nothing changed" in await stand.refused("replay", "s1", "--from", "beginning", "--yes")
    group.members.clear()
    assert group.marks[0] == marked(10, ())
    assert stand.operations.jobs.laid_over(stand.plan, stand.plan) == stand.plan


async def test_a_replay_asks_first_and_is_refused_where_nothing_lies_between_its_points(stand: Stand) -> None:
    code, told = await stand.typed("replay", "s1", "--from", "0", answer="n\n")
    assert code == 1
    assert "Set default/s1 back" in told
    told = await stand.refused("replay", "s1", "--from", "now", "--yes")
    assert told == (
        "Subscription default/s1: no event lies between --from and --to; there are those from 0:0 to 0:10, 1:0 to 1:10"
    )


async def test_events_that_would_come_again_for_want_of_room_need_a_yes(stand: Stand) -> None:
    runs = [Span(n * 1_000_000, n * 1_000_000 + 1) for n in range(1, 10_000)]
    full = marked(0, runs)
    stand.kafka.group(stand.egress.group).marks[0] = Mark(10**12, full.metadata)
    ask_for = {"begin": ["0:0"], "end": ["0:1"]}
    with pytest.raises(Invalid, match="Kafka has no room to remember"):
        await asyncio.to_thread(ask, stand.server, "POST", f"{ONE}/replay", ask_for)
    told = await stand.kanal("replay", "s1", "--from", "0:0", "--to", "0:1", "--yes")
    assert "more come again: Kafka had no room to remember that they are delivered" in told


async def test_pausing_and_resuming_changes_the_annotation_alone(stand: Stand) -> None:
    def there() -> Any:
        return next(one for one in stand.store.list() if one.KIND == "Subscription")

    before = there()
    assert await stand.kanal("pause", "s1") == "default/s1 paused\n"
    assert await stand.kanal("pause", "s1") == "default/s1 paused already: it was paused\n"
    assert is_paused(there().metadata)
    assert there().metadata.generation == before.metadata.generation
    assert await stand.kanal("resume", "s1") == "default/s1 resumed\n"
    assert there() == before


async def test_a_request_of_another_shape_is_told_its_field(stand: Stand) -> None:
    with pytest.raises(Invalid) as caught:
        await asyncio.to_thread(ask, stand.server, "PUT", f"{ONE}/pace", {"paused": "perhaps"})
    assert (caught.value.where, caught.value.field) == (f"{ONE}/pace", "paused")
    with pytest.raises(NotFound, match="job j9: does not exist"):
        await asyncio.to_thread(ask, stand.server, "GET", "/operations/v1/jobs/j9")


async def test_kafka_that_fails_in_the_middle_of_a_stream_is_an_error_and_no_short_list(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.bury("e0")

    async def broken(*_: object) -> AsyncIterator[list[Any]]:
        yield []
        raise Unavailable("Kafka does not answer", where="kafka")

    monkeypatch.setattr(stand.operations, "read", broken)

    def read() -> list[Any]:
        return list(lines(stand.server, f"{ONE}/deadletters"))

    with pytest.raises(EventingError) as caught:
        await asyncio.to_thread(read)
    assert isinstance(caught.value, Unavailable)
    assert str(caught.value) == "kafka: Kafka does not answer"
