"""The report of a take-over for a person at a screen: pure text, no network, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kanal.migrate.finding import Finding
from kanal.migrate.report import Report
from kanal.migrate.sight import Sight
from kanal.migrate.steps import Step
from kanal.migrate.takeover import Row
from kanal.table import columns

_NONE = "-"
_TOPICS = ("OBJECT", "TOPIC", "NAMED BY", "KANAL", "IN KAFKA", "PARTITIONS", "REPLICAS")
_GROUPS = ("OBJECT", "GROUP", "NAMED BY", "KANAL", "MEMBERS", "COMMITTED", "LAG")
_MOST = 12
"""Commands of one step that a screen shows."""


def text(report: Report) -> str:
    """The whole of it, without a line break at the end."""
    blocks = [_table("Topics", _TOPICS, [_topic(row, report.sight) for row in report.taken.topics])]
    blocks.append(_table("Groups", _GROUPS, [_group(row, report.sight) for row in report.taken.groups]))
    blocks += [_list("Problems", report.problems), _list("Differences", report.differences)]
    blocks.append("\n".join(["Steps", *_steps(report.steps)]))
    blocks.append(_summary(report))
    return "\n\n".join(block for block in blocks if block)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join([title, *(f"  {line}" for line in columns([headings, *rows]))]) if rows else ""


def _topic(row: Row, sight: Sight | None) -> Sequence[str]:
    seen = None if sight is None else sight.topics.get(row.held.topic)
    there = "not asked" if sight is None else "no" if seen is None else "yes"
    facts = (_NONE, _NONE) if seen is None else (str(seen.partitions), str(seen.replicas))
    return (*_named(row), there, *facts)


def _group(row: Row, sight: Sight | None) -> Sequence[str]:
    seen = None if sight is None else sight.groups.get((row.held.group, row.held.topic))
    if seen is None or seen.error:
        return (*_named(row), _NONE, _NONE, _NONE)
    committed = f"{len(seen.marks)} of {len(seen.spans)}"
    return (*_named(row), str(len(seen.members)), committed, str(seen.lag))


def _named(row: Row) -> tuple[str, ...]:
    ours = "the same" if row.agrees else row.ours or "none"
    return (str(row.held.owner), row.held.name or _NONE, row.held.source, ours)


def _list(title: str, findings: Sequence[Finding]) -> str:
    lines = []
    for one in findings:
        lines.append(f"  {one.object}: {one.message}")
        if one.fix:
            lines.append(f"    fix: {one.fix}" if one.severity == "problem" else f"    {one.fix}")
    return "\n".join([title, *lines]) if lines else ""


def _steps(steps: Sequence[Step]) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        yield f"  {number}. {step.title}"
        yield f"     {step.text}"
        for command in step.commands[:_MOST]:
            yield from (f"       {line}" for line in command.splitlines())
        more = len(step.commands) - _MOST
        if more > 0:
            yield f"       and {more} more of these: -o json has them all"


def _summary(report: Report) -> str:
    if report.problems:
        count = len(report.problems)
        return f"{count} problem{'s'[: count != 1]}: see to {'it' if count == 1 else 'them'} before the first step."
    waiting = len(report.waiting)
    if waiting:
        return f"Clean. {waiting} group{'s'[: waiting != 1]} still {'has' if waiting == 1 else 'have'} members, which is right before step 3."
    return "Clean. No group has members: nobody delivers at the moment."
