"""`kanal lag`: how subscriptions and triggers stand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from eventing.errors import Invalid, Unavailable
from kanal.cli.naming import PLURALS, ROOT, parted
from kanal.cli.server import LOCAL, READING_S, Server, ask

EVERY_S = 2.0


def lag(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="NAME, subscription/NAME or trigger/NAME; all where none is named."),
    ] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Only this namespace.")] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again every two seconds, until Ctrl-C.")
    ] = False,
    output: Annotated[str, typer.Option("--output", "-o", help="table or json.")] = "table",
    server: Server = LOCAL,
) -> None:
    """Show how far each subscription and trigger is: unfinished events and the oldest one, rate, retries, dead letters."""
    import json
    import time

    from kanal.lagtable import lag_table

    if output not in ("table", "json"):
        raise Invalid(f"{output!r} is no format", where="--output", fix="use table or json")
    while True:
        items = _items(server, name, namespace)
        if output == "json":
            text = json.dumps(items, indent=None if watch else 2, ensure_ascii=False)
        else:
            text = lag_table(items) if items else "no subscription or trigger is running"
        _say(text, anew=watch and output == "table")
        if not watch:
            return
        time.sleep(EVERY_S)


def _items(server: str, name: str | None, namespace: str | None) -> list[dict[str, Any]]:
    from urllib.parse import urlencode

    kind, name = ("", None) if name is None else parted(name)
    given = {"kind": PLURALS.get(kind), "name": name, "namespace": namespace}
    asked = {key: value for key, value in given.items() if value}
    answer = ask(server, "GET", f"{ROOT}/lag?{urlencode(asked)}", timeout_s=READING_S)
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list) or not all(isinstance(one, dict) and "problem" in one for one in items):
        raise Unavailable("what answers there is no Kanal controller", where=server)
    return items


def _say(text: str, *, anew: bool) -> None:
    """Print; on a terminal in place of what stands there."""
    import sys

    clear = "\x1b[H\x1b[2J" if anew and sys.stdout.isatty() else ""
    print(clear + text, flush=True)
