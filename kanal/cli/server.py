"""How a verb asks the controller: one HTTP request, answered by one document or by a stream of them.

The same address serves a laptop, docker compose and a cluster, so a verb that talks through here works in all of them. A
refusal comes back as the error that it was in the controller; an address where no controller answers is told apart from
it, and so is a controller that was asked and takes too long: what it was asked may still be done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventing.errors import Denied, EventingError, Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    import http.client

TIMEOUT_S = 30.0
"""For a connection, and for an answer where nothing else is said."""
SETTING_S = 180.0
"""For what sets offsets: dispatchers have a minute to leave the group, and Kafka is asked before and after."""
READING_S = 3_600.0
"""For what reads whole topics before it answers: nobody knows how long those are."""
_FAILED = b'{"kind": "Status"'
_BEGIN = "start it with: kanal up FILE; or name another with --server"
_BY_STATUS: dict[int, type[EventingError]] = {
    cls.http_status: cls for cls in (Denied, Invalid, NotFound, Unavailable)
}  # fmt: skip

Server = Annotated[
    str, typer.Option("--server", envvar="KANAL_SERVER", metavar="URL", help="The controller's address.")
]
LOCAL = "http://127.0.0.1:8081"


def ask(server: str, method: str, path: str, document: Any = None, timeout_s: float = TIMEOUT_S) -> Any:
    """The document that the controller answers with. Raises what it refused with, or `Unavailable` where none answers.

    `timeout_s` bounds the silence before and within the answer.
    """
    import json

    with _answered(server, method, path, document, timeout_s) as response:
        body = response.read()
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Unavailable("what answers there is no Kanal controller", where=server, fix=_BEGIN) from error
        if not 200 <= response.status < 300:
            raise _refusal(server, response.status, found)
        return found


def lines(server: str, path: str, timeout_s: float = TIMEOUT_S) -> Iterator[Any]:
    """The documents of a stream (one JSON a line) as they come; the same errors as `ask`, in the middle too."""
    import json

    for line in texts(server, path, timeout_s):
        try:
            yield json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unavailable("what answers there is no Kanal controller", where=server, fix=_BEGIN) from error


def texts(server: str, path: str, timeout_s: float = TIMEOUT_S) -> Iterator[bytes]:
    """The same lines as the bytes that they are, without their ends: what a document holds is not changed by reading it."""
    import json

    with _answered(server, "GET", path, None, timeout_s) as response:
        if not 200 <= response.status < 300:
            try:
                found = json.loads(response.read())
            except (ValueError, RecursionError):
                found = None
            raise _refusal(server, response.status, found)
        for line in response:
            # A blank line says only that the controller is still there.
            if not line.strip():
                continue
            if line.startswith(_FAILED):
                found = json.loads(line)
                raise _refusal(server, int(found.get("code", 500)), found)
            yield line.rstrip(b"\n")


@contextmanager
def _answered(
    server: str, method: str, path: str, document: Any, timeout_s: float
) -> Iterator[http.client.HTTPResponse]:
    """The controller's response while inside; its connection ends with the block."""
    import http.client
    import json
    from urllib.parse import urlsplit

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
    body = None if document is None else json.dumps(document).encode()
    headers = {} if body is None else {"content-type": "application/json"}
    token = _token(parts.scheme, host, port)
    if token:
        headers["authorization"] = f"Bearer {token}"
    connected = False
    try:
        connection.connect()
        connected = True
        connection.sock.settimeout(timeout_s)
        connection.request(method, parts.path.rstrip("/") + path, body, headers)
        yield connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        if connected and isinstance(error, TimeoutError):
            message = f"the controller said nothing for {timeout_s:g} s"
            if method == "GET":
                raise Unavailable(message, where=server, fix="look into its log, and try again") from error
            fix = "see whether it was done (kanal lag, kanal deadletters) before you ask again"
            raise Unavailable(f"{message}; what it was asked may still be done", where=server, fix=fix) from error
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise Unavailable(f"no controller answers: {why}", where=server, fix=_BEGIN) from error
    finally:
        connection.close()


def _token(scheme: str, host: str, port: int | None) -> str:
    """The token to show there; empty where none is known."""
    from eventing.kafka.embedded.options import default_data
    from kanal.kubeconfig import token_for

    return token_for(host, port or (443 if scheme == "https" else 80), default_data())


def _refusal(server: str, status: int, document: Any) -> EventingError:
    """The error that the controller meant; one of the server itself where the document does not say."""
    told = document if isinstance(document, dict) else {}
    if status == 401:
        fix = "ask as the user who started the controller, or set KANAL_TOKEN"
        return Denied("the controller wants its token", where=server, fix=fix)
    message, details = str(told.get("message") or f"answered {status}"), told.get("details")
    if isinstance(details, dict):
        place = {name: str(details.get(name) or "") for name in ("where", "field", "fix")}
        return _BY_STATUS.get(status, EventingError)(message, **place)
    return EventingError(message, where=server, fix=_BEGIN)
