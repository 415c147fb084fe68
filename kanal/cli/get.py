"""`kanal get`: resources and their state, as the controller knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventing.errors import EventingError, Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from eventing.kinds.meta import Resource

TIMEOUT_S = 10.0
_BEGIN = "start it with: kanal up FILE; or name another with --server"


def get(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="channel, subscription, kafkachannel or all.")] = "all",
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One object; all where none is named.")] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Only this namespace.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="table, wide, yaml or json.")] = "table",
    server: Annotated[
        str, typer.Option("--server", envvar="KANAL_SERVER", metavar="URL", help="The controller's address.")
    ] = "http://127.0.0.1:8081",
) -> None:
    """Show resources: whether they are ready, why not, and where they are reached."""
    from datetime import UTC, datetime

    from eventing.kinds.registry import KINDS, named
    from kanal.listing import FORMATS, shown

    if output not in FORMATS:
        raise Invalid(f"{output!r} is no format", where="--output", fix=f"use one of {', '.join(FORMATS)}")
    kinds = KINDS if kind.lower() == "all" else named(kind)
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
    import http.client
    import json
    from urllib.parse import quote, urlsplit

    try:
        parts = urlsplit(server if "//" in server else f"http://{server}")
        host, port = parts.hostname or "", parts.port
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError(server)
    except ValueError as error:
        fix = "write for instance http://127.0.0.1:8081"
        raise Invalid(f"{server!r} is no URL", where="--server", fix=fix) from error
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(host, port, timeout=TIMEOUT_S)
    inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    path = f"{parts.path.rstrip('/')}/apis/{kind.GROUP}/{kind.VERSIONS[0]}{inside}/{kind.PLURAL}"
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        status, body = response.status, response.read()
        document = json.loads(body)
    except (OSError, http.client.HTTPException) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise Unavailable(f"no controller answers: {why}", where=server, fix=_BEGIN) from error
    except ValueError as error:
        raise Unavailable("what answers there is no Kanal controller", where=server, fix=_BEGIN) from error
    finally:
        connection.close()
    if status != 200 or not isinstance(document, dict) or "items" not in document:
        told = document.get("message") if isinstance(document, dict) else None
        raise EventingError(str(told or f"answered {status}"), where=server, fix=_BEGIN)
    items: list[dict[str, Any]] = document["items"]
    return items
