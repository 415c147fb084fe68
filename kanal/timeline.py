"""What `kanal trace` prints: findings as a person reads them, or one document for a script. Pure text, no network, no clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from controller.insight.verdict import FILTERED_OUT, WOULD_BE_FILTERED
from eventing.timestamp import rfc3339
from kanal.table import columns

Document = Mapping[str, Any]


def timeline(findings: Sequence[Document], now: datetime) -> str:
    """Each place where the event is, followed by what became of it at each subscription and trigger."""
    blocks = []
    for accepted in _of_kind(findings, "accepted"):
        ingresses = ", ".join(accepted["ingresses"])
        lines = [
            f"{accepted['id']}  source {accepted['source']}  type {accepted['type']}",
            f"accepted  {_time(accepted['at_ms'])}  by {ingresses}: {_place(accepted)}",
        ]
        rows = [(f"  {_who(fate)}", fate["state"], _told(fate, now)) for fate in _fates_of(findings, accepted)]
        lines += columns(rows) if rows else ["  no subscription or trigger reads this topic"]
        blocks.append("\n".join(lines))
    blocks += [
        f"There are more events of this id than the first {found['told']}; name the source with --source."
        for found in _of_kind(findings, "too many")
    ]
    return "\n\n".join(blocks)


def document(findings: Sequence[Document]) -> str:
    """The same as one JSON document: where it is, with `deliveries` in each place, one a subscription or trigger."""
    hidden = ("finding", "topic", "partition", "offset")
    places = [
        {
            **{name: value for name, value in accepted.items() if name != "finding"},
            "deliveries": [
                {name: value for name, value in fate.items() if name not in hidden}
                for fate in _fates_of(findings, accepted)
            ],
        }
        for accepted in _of_kind(findings, "accepted")
    ]
    return json.dumps({"found": places}, indent=2, ensure_ascii=False)


def missing(found: Document) -> str:
    """What was searched in vain, and how to search further."""
    event = found["id"] + (f" from {found['source']}" if found["source"] else "")
    topics = found["topics"]
    if not topics:
        return f"event {event} was not found: no channel or broker has a topic; see kanal get"
    since = found["since_ms"]
    when = "whole" if since is None else f"since {_time(since)}"
    further = (
        "check the id, and whether it was deleted (the topic's retention)"
        if since is None
        else "search further with --since 24h or --all"
    )
    names = ", ".join(topics[:10]) + (f" and {len(topics) - 10} more" if len(topics) > 10 else "")
    return f"event {event} was not found; searched {when}: {names}; {further}"


def _of_kind(findings: Sequence[Document], kind: str) -> list[Document]:
    return [one for one in findings if one["finding"] == kind]


def _fates_of(findings: Sequence[Document], accepted: Document) -> list[Document]:
    fates = _of_kind(findings, "fate")
    here = [one for one in fates if all(one[n] == accepted[n] for n in ("topic", "partition", "offset"))]
    # A broker may have a hundred triggers, and few of them want the event.
    return sorted(here, key=lambda fate: (fate["state"] in (FILTERED_OUT, WOULD_BE_FILTERED), _who(fate)))


def _who(fate: Document) -> str:
    return f"{fate['kind']} {fate['namespace']}/{fate['name']}" + (f" ({fate['job']})" if fate["job"] else "")


def _told(fate: Document, now: datetime) -> str:
    """All that is known of a fate, in one line."""
    parts = []
    if fate["at_ms"]:
        parts.append(("last attempt " if fate["state"] == "waiting" else "") + _time(fate["at_ms"]))
    if fate["status"] is not None:
        parts.append(str(fate["status"]))
    if fate["attempts"]:
        parts.append(f"{fate['attempts']} attempt{'s' if fate['attempts'] != 1 else ''}")
    if fate["took_ms"]:
        parts.append(f"{fate['took_ms']:g} ms")
    if fate["state"] == "waiting" and fate["next_ms"]:
        left = fate["next_ms"] / 1000 - now.timestamp()
        parts.append(f"next attempt {_time(fate['next_ms'])}" + (f" (in {left:.0f} s)" if left > 0 else ""))
    if fate["reason"]:
        parts.append(fate["reason"])
    if fate["letter"] is not None:
        parts.append(f"kept in {fate['dead_letters']} offset {fate['letter']}")
    if fate["note"]:
        parts.append(fate["note"])
    return ", ".join(parts)


def _place(found: Document) -> str:
    return f"topic {found['topic']}, partition {found['partition']}, offset {found['offset']}"


def _time(unix_ms: int) -> str:
    return rfc3339(datetime.fromtimestamp(unix_ms / 1000, UTC))
