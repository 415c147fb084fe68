"""`kanal webhook`: what a cluster's API server asks before it takes our resources."""

from __future__ import annotations

from typing import Annotated

import typer

from eventing.errors import Invalid
from kanal.cli.options import Config, LogLevel, Set, settle

_EXTRA = ("lightkube", "httpx2", "cryptography")


def webhook(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on (setting webhook.host).")] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Port to listen on, 0 takes a free one (setting webhook.port).")
    ] = None,
    kubeconfig: Annotated[
        str | None,
        typer.Option("--kubeconfig", metavar="FILE", help="How to reach the cluster (setting kubernetes.kubeconfig)."),
    ] = None,
    config: Config = None,
    set_: Set = None,
    log_level: LogLevel = None,
) -> None:
    """Run the admission webhook of a cluster alone: fills in, checks and converts resources before they are taken."""
    from kanal.run import run

    try:
        from kanal.webhook.serve import serve_webhook
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(_EXTRA):
            raise
        message = f"what it needs on a cluster is not installed ({error.name})"
        raise Invalid(message, where="kanal webhook", fix='pip install "kanal[kubernetes]"') from error
    settings = settle(
        config,
        set_,
        webhook__host=host,
        webhook__port=port,
        kubernetes__kubeconfig=kubeconfig,
        log__level=log_level,
    )
    run(lambda stop: serve_webhook(settings, stop))
