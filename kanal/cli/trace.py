"""`kanal trace`: where one event went."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventing.errors import Invalid
from kanal.cli.naming import ROOT
from kanal.cli.server import LOCAL, READING_S, Server, lines

if TYPE_CHECKING:
    from collections.abc import Callable


def trace(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID", help="The event's id.")],
    source: Annotated[str | None, typer.Option("--source", help="Its source, where others have the same id.")] = None,
    since: Annotated[
        str,
        typer.Option("--since", metavar="TIME", help="How far back to search: an age such as 30m or 2d, or RFC 3339."),
    ] = "1h",
    all_: Annotated[bool, typer.Option("--all", help="Search the whole topics.")] = False,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Only channels and brokers of this namespace; searches less."),
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
    server: Server = LOCAL,
) -> None:
    """Tell where an event went: accepted when, and what became of it at each subscription and trigger. Exit code 1: not found."""
    import sys
    from datetime import UTC, datetime
    from urllib.parse import urlencode

    from controller.replay import unix_ms
    from kanal.timeline import document, missing, timeline

    if output not in ("text", "json"):
        raise Invalid(f"{output!r} is no format", where="--output", fix="use text or json")
    since_ms = None if all_ else unix_ms(since, datetime.now(UTC), "--since")
    asked = {"id": event_id, "source": source, "namespace": namespace, "since_ms": since_ms}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    findings = []
    with _progress() as show:
        for finding in lines(server, f"{ROOT}/trace?{query}", timeout_s=READING_S):
            if finding["finding"] == "progress":
                show(finding)
            else:
                findings.append(finding)
    if output == "json":
        print(document(findings))
    elif any(one["finding"] == "accepted" for one in findings):
        print(timeline(findings, datetime.now(UTC)))
    for one in findings:
        if one["finding"] == "missing":
            print(f"kanal: {missing(one)}", file=sys.stderr)
            raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[dict[str, Any]], None]]:
    """A bar on a terminal while topics are read; silence elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("searching", total=None)

        def show(found: dict[str, Any]) -> None:
            bar.update(task, description=found["topic"], completed=found["scanned"], total=found["total"] or None)

        yield show
