"""What `kanal trace` and `kanal lag` print for a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.insight.finding import Accepted, Fate, Finding, Missing, TooMany
from controller.insight.verdict import Verdict
from kanal.api.insight import document_of
from kanal.lagtable import lag_table
from kanal.timeline import document, missing, timeline

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
WHERE = Accepted("e1", "/s", "t.a", "topic", 0, 7, NOON_MS, ["Channel ns/c1"])


def fate(name: str, verdict: Verdict, job: str = "", letter: int | None = None, kind: str = "Subscription") -> Fate:
    kept_in = "graves" if letter is not None else ""
    return Fate(kind, "ns", name, "topic", 0, 7, verdict, job, kept_in, letter)


FINDINGS: list[Finding] = [
    WHERE,
    fate("s2", Verdict("waiting", 503, 2, 4.5, NOON_MS, NOON_MS + 9_000, "answered 503")),
    fate("s1", Verdict("delivered", 202, 1, 3.2, NOON_MS + 8)),
    fate("s1", Verdict("delivered", 200, 1, 3.2, NOON_MS + 8), job="replay-7"),
    fate("s3", Verdict("kept", 500, 1, 0, NOON_MS, 0, "answered 500"), letter=3),
    fate("s4", Verdict("queued", note="next in its partition")),
    TooMany(100),
]


def test_a_timeline_tells_where_an_event_is_and_what_became_of_it() -> None:
    assert timeline([document_of(one) for one in FINDINGS], NOON).splitlines() == [
        "e1  source /s  type t.a",
        "accepted  2026-11-25T12:00:00.000Z  by Channel ns/c1: topic topic, partition 0, offset 7",
        "  Subscription ns/s1             delivered  2026-11-25T12:00:00.008Z, 202, 1 attempt, 3.2 ms",
        "  Subscription ns/s1 (replay-7)  delivered  2026-11-25T12:00:00.008Z, 200, 1 attempt, 3.2 ms",
        (
            "  Subscription ns/s2             waiting    last attempt 2026-11-25T12:00:00.000Z, 503, 2 attempts, 4.5 ms, "
            "next attempt 2026-11-25T12:00:09.000Z (in 9 s), answered 503"
        ),
        (
            "  Subscription ns/s3             kept       2026-11-25T12:00:00.000Z, 500, 1 attempt, answered 500, "
            "kept in graves offset 3"
        ),
        "  Subscription ns/s4             queued     next in its partition",
        "",
        "There are more events of this id than the first 100; name the source with --source.",
    ]


def test_triggers_that_filter_an_event_out_say_why_and_stand_last() -> None:
    where = Accepted("e1", "/s", "t.a", "topic", 0, 7, NOON_MS, ["Broker ns/b1"])
    findings: list[Finding] = [
        where,
        fate("t1", Verdict("filtered out", reason='type is "t.a", wanted "t.b"'), kind="Trigger"),
        fate("t2", Verdict("would be filtered out", reason="source is no", note="it is long ago"), kind="Trigger"),
        fate("t3", Verdict("replied", 200, 1, 3.2, NOON_MS + 8), kind="Trigger"),
    ]
    assert timeline([document_of(one) for one in findings], NOON).splitlines()[1:] == [
        "accepted  2026-11-25T12:00:00.000Z  by Broker ns/b1: topic topic, partition 0, offset 7",
        "  Trigger ns/t3  replied                2026-11-25T12:00:00.008Z, 200, 1 attempt, 3.2 ms",
        '  Trigger ns/t1  filtered out           type is "t.a", wanted "t.b"',
        "  Trigger ns/t2  would be filtered out  source is no, it is long ago",
    ]


def test_a_topic_that_nobody_reads_is_said() -> None:
    assert timeline([document_of(WHERE)], NOON).endswith("  no subscription or trigger reads this topic")


def test_the_json_holds_the_same() -> None:
    [place] = json.loads(document([document_of(one) for one in FINDINGS]))["found"]
    assert (place["id"], place["offset"], len(place["deliveries"])) == ("e1", 7, 5)
    first = place["deliveries"][0]
    assert (first["kind"], first["namespace"], first["name"]) == ("Subscription", "ns", "s1")
    assert first["state"] == "delivered"
    assert "verdict" not in first


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            Missing("e1", "/s", ["a", "b"], NOON_MS),
            (
                "event e1 from /s was not found; searched since 2026-11-25T12:00:00.000Z: a, b; "
                "search further with --since 24h or --all"
            ),
        ),
        (
            Missing("e1", "", ["a"], None),
            "event e1 was not found; searched whole: a; check the id, and whether it was deleted (the topic's retention)",
        ),
        (Missing("e1", "", [], None), "event e1 was not found: no channel or broker has a topic; see kanal get"),
    ],
)
def test_what_was_searched_in_vain_is_said_with_the_next_step(found: Missing, text: str) -> None:
    assert missing(document_of(found)) == text


def test_many_topics_are_cut() -> None:
    assert "t09 and 15 more;" in missing(document_of(Missing("e", "", [f"t{n:02}" for n in range(25)], None)))


def item(**fields: Any) -> Mapping[str, Any]:
    known = {"namespace": "ns", "kind": "Subscription", "name": "s1", "lag": 0, "oldest_age_s": None, "rate": None}
    known |= {
        "in_flight": None,
        "waiting": None,
        "dead_letters": 0,
        "dead_letters_exact": True,
        "pace": "running",
        "problem": "",
    }
    return {**known, **fields}


def test_the_lag_table_says_what_is_known_and_what_is_not() -> None:
    busy = item(lag=12, oldest_age_s=90.0, rate=3.5, in_flight=2, waiting=1, dead_letters=7, dead_letters_exact=False)
    lost = item(name="s2", problem="topic t: does not exist")
    assert lag_table([busy, item(kind="Trigger", pace="paused", oldest_age_s=5.0), lost]).splitlines() == [
        "NAMESPACE  KIND          NAME  LAG  OLDEST  RATE   IN FLIGHT  RETRYING  DEAD LETTERS  STATE",
        "ns         Subscription  s1    12   1.5m    3.5/s  2          1         <=7           running",
        "ns         Trigger       s1    0    5.0s    -      -          -         0             paused",
        "ns         Subscription  s2    -    -       -      -          -         -             topic t: does not exist",
    ]
