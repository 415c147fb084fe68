"""`kanal get`: resources and their state, as the controller knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventing.errors import Invalid, NotFound, Unavailable
from kanal.cli.server import LOCAL, Server, ask

if TYPE_CHECKING:
    from eventing.kinds.meta import Resource


def get(
    kind: Annotated[
        str, typer.Argument(metavar="[KIND]", help="broker, trigger, channel, subscription, ... or all.")
    ] = "all",
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One object; all where none is named.")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Only this namespace.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="table, wide, yaml or json.")] = "table",
    server: Server = LOCAL,
) -> None:
    """Show resources: whether they are ready, why not, and where they are reached."""
    from datetime import UTC, datetime

    from eventing.kinds.registry import named
    from kanal.listing import FORMATS, shown

    if output not in FORMATS:
        raise Invalid(f"{output!r} is no format", where="--output", fix=f"use one of {', '.join(FORMATS)}")
    kinds = named(kind)
    found = [one for wanted in kinds for one in _fetch(server, wanted, namespace)]
    if name is not None:
        found = [one for one in found if one["metadata"]["name"] == name]
        if not found:
            place = f"{namespace}/{name}" if namespace else name
            raise NotFound("does not exist", where=f"{'/'.join(k.KIND for k in kinds)} {place}", fix="see kanal get")
    if found or output in ("yaml", "json"):
        print(shown(found, output, datetime.now(UTC), one=name is not None))
    else:
        print("no resources found" + (f" in namespace {namespace}" if namespace else ""))


def _fetch(server: str, kind: type[Resource], namespace: str | None) -> list[dict[str, Any]]:
    from urllib.parse import quote

    inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    root = f"/apis/{kind.GROUP}" if kind.GROUP else "/api"
    document = ask(server, "GET", f"{root}/{kind.VERSIONS[0]}{inside}/{kind.PLURAL}")
    if not isinstance(document, dict) or "items" not in document:
        raise Unavailable("what answers there is no Kanal controller", where=server)
    items: list[dict[str, Any]] = document["items"]
    return items
