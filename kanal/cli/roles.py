"""`kanal channel`, `kanal dispatcher`, `kanal controller`: one role a process, for containers.

They find each other through Kafka alone: the controller writes the plan to a compacted topic, the others follow it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    paths: Annotated[list[Path], typer.Argument(metavar="FILE_OR_DIR...", help="YAML files with resources.")],
    kafka: Kafka = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow changes of the files.")] = False,
    host: Host = None,
    port: Port = None,
    config: Config = None,
    set_: Set = None,
    log_level: LogLevel = None,
) -> None:
    """Run the controller alone: resources in, plan out. Host and port are those that `kanal get` asks."""
    from kanal.roles.controller import serve_controller
    from kanal.run import run

    settings = settle(
        config, set_, kafka__bootstrap=kafka, control__host=host, control__port=port, log__level=log_level
    )
    run(lambda stop: serve_controller(settings, paths, watch=watch, stop=stop))
