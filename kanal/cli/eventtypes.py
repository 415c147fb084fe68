"""`kanal eventtypes`: what can be subscribed to, and a Trigger ready to apply."""

from __future__ import annotations

from typing import Annotated

import typer

from eventing.errors import Invalid
from kanal.cli.server import LOCAL, Server


def eventtypes(
    type_: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="Only this type of events.")] = None,
    broker: Annotated[str | None, typer.Option("--broker", help="Only what is at this broker.")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Only this namespace.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="table, yaml or json.")] = "table",
    trigger: Annotated[bool, typer.Option("--trigger", help="Print a Trigger for TYPE, ready for kanal up.")] = False,
    subscriber: Annotated[
        str | None,
        typer.Option("--subscriber", metavar="URL_OR_SERVICE", help="With --trigger: where its events go."),
    ] = None,
    server: Server = LOCAL,
) -> None:
    """Show the registry of event types: type, source, schema, where they can be had, who sends them."""
    from kanal.cli.registry import event_types
    from kanal.eventtypes import FORMATS, chosen, shown
    from kanal.eventtypes import trigger as as_trigger

    if output not in FORMATS:
        raise Invalid(f"{output!r} is no format", where="--output", fix=f"use one of {', '.join(FORMATS)}")
    if trigger and type_ is None:
        raise Invalid("a Trigger is for one type", where="--trigger", fix="write kanal eventtypes TYPE --trigger")
    if subscriber is not None and not trigger:
        raise Invalid("it goes with --trigger", where="--subscriber", fix="add --trigger")
    found = chosen(event_types(server, namespace), type_, broker)
    if trigger:
        print(as_trigger(found, subscriber))
    elif found or output in ("yaml", "json"):
        print(shown(found, output, schemas=type_ is not None))
    else:
        where = f" at broker {broker}" if broker else ""
        print(f"no event types are registered{where}" + (f" in namespace {namespace}" if namespace else ""))
