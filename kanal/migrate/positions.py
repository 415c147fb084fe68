"""What stands in the way of a group that is to go on exactly where it stopped, and the command that helps. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kanal.migrate.finding import Finding, difference, problem
from kanal.migrate.sight import GroupSeen


def findings(owner: object, group: str, topic: str, seen: GroupSeen, bootstrap: str) -> Iterator[Finding]:
    """What stands in the way of going on exactly where the group stopped."""
    if seen.error:
        yield problem(owner, f"the group {group} could not be read: {seen.error}")
        return
    if not seen.marks:
        yield problem(
            owner,
            f"the group {group} has committed nothing for the topic {topic}: Kanal would begin with events that come later",
            f"once Knative's dispatchers have stopped, say where to begin: {_reset(bootstrap, group, topic)}",
        )
    elif seen.open:
        listed = ",".join(map(str, seen.open))
        yield problem(
            owner,
            f"the group {group} has committed nothing for partition {listed} of {topic}: what lies there, or comes before "
            "Kanal has looked, would not be delivered",
            f"once Knative's dispatchers have stopped: {_reset(bootstrap, group, f'{topic}:{listed}')}",
        )
    if seen.expired:
        yield difference(
            owner,
            f"the group {group} had not finished {seen.expired} events of {topic} that retention has deleted: Kanal goes on at "
            "the oldest that is left, where Knative's dispatcher would have gone on at the newest",
        )
    if seen.beyond:
        listed = ",".join(map(str, seen.beyond))
        yield problem(
            owner,
            f"the group {group} stands behind the end of partition {listed} of {topic}, which was made again: Kanal would "
            "begin at the first event there",
            "that loses nothing; where it would repeat events, "
            + _reset(bootstrap, group, f"{topic}:{listed}").replace("--to-earliest", "--to-latest"),
        )


def _reset(bootstrap: str, group: str, topic: str) -> str:
    return (
        f"kafka-consumer-groups.sh --bootstrap-server {bootstrap} --group {group} --topic {topic} "
        "--reset-offsets --to-earliest --execute"
    )
