"""The verbs of operations against a Kafka in memory: what they print, what they refuse, what they leave in Kafka."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from control_stand import PATIENCE_S, resources, subscription
from operations_stand import GRAVES, TRIGGER_GRAVES, Stand, standing

from controller import jobs as jobs_module
from controller import operations as module
from eventing.errors import EventingError, Invalid, NotFound, Unavailable
from eventing.kinds.delivery import is_paused
from eventing.kinds.key import key_of
from eventing.letters import marker_in
from eventing.marks import marked
from eventing.plan.model import Egress, Plan
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


async def begun(stand: Stand, uid: str) -> Egress:
    """The egress of the first job, as the data plane is told it, once it has begun."""
    jobs = stand.operations.jobs
    async with asyncio.timeout(PATIENCE_S):
        while not jobs.list():
            await asyncio.sleep(0.01)
    return jobs.laid_over(stand.plan, stand.plan).egresses[uid]


async def test_without_a_name_the_letters_of_each_subscription_are_counted(stand: Stand) -> None:
    for n in range(3):
        stand.bury(f"e{n}")
    stand.mark(1)
    for resource in resources(subscription("s2", "other")):
        await stand.store.apply(resource)
    other = ["other", "Subscription", "s2", "0", "0"]
    assert rows(await stand.kanal("deadletters")) == [["default", "Subscription", "s1", "2", "1"], other]
    assert rows(await stand.kanal("deadletters", "-n", "other")) == [other]


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
    assert "Discard 2 dead letters of Subscription default/s1?" in told
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
    told = await begun(stand, f"{stand.egress.uid}.redeliver-j1")
    assert (told.topic, told.redelivers, told.only) == (GRAVES, True, {0: (Span(1, 5),)})
    for offset in (1, 2, 3, 4):
        stand.mark(offset)
    stand.kafka.group(told.group).marks[0] = Mark(5)
    printed = await typing
    assert "redelivery of dead letters of Subscription default/s1: 4 of 4 done" in printed
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
    fix = "see kanal deadletters list subscription/s1 -n default"
    assert told == f"Subscription default/s1: no open dead letter that fits is at 7; {fix}"
    assert "no open dead letter fits" in await stand.refused("deadletters", verb, "s1", "--type", "x", *yes)
    assert "is no time" in await stand.refused("deadletters", verb, "s1", "--since", "beginning")


async def test_what_is_not_there_is_said_so_with_the_nearest(stand: Stand) -> None:
    told = await stand.refused("deadletters", "s11")
    assert told == "Subscription or Trigger default/s11: does not exist; did you mean subscription/s1?"
    told = await stand.refused("pause", "trigger/s1")
    assert told == "Trigger default/s1: does not exist; did you mean subscription/s1?"
    told = await stand.refused("pause", "sub/s1", "-n", "other")
    assert told == "Subscription other/s1: does not exist; there is one in namespace default: add -n default"
    told = await stand.refused("pause", "trigger/far")
    assert told == "Trigger default/far: does not exist; see kanal get trigger"
    assert "names no subscription and no trigger" in await stand.refused("pause", "channel/s1")
    with pytest.raises(NotFound, match="'channels' deliver no events; use subscriptions or triggers"):
        await asyncio.to_thread(
            ask, stand.server, "PUT", ONE.replace("subscriptions", "channels") + "/pace", {"paused": True}
        )


async def test_the_letters_of_a_subscription_that_was_deleted_can_still_be_seen(stand: Stand) -> None:
    stand.bury("e0")
    for one in stand.store.list():
        if one.KIND == "Subscription":
            await stand.store.delete(key_of(one))
    assert [row[4] for row in rows(await stand.kanal("deadletters", "s1"))] == ["e0"]
    assert "does not exist" in await stand.refused("deadletters", "redeliver", "s1", "--all")


async def test_a_trigger_is_found_by_its_name_alone_or_with_its_kind(stand: Stand) -> None:
    await stand.trigger()
    stand.bury("e0", in_=TRIGGER_GRAVES)
    for name in ("t1", "trigger/t1", "triggers/t1"):
        assert [row[4] for row in rows(await stand.kanal("deadletters", name))] == ["e0"]
    assert "Subscription default/t1: does not exist; did you mean trigger/t1?" in await stand.refused("pause", "sub/t1")
    assert rows(await stand.kanal("deadletters")) == [
        ["default", "Subscription", "s1", "0", "0"],
        ["default", "Trigger", "t1", "1", "0"],
    ]


async def test_a_name_that_a_subscription_and_a_trigger_have_needs_its_kind(stand: Stand) -> None:
    await stand.trigger("s1")
    stand.bury("of-trigger", in_="kanal-dead-letters-trigger.default.s1")
    for verb in (["pause"], ["deadletters"], ["replay", "--from", "0", "--yes"]):
        told = await stand.refused(*verb, "s1")
        assert told == (
            "default/s1: there is a Subscription and a Trigger of this name; write subscription/s1 or trigger/s1"
        )
    assert await stand.kanal("deadletters", "subscription/s1") == "no open dead letters\n"
    assert [row[4] for row in rows(await stand.kanal("deadletters", "trigger/s1"))] == ["of-trigger"]
    assert await stand.kanal("pause", "trigger/s1") == "Trigger default/s1 paused\n"
    assert {one.KIND for one in stand.store.list() if is_paused(one.metadata)} == {"Trigger"}


async def test_the_letters_of_a_trigger_that_was_deleted_are_found_by_its_name_alone(stand: Stand) -> None:
    await stand.trigger()
    stand.bury("e0", in_=TRIGGER_GRAVES)
    for one in stand.store.list():
        if one.KIND == "Trigger":
            await stand.store.delete(key_of(one))
    assert [row[4] for row in rows(await stand.kanal("deadletters", "t1"))] == ["e0"]
    assert "Trigger default/t1: does not exist" in await stand.refused("deadletters", "redeliver", "t1", "--all")


async def test_a_redelivery_for_a_trigger_asks_its_filters_no_second_time_and_keeps_all_else(stand: Stand) -> None:
    live = await stand.trigger()
    stand.bury("e0", in_=TRIGGER_GRAVES, type="changed")
    typing = asyncio.create_task(stand.kanal("deadletters", "redeliver", "trigger/t1", "--all"))
    told = await begun(stand, f"{live.uid}.redeliver-j1")
    assert (told.topic, told.redelivers, told.filters) == (TRIGGER_GRAVES, True, ())
    assert (told.reply, told.reply_topic, told.ttl) == ("http://broker", "broker-t1", 7)
    stand.mark(0, in_=TRIGGER_GRAVES)
    stand.kafka.group(told.group).marks[0] = Mark(1)
    assert "redelivery of dead letters of Trigger default/t1: 1 of 1 done" in await typing


async def test_a_replay_beside_a_trigger_obeys_its_filters_and_replies_to_its_broker(stand: Stand) -> None:
    live = await stand.trigger()
    typing = asyncio.create_task(stand.kanal("replay", "t1", "--from", "0:2", "--to", "0:4", "--as-new-group"))
    told = await begun(stand, f"{live.uid}.replay-j1")
    same = replace(live, uid=told.uid, group=told.group, only={0: (Span(2, 4),)})
    assert (told, told.group) == (same, "g-t1.replay-j1")
    stand.kafka.group(told.group).marks[0] = Mark(4)
    assert "replay for Trigger default/t1: 2 of 2 done" in await typing


async def test_a_replay_in_the_own_group_of_a_trigger_says_that_filters_still_count(stand: Stand) -> None:
    live = await stand.trigger()
    printed = await stand.kanal("replay", "trigger/t1", "--from", "0:2", "--to", "0:4", "--yes")
    assert printed.endswith(
        "Trigger default/t1 delivers 2 events again, as far as its filters want them; see kanal lag\n"
    )
    assert stand.kafka.group(live.group).marks == {0: marked(2, [Span(4, 10)])}


async def test_lag_lists_triggers_beside_subscriptions_and_one_by_its_name(stand: Stand) -> None:
    live = await stand.trigger("s1")
    stand.kafka.group(live.group).marks[0] = marked(4, ())
    both = [["default", "Subscription", "s1", "0"], ["default", "Trigger", "s1", "6"]]
    assert [row[:4] for row in rows(await stand.kanal("lag"))] == both
    assert [row[:4] for row in rows(await stand.kanal("lag", "s1"))] == both
    assert [row[:4] for row in rows(await stand.kanal("lag", "trigger/s1", "-n", "default"))] == both[1:]
    assert await stand.refused("lag", "sub/s2") == "Subscription s2: is not running; see kanal get"
    assert await stand.refused("lag", "s2", "-n", "default") == (
        "Subscription or Trigger default/s2: is not running; see kanal get"
    )


async def test_a_job_for_a_trigger_that_is_paused_is_refused_with_the_words_that_resume_it(stand: Stand) -> None:
    live = await stand.trigger()
    stand.plan = Plan(egresses={live.uid: replace(live, pace="paused")})
    told = await stand.refused("replay", "t1", "--from", "0", "--as-new-group")
    assert told == "Trigger default/t1: is paused; resume it first: kanal resume trigger/t1 -n default"


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
    assert (await typing).endswith("Subscription default/s1 delivers 2 events again; see kanal lag\n")
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
    assert "Set Subscription default/s1 back" in told
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
    assert await stand.kanal("pause", "s1") == "Subscription default/s1 paused\n"
    assert await stand.kanal("pause", "s1") == "Subscription default/s1 paused already: it was paused\n"
    assert is_paused(there().metadata)
    assert there().metadata.generation == before.metadata.generation
    assert await stand.kanal("resume", "s1") == "Subscription default/s1 resumed\n"
    version = {"resource_version": before.metadata.resource_version}
    assert there().metadata.model_copy(update=version) == before.metadata
    assert there().spec == before.spec


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
