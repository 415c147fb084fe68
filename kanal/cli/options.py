"""Options that several verbs share, and how they become settings: flag, then environment, then file, then default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from eventing.errors import Invalid
from eventing.settings import Settings, load

Kafka = Annotated[
    str | None,
    typer.Option("--kafka", metavar="HOST:PORT", help="Kafka's address (setting kafka.bootstrap)."),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="A TOML file with settings; also KANAL_CONFIG. See docs/settings.md."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="GROUP.FIELD=VALUE", help="Any setting; may be given several times."),
]
LogLevel = Annotated[
    str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error (setting log.level).")
]


def settle(
    config: Path | None, settings: list[str] | None, defaults: Mapping[str, Any] | None = None, **flags: Any
) -> Settings:
    """All settings; `flags` use `group__field` names and count only where they are not None."""
    named: dict[str, Any] = {}
    for text in settings or []:
        key, equals, value = text.partition("=")
        if not equals or "." not in key:
            raise Invalid(f"{text!r} is no setting", where="--set", fix="write for instance --set kafka.linger_ms=1")
        named[key] = value
    named |= {name.replace("__", ".", 1): value for name, value in flags.items() if value is not None}
    file = config or (Path(os.environ["KANAL_CONFIG"]) if os.environ.get("KANAL_CONFIG") else None)
    text = ""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise Invalid("is not UTF-8", where=str(file)) from error
        except OSError as error:
            raise Invalid(f"can't be read: {error.strerror}", where=str(file)) from error
    return load(os.environ, text, named, file=str(file or ""), defaults=defaults)
