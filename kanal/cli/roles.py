"""`kanal channel`, `kanal dispatcher`, `kanal controller`: one role a process, for containers.

They find each other through Kafka alone: the controller writes the plan to a compacted topic, the others follow it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from eventing.errors import Invalid
from kanal.cli.options import Config, Kafka, LogLevel, Set, settle

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int | None, typer.Option("--port", help="Port to listen on; 0 takes a free one.")]


def channel(
    kafka: Kafka = None,
    host: Host = None,
    port: Port = None,
    config: Config = None,
    set_: Set = None,
    log_level: LogLevel = None,
) -> None:
    """Run the ingress alone: HTTP in, Kafka record out."""
    from kanal.roles.channel import serve_channel
    from kanal.run import run

    settings = settle(
        config, set_, kafka__bootstrap=kafka, ingress__host=host, ingress__port=port, log__level=log_level
    )
    run(lambda stop: serve_channel(settings, stop))


def dispatcher(
    kafka: Kafka = None,
    host: Host = None,
    port: Port = None,
    config: Config = None,
    set_: Set = None,
    log_level: LogLevel = None,
) -> None:
    """Run the dispatcher alone: Kafka record in, HTTP out. Host and port are those of its probes and metrics."""
    from kanal.roles.dispatcher import serve_dispatcher
    from kanal.run import run

    settings = settle(config, set_, kafka__bootstrap=kafka, health__host=host, health__port=port, log__level=log_level)
    run(lambda stop: serve_dispatcher(settings, stop))


def controller(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE_OR_DIR...",
            help="YAML files with resources; none are needed with --local-api or --kubernetes.",
        ),
    ] = None,
    kafka: Kafka = None,
    kubernetes: Annotated[
        bool | None,
        typer.Option("--kubernetes", help="Work on the resources of a cluster (setting kubernetes.enabled)."),
    ] = None,
    local_api: Annotated[
        bool,
        typer.Option(
            "--local-api",
            help="Keep the resources in Kafka, and let kubectl change them with the token in control.token.",
        ),
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow changes of the files.")] = False,
    host: Host = None,
    port: Port = None,
    config: Config = None,
    set_: Set = None,
    log_level: LogLevel = None,
) -> None:
    """Run the controller alone: resources in, plan out. Host and port are those that `kanal get` asks."""
    from kanal.run import run

    settings = settle(
        config,
        set_,
        kafka__bootstrap=kafka,
        kubernetes__enabled=kubernetes,
        control__host=host,
        control__port=port,
        log__level=log_level,
    )
    serve = serving_controller(in_cluster=settings.kubernetes.enabled)
    if local_api and not settings.control.token:
        raise Invalid(
            "nobody could show a token that lets resources be changed",
            where="kanal controller --local-api",
            fix="set KANAL_CONTROL__TOKEN to a secret of your own",
        )
    if not paths and not local_api and not settings.kubernetes.enabled:
        raise Invalid(
            "there is nothing to control",
            where="kanal controller",
            fix="name files, let kubectl bring resources: --local-api, or work on a cluster: --kubernetes",
        )
    run(lambda stop: serve(settings, paths or [], watch=watch, stop=stop))


def serving_controller(*, in_cluster: bool) -> Callable[..., Awaitable[None]]:
    """What serves a controller. Raises `Invalid` where the cluster's client is not installed."""
    if not in_cluster:
        from kanal.roles.controller import serve_controller

        return serve_controller
    try:
        from kanal.roles.cluster import serve_cluster_controller
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("lightkube", "httpx2")):
            raise
        raise Invalid(
            f"the client of Kubernetes is not installed ({error.name})",
            where="kanal controller --kubernetes",
            fix='pip install "kanal[kubernetes]"',
        ) from error
    return serve_cluster_controller
