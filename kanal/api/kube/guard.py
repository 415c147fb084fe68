"""Who may ask: whoever has the token. What tells only that the server is there is open to all.

The token comes in the header `Authorization`, or as the beginning of the path: client-go, and so `kubectl`, sends no
credentials of a kubeconfig to an address without TLS, but keeps to whatever path the address has.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from kanal.api.status import failure
from kanal.kubeconfig import TOKEN_PATH

OPEN = frozenset({"/healthz", "/readyz", "/version", "/metrics"})
"""Probes, what is asked before anybody has a token, and what a Prometheus reads that was given none."""


class Guard:
    """Lets through what carries the token, and answers 401 to all else."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path.startswith(TOKEN_PATH):
            shown, slash, rest = path.removeprefix(TOKEN_PATH).partition("/")
            known = self._is_token(shown.encode())
            # The rest of the application knows nothing of the prefix.
            scope = {**scope, "path": slash + rest or "/", "raw_path": None}
        else:
            known = path in OPEN or self._is_shown(scope["headers"])
        if known:
            await self._app(scope, receive, send)
            return
        message = "the token is missing or wrong; `kanal up` says which kubeconfig holds it"
        body = orjson.dumps(failure(401, message))
        headers = [(b"content-type", b"application/json"), (b"www-authenticate", b'Bearer realm="kanal"')]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _is_shown(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        found = [value for name, value in headers if name == b"authorization"]
        return len(found) == 1 and found[0][:7].lower() == b"bearer " and self._is_token(found[0][7:].strip())

    def _is_token(self, shown: bytes) -> bool:
        return hmac.compare_digest(shown, self._token)
