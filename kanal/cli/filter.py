"""`kanal filter`: whether a Trigger would take an event, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eventing.errors import Invalid

_PAIR = "NAME=VALUE"


def filter_(
    event: Annotated[
        str, typer.Argument(metavar="EVENT.json", help="A structured event or a batch of them; - reads standard input.")
    ],
    cesql: Annotated[
        list[str] | None, typer.Option("--cesql", metavar="EXPRESSION", help="A CESQL expression that must be true.")
    ] = None,
    exact: Annotated[
        list[str] | None, typer.Option("--exact", metavar=_PAIR, help="The attribute must have this value.")
    ] = None,
    prefix: Annotated[
        list[str] | None, typer.Option("--prefix", metavar=_PAIR, help="The attribute must begin so.")
    ] = None,
    suffix: Annotated[
        list[str] | None, typer.Option("--suffix", metavar=_PAIR, help="The attribute must end so.")
    ] = None,
    filters: Annotated[
        Path | None,
        typer.Option("--filters", metavar="FILE", help="A Trigger, or the list filters of one, in YAML or JSON."),
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
) -> None:
    """Tell whether an event passes filters, all that are given, and why. Exit code 1: it, or one of several, does not."""
    import json

    from eventing.filters.explain import explain
    from kanal.filtering import events_in, filters_in, pairs

    if output not in ("text", "json"):
        raise Invalid(f"{output!r} is no format", where="--output", fix="use text or json")
    documents = [*pairs("exact", exact or []), *pairs("prefix", prefix or []), *pairs("suffix", suffix or [])]
    documents += [{"cesql": expression} for expression in cesql or []]
    if filters is not None:
        documents += filters_in(_bytes(str(filters)), str(filters))
    elif not documents:
        raise Invalid("no filter is given", fix="give --cesql, --exact, --prefix, --suffix or --filters")
    found = [(one, explain(documents, one.attributes.get)) for one in events_in(_bytes(event), event)]
    if output == "json":
        judged = [{"id": one.id, "source": one.source, "type": one.type, **why.document()} for one, why in found]
        print(json.dumps({"events": judged}, indent=2, ensure_ascii=False))
    else:
        for one, why in found:
            verdict = "passes" if why.passed else "does not pass"
            print("\n".join([f"{one.id}  source {one.source}  type {one.type}: {verdict}", *why.lines(1)]))
    if not all(why.passed for _, why in found):
        raise typer.Exit(1)


def _bytes(file: str) -> bytes:
    import sys

    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Invalid(f"can't be read: {error.strerror}", where=file) from error
