"""`kanal deadletters`: what nobody took, seen, sent again, or given up."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from eventing.errors import Invalid
from kanal.cli.following import run
from kanal.cli.naming import ROOT, Named, Namespace, Reference, named
from kanal.cli.server import LOCAL, READING_S, Server, ask, lines, texts

Type = Annotated[str, typer.Option("--type", help="Only events of this type.")]
Source = Annotated[str, typer.Option("--source", help="Only events from this source.")]
Id = Annotated[str, typer.Option("--id", help="Only the event with this id.")]
Code = Annotated[str, typer.Option("--code", help="Only those that failed with this status.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Only those whose reason contains this.")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Given up since then: RFC 3339, or an age: 2h.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Given up before then: RFC 3339, or an age.")]
Offsets = Annotated[list[int] | None, typer.Argument(metavar="[OFFSET]...", help="Which ones, as the list shows them.")]
Every = Annotated[bool, typer.Option("--all", help="Every open one.")]
_HEADINGS = ("OFFSET", "TIME", "TYPE", "SOURCE", "ID", "ATTEMPTS", "CODE", "REASON")


class _Verbs(TyperGroup):
    """`kanal deadletters` and `kanal deadletters NAME` list."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        verb = args[0] if args else ""
        return super().parse_args(ctx, args if verb in self.commands or verb == "--help" else ["list", *args])


app = typer.Typer(
    cls=_Verbs,
    help="Dead letters: events that could not be delivered anywhere, kept in Kafka. Lists them where no verb is given.",
    rich_markup_mode=None,
)


@app.command("list")
def list_(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="NAME, subscription/NAME or trigger/NAME; without it, how many each has."
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="The namespace; default, or all where only counts are asked."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many of the newest.")] = 100,
    type_: Type = "",
    source: Source = "",
    id_: Id = "",
    code: Code = "",
    reason: Reason = "",
    since: Since = "",
    until: Until = "",
    server: Server = LOCAL,
) -> None:
    """List the open dead letters of a subscription or trigger, oldest first, or count those of each."""
    from kanal.table import columns

    if name is None:
        query = f"?namespace={namespace}" if namespace else ""
        items = ask(server, "GET", f"{ROOT}/deadletters{query}", timeout_s=READING_S)["items"]
        headings = ("NAMESPACE", "KIND", "NAME", "OPEN", "HANDLED")
        counts = [tuple(str(one[heading.lower()]) for heading in headings) for one in items]
        print("\n".join(columns([headings, *counts])))
        return
    filters = _filters(type_, source, id_, code, reason, since, until)
    where = named(server, namespace or "default", name).path("deadletters", **filters, limit=limit)
    found = lines(server, where, READING_S)
    head = next(found)
    rows = [_row(one) for one in found]
    if rows:
        print("\n".join(columns([_HEADINGS, *rows])))
    else:
        print("no open dead letters" + (" fit" if filters else ""))
    if head["found"] > len(rows):
        print(f"{head['found'] - len(rows)} older ones; --limit shows more")


@app.command("show")
def show(
    name: Reference,
    offset: Annotated[int, typer.Argument(metavar="OFFSET", help="Which one, as the list shows it.")],
    namespace: Namespace = "default",
    server: Server = LOCAL,
) -> None:
    """Show one dead letter: what became of it, its attributes, its data."""
    from base64 import b64decode

    from eventing.event import Event
    from kanal.display import describe

    found = ask(server, "GET", named(server, namespace, name).path(f"deadletters/{offset}"), timeout_s=READING_S)
    data = found["data"].encode() if "data" in found else b64decode(found.get("data_base64", ""))
    print(f"{found['state']}{' since ' + found['handled'] if 'handled' in found else ''}")
    print(describe(Event(found["attributes"], data)), end="")


@app.command("export")
def export(
    name: Reference,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that were handled too.")] = False,
    type_: Type = "",
    source: Source = "",
    id_: Id = "",
    code: Code = "",
    reason: Reason = "",
    since: Since = "",
    until: Until = "",
    namespace: Namespace = "default",
    server: Server = LOCAL,
) -> None:
    """Write the dead letters as CloudEvents in JSON, one a line."""
    query = _filters(type_, source, id_, code, reason, since, until)
    where = named(server, namespace, name).path("deadletters/export", **query, all="true" if every else "")
    if output is None:
        for line in texts(server, where, READING_S):
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.flush()
        return
    count = 0
    try:
        # The controller is asked before the file is touched, so a refusal leaves an older one as it is.
        found = texts(server, where, READING_S)
        first = next(found, None)
        with output.open("wb") as file:
            for line in chain(() if first is None else (first,), found):
                file.write(line + b"\n")
                count += 1
    except OSError as error:
        raise Invalid(f"can't be written: {error.strerror}", where=f"--output {output}") from error
    print(f"{count} dead letter{'s'[: count != 1]} written to {output}")


@app.command("redeliver")
def redeliver(
    name: Reference,
    offsets: Offsets = None,
    every: Every = False,
    type_: Type = "",
    source: Source = "",
    id_: Id = "",
    code: Code = "",
    reason: Reason = "",
    since: Since = "",
    until: Until = "",
    namespace: Namespace = "default",
    server: Server = LOCAL,
) -> None:
    """Send dead letters to their subscriber again. What fails again is a new dead letter; ctrl-C cancels the rest."""
    filters = _filters(type_, source, id_, code, reason, since, until)
    one = named(server, namespace, name)
    choice = _choice(server, one, offsets, filters, every=every)
    title = f"redelivery of dead letters of {one}"
    left = True
    while left:
        left = bool(run(server, one.path("redeliver"), choice, title)["left"])
    still = _head(server, one)["found"]
    print(f"{still} open dead letter{'s'[: still != 1]} now")


@app.command("discard")
def discard(
    name: Reference,
    offsets: Offsets = None,
    every: Every = False,
    type_: Type = "",
    source: Source = "",
    id_: Id = "",
    code: Code = "",
    reason: Reason = "",
    since: Since = "",
    until: Until = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    namespace: Namespace = "default",
    server: Server = LOCAL,
) -> None:
    """Give dead letters up: they are not open any more. Kafka keeps them; `export --all` still writes them."""
    filters = _filters(type_, source, id_, code, reason, since, until)
    one = named(server, namespace, name)
    choice = _choice(server, one, offsets, filters, every=every)
    if not yes:
        query = {name: value for name, value in choice.items() if name != "before"}
        count = _head(server, one, **query)["found"]
        typer.confirm(f"Discard {count} dead letter{'s'[: count != 1]} of {one}?", abort=True)
    answer = ask(server, "POST", one.path("discard"), choice, READING_S)
    print(f"{answer['discarded']} discarded")


def _choice(
    server: str, one: Named, offsets: list[int] | None, filters: dict[str, Any], *, every: bool
) -> dict[str, Any]:
    """Which letters are meant, up to now: what fails again meanwhile is not meant a second time."""
    if not offsets and not filters and not every:
        raise Invalid("nothing is chosen", fix="name offsets, filters such as --type, or --all")
    if offsets and (filters or every):
        raise Invalid("offsets and filters don't go together", fix="use one of the two")
    before = _head(server, one)["before"]
    return {**filters, **({"offsets": offsets} if offsets else {}), "before": before}


def _head(server: str, one: Named, **query: Any) -> dict[str, Any]:
    """What is said of the letters before they are listed."""
    where = one.path("deadletters", **query, limit=0)
    head: dict[str, Any] = next(lines(server, where, READING_S))
    return head


def _filters(type_: str, source: str, id_: str, code: str, reason: str, since: str, until: str) -> dict[str, Any]:
    """The filters that were given."""
    found = {"type": type_, "source": source, "id": id_, "code": code, "reason": reason}
    times = {"since": _time(since, "--since"), "until": _time(until, "--until")}
    return {name: value for name, value in (found | times).items() if value}


def _time(text: str, option: str) -> str:
    from datetime import UTC, datetime

    from controller.replay import unix_ms

    if not text:
        return ""
    return datetime.fromtimestamp(unix_ms(text, datetime.now(UTC), option) / 1000, UTC).isoformat()


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    names = ("kanallastattempt", "type", "source", "id", "kanalattempts", "knativeerrorcode", "kanalreason")
    return (str(one["offset"]), *(" ".join(one["attributes"].get(name, "").split())[:120] for name in names))
