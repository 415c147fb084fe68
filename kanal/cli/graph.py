"""`kanal graph`: a picture of what sends to what, and what of it is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventing.errors import Invalid, Unavailable
from kanal.cli.options import Config, Set, settle
from kanal.cli.server import LOCAL, Server, ask

if TYPE_CHECKING:
    from eventing.settings import Settings


def graph(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE_OR_DIR...]", help="YAML files to draw; what is running where none is named."),
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text, mermaid, dot or svg.")] = "text",
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Only this namespace, and what it touches.")
    ] = None,
    children: Annotated[
        bool, typer.Option("--children", help="Draw the parts made for channels and flows, too.")
    ] = False,
    server: Server = LOCAL,
    config: Config = None,
    set_: Set = None,
) -> None:
    """Draw sources, brokers, channels, flows, triggers, subscriptions, subscribers and dead letters, and what is broken."""
    from kanal.graph.build import graph_of
    from kanal.graph.narrow import narrowed
    from kanal.graph.render import FORMATS

    if output not in FORMATS:
        raise Invalid(f"{output!r} is no format", where="--output", fix=f"use one of {', '.join(FORMATS)}")
    settings = settle(config, set_)
    if paths:
        from kanal.planned import planned

        documents, problems = planned(paths, settings)
    else:
        documents, problems = _running(server), []
    picture = graph_of(documents, _kept(settings), running=not paths, children=children)
    sys.stdout.write(FORMATS[output](narrowed(picture, namespace) if namespace else picture))
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise typer.Exit(Invalid.exit_code)


def _running(server: str) -> list[dict[str, Any]]:
    """Every resource that the controller knows."""
    from eventing.kinds.registry import KINDS

    found: list[dict[str, Any]] = []
    for kind in KINDS:
        if not kind.GROUP:
            continue  # Kubernetes' own kinds take no events that a document here would tell of
        document = ask(server, "GET", f"/apis/{kind.GROUP}/{kind.VERSIONS[0]}/{kind.PLURAL}")
        if not isinstance(document, dict) or "items" not in document:
            raise Unavailable("what answers there is no Kanal controller", where=server)
        found += document["items"]
    return found


def _kept(settings: Settings) -> Callable[[str, str, str], str]:
    """How dead letter topics are named here."""
    from eventing.plan.names import filled

    def topic(kind: str, namespace: str, name: str) -> str:
        setting = "trigger_dead_letter_topic" if kind == "Trigger" else "dead_letter_topic"
        template: str = getattr(settings.names, setting)
        return filled(template, f"names.{setting}", namespace=namespace, name=name)

    return topic
