"""`kanal replay`: events that were delivered already, again."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kanal.cli.following import INTERRUPTED, run
from kanal.cli.naming import Namespace, Reference, named
from kanal.cli.server import LOCAL, SETTING_S, Server, ask


def replay(
    name: Reference,
    begin: Annotated[
        list[str],
        typer.Option(
            "--from",
            metavar="POINT",
            help="An RFC 3339 time, an age such as 15m or -2h, an offset, PARTITION:OFFSET (may come several times), "
            "or beginning.",
        ),
    ],
    end: Annotated[
        list[str] | None, typer.Option("--to", metavar="POINT", help="The same, not included; now where left out.")
    ] = None,
    as_new_group: Annotated[
        bool, typer.Option("--as-new-group", help="Beside the live delivery, with a consumer group of its own.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Don't ask; accept that further events may be delivered twice.")
    ] = False,
    namespace: Namespace = "default",
    server: Server = LOCAL,
) -> None:
    """Deliver events of a subscription or trigger again: in its own place of the queue, or beside it as a new consumer group."""
    one = named(server, namespace, name)
    if not as_new_group and not yes:
        typer.confirm(f"Set {one} back, so that it delivers these events again before it goes on?", abort=True)
    wish = {
        "begin": begin, "end": end or ["now"], "as_new_group": as_new_group, "accept_repeated": yes
    }  # fmt: skip
    where = one.path("replay")
    if as_new_group:
        run(server, where, wish, f"replay for {one}")
        return
    try:
        answer = ask(server, "POST", where, wish, SETTING_S)
    except KeyboardInterrupt:
        told = f"interrupted before the controller answered; the offsets of {one} may still be set: see kanal lag"
        print(f"kanal: {told}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    filtered = ", as far as its filters want them" if one.kind == "Trigger" else ""
    print(f"{one} delivers {answer['events']} event{'s'[: answer['events'] != 1]} again{filtered}; see kanal lag")
    if answer["repeated"]:
        print(f"{answer['repeated']} more come again: Kafka had no room to remember that they are delivered")
