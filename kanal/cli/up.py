"""`kanal up`: everything in one process, from files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eventing.errors import Invalid
from eventing.settings import Settings
from kanal.cli.options import Config, Kafka, LogLevel, Set, settle


def up(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE_OR_DIR...]", help="YAML files with resources.")
    ] = None,
    kafka: Kafka = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow changes of the files.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Where the embedded Kafka keeps its events.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port of the ingress; 0 takes a free one.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="Address of the ingress.")] = None,
    api_port: Annotated[
        int | None, typer.Option("--api-port", help="Port that `kanal get` and `kubectl` ask; 0: a free one.")
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option("--service", metavar="NAME=URL", help="URL of a Service that resources refer to."),
    ] = None,
    display: Annotated[
        list[str] | None,
        typer.Option(
            "--display", metavar="NAME[=CODE]", help="Start an event display as Service NAME; it answers with CODE."
        ),
    ] = None,
    config: Config = None,
    set_: Set = None,
    log_level: LogLevel = None,
) -> None:
    """Start Kafka, every role and the API for kubectl, apply the files, print what becomes of each resource. Ctrl-C stops everything."""
    from kanal.run import run
    from kanal.up import Display, Wish
    from kanal.up import up as run_up

    settings = settle(
        config,
        set_,
        {"log.level": "warning"},
        kafka__bootstrap=kafka,
        ingress__port=port,
        ingress__host=host,
        control__port=api_port,
        resolve__services=_services(service) if service else None,
        log__level=log_level,
    )
    wish = Wish(
        paths or [],
        watch=watch,
        data=data,
        displays=[Display.parse(text) for text in display or []],
        embedded=kafka is None and settings.kafka.bootstrap == Settings().kafka.bootstrap,
    )
    run(lambda stop: run_up(settings, wish, lambda text: print(text, flush=True), stop))


def _services(texts: list[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, url = text.partition("=")
        if not name or not equals or not url.startswith(("http://", "https://")):
            fix = "write NAME=URL, for instance orders=http://127.0.0.1:9000"
            raise Invalid(f"{text!r} names no service", where="--service", fix=fix)
        found[name] = url
    return found
