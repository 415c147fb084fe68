"""The pages of `docs/` that are made from the code, so that they can't be wrong: `make docs` writes them, a test compares.

Commands come from the command line's own definition, settings from `eventing.settings`, metrics from the registries in
which they count, resource fields from the models that check them.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main
from pydantic.fields import FieldInfo

from controller.registry import RegistryMetrics
from dispatcher.diary import LostOutcomes
from dispatcher.metrics import OutcomeMetrics
from eventing.kinds.meta import Resource
from eventing.kinds.model import Model
from eventing.kinds.registry import AT_HOME, KINDS
from eventing.settings import PREFIX, describe
from eventing.telemetry import IngressMetrics, Telemetry
from kanal.cli import app
from kanal.roles.standby import LeaderMetrics

_EVERYWHERE = ("api_version", "kind", "metadata", "spec", "status")
_NOTE = "<!-- Written by `make docs`; change the code instead. -->\n"


def pages() -> dict[str, str]:
    """The text of each generated page, by file name."""
    made: Mapping[str, Callable[[], str]] = {
        "commands.md": commands,
        "settings.md": settings,
        "metrics.md": metrics,
        "resources.md": resources,
    }
    return {name: page() for name, page in made.items()}


def commands() -> str:
    """Every verb with its arguments and options."""
    root = typer.main.get_command(app)
    lines = [
        _NOTE,
        "# Commands",
        "",
        "`kanal VERB --help` shows the same. Errors go to standard error in one line; exit codes:",
    ]
    lines += [
        "0 done, 1 a defect, 2 wrong input, 3 a neighbour (Kafka, a server) does not answer, 4 permission denied.",
        "",
    ]
    verbs: Mapping[str, Any] = getattr(root, "commands")  # noqa: B009  typer types its group as a plain command
    for name, command in _leaves(verbs):
        lines += [f"## kanal {name}", "", " ".join((command.help or "").split()), ""]
        rows = [row for parameter in command.params if (row := _parameter(parameter))]
        if rows:
            lines += ["| | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _leaves(verbs: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb that can be run, by its whole name."""
    for name, command in verbs.items():
        below = getattr(command, "commands", None)
        if below is None:
            yield before + name, command
        else:
            yield from _leaves(below, f"{before}{name} ")


def settings() -> str:
    """Every setting."""
    lines = [
        _NOTE,
        "# Settings",
        "",
        "A value comes from a flag (`--set GROUP.FIELD=VALUE`, or an option of its own), else from the environment, else",
        "from a TOML file (`--config FILE` or `KANAL_CONFIG`; `[group]` and `field = value`), else it is the default. Lists",
        "and tables are written with commas in a flag or the environment. What a resource says (retries, time-outs,",
        "partitions) is never a setting.",
        "",
    ]
    group = ""
    for key, kind, default, text in describe():
        if key.partition(".")[0] != group:
            group = key.partition(".")[0]
            lines += ["", f"## {group}", "", "| setting | environment | default | |", "|---|---|---|---|"]
        variable = PREFIX + key.replace(".", "__", 1).upper()
        shown = "empty" if default in ("", [], {}) else f"`{default}`"
        lines.append(f"| `{key}` ({_type(kind)}) | `{variable}` | {shown} | {_cell(text)} |")
    return "\n".join(lines) + "\n"


def metrics() -> str:
    """Every metric of ours."""
    telemetry = Telemetry()
    before = {family.name for family in telemetry.registry.collect()}
    IngressMetrics(telemetry)
    OutcomeMetrics(telemetry)
    LostOutcomes(telemetry)
    RegistryMetrics(telemetry)
    LeaderMetrics(telemetry)
    lines = [
        _NOTE,
        "# Metrics",
        "",
        "In Prometheus' text format at `/metrics` of the ingress, the dispatcher and the controller. Labels are resources,",
        "targets and status codes, so their number is bounded by what you apply and never by what senders write.",
        "Beside them stand Python's own `process_*` and `python_*`.",
        "",
        "| metric | type | labels | |",
        "|---|---|---|---|",
    ]
    for family in telemetry.registry.collect():
        if family.name in before:
            continue
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in _labels(telemetry, family.name)) or "none"
        lines.append(f"| `{name}` | {family.type} | {labels} | {_cell(family.documentation)} |")
    return "\n".join(lines) + "\n"


def resources() -> str:
    """Every field of every kind."""
    lines = [
        _NOTE,
        "# Resources",
        "",
        "The kinds that Kanal takes, in Knative's groups and versions, with every field.",
        "",
    ]
    for kind in (*KINDS, *AT_HOME):
        versions = ", ".join(f"`{kind.full_version(version)}`" for version in kind.VERSIONS)
        short = ", ".join(f"`{name}`" for name in (kind.PLURAL, kind.SINGULAR, *kind.SHORT_NAMES))
        lines += [f"## {kind.KIND}", "", (kind.__doc__ or "").strip(), "", f"{versions}; called {short}.", ""]
        lines += ["| field | type | |", "|---|---|---|", *_fields(kind), ""]
        for version, shape in kind.SHAPES.items():
            lines += [f"In `{version}`:", "", "| field | type | |", "|---|---|---|", *_fields(shape), ""]
    return "\n".join(lines)


def _fields(kind: type[Resource]) -> Iterator[str]:
    own = {name: info for name, info in kind.model_fields.items() if name not in _EVERYWHERE and not info.exclude}
    yield from _of_fields(own, "")
    if not kind.model_fields["spec"].exclude:
        yield from _of_model(_models(kind.model_fields["spec"].annotation)[0], "spec")


def _of_model(model: type[Model], path: str) -> Iterator[str]:
    yield from _of_fields(model.model_fields, f"{path}.")


def _of_fields(fields: Mapping[str, FieldInfo], prefix: str) -> Iterator[str]:
    for name, info in fields.items():
        field = prefix + (info.alias or name)
        inner = _models(info.annotation)
        must = " (required)" if info.is_required() else ""
        yield f"| `{field}` | {_field_type(info)}{must} | {_cell(info.description or '')} |"
        for one in inner:
            yield from _of_model(one, field)


def _models(annotation: Any) -> list[type[Model]]:
    """The models inside of a type: itself, or a part of a union or list."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models(part)]


def _field_type(info: FieldInfo) -> str:
    return "object" if _models(info.annotation) else _type(info.annotation)


def _type(kind: Any) -> str:
    names = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): ""}
    if kind in names:
        return names[kind]
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in parts)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(filter(None, map(_type, parts)))
    if origin is typing.Annotated:
        return _type(parts[0])
    if origin in (list, tuple):
        return "list"
    return "table"


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"| `{parameter.metavar or parameter.name.upper()}` | {_cell(parameter.help or '')} |"
    if "--help" in parameter.opts:
        return ""
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    metavar = f" `{parameter.metavar}`" if parameter.metavar else ""
    default = parameter.default
    plain = default is not None and not callable(default) and default not in ("", False, [], ())
    return f"| {names}{metavar} | {_cell(parameter.help or '')}{f' Default: `{default}`.' if plain else ''} |"


def _labels(telemetry: Telemetry, name: str) -> tuple[str, ...]:
    collector = telemetry.registry._names_to_collectors[name]  # noqa: SLF001  the library tells labels no other way
    return tuple(getattr(collector, "_labelnames", ()))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(folder: str) -> None:
    """Write the pages into a folder."""
    for name, text in pages().items():
        Path(folder, name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
