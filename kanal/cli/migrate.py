"""`kanal migrate`: what it takes to put Kanal in the place of Knative's Kafka channels and brokers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eventing.errors import Invalid
from kanal.cli.options import Config, Kafka, Set, settle

if TYPE_CHECKING:
    import asyncio

    from kanal.migrate.report import Report

FORMATS = ("text", "json")


def migrate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE_OR_DIR...]", help="What `kubectl get -o yaml` said; the cluster itself where none is named."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look and tell; there is nothing else that it does.")
    ] = False,
    kafka: Kafka = None,
    serves: Annotated[
        str | None,
        typer.Option("--serves", help="everything, or kafka: Knative's core stays (setting kubernetes.serves)."),
    ] = None,
    knative: Annotated[
        str, typer.Option("--knative", metavar="NAMESPACE", help="Where Knative is installed.")
    ] = "knative-eventing",
    kubeconfig: Annotated[
        str | None, typer.Option("--kubeconfig", metavar="FILE", help="The cluster (setting kubernetes.kubeconfig).")
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="text or json.")] = "text",
    config: Config = None,
    set_: Set = None,
) -> None:
    """Look at Knative's Kafka channels and brokers: which topics and groups Kanal would take over, what stands in the way, and how the switch is made. Exit code 1 where something stands in the way."""
    if not dry_run:
        # A script that leaves it out expects a switch, and must not go on as if there had been one.
        raise Invalid(
            "kanal migrate changes nothing, so there is no switch to make without --dry-run",
            fix="add --dry-run; it prints the steps of the switch, and docs/migrate.md explains them",
        )
    if output not in FORMATS:
        raise Invalid(f"{output!r} is no format", where="--output", fix="use text or json")
    settings = settle(
        config, set_, kafka__bootstrap=kafka, kubernetes__serves=serves, kubernetes__kubeconfig=kubeconfig
    )
    from kanal.migrate.run import examined
    from kanal.run import run

    found: list[Report] = []

    async def main(_: asyncio.Event) -> None:
        found.append(await examined(settings, paths or [], knative))

    run(main)
    print(_told(found[0], output))
    if found[0].problems:
        raise typer.Exit(1)


def _told(report: Report, output: str) -> str:
    import json

    from kanal.migrate.report import document
    from kanal.migrate.text import text

    return json.dumps(document(report), indent=2, ensure_ascii=False) if output == "json" else text(report)
