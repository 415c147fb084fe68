"""The Kubernetes API on a store in memory, asked without a network: one request, one answer, or a watch that goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from raw_http import until

from eventing.store import Store
from eventing.store.memory import MemoryStore
from kanal.api.app import api
from kanal.api.kube.happenings import Happenings

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TOKEN = "the-token"
MESSAGING = "/apis/messaging.knative.dev/v1"
SUBSCRIPTIONS = f"{MESSAGING}/namespaces/default/subscriptions"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
MERGE = "application/merge-patch+json"


def subscription(name: str = "s1", **spec: Any) -> dict[str, Any]:
    """A Subscription as a client sends it."""
    channel = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "name": "c1"}
    return {
        "apiVersion": "messaging.knative.dev/v1",
        "kind": "Subscription",
        "metadata": {"name": name},
        "spec": {"channel": channel, "subscriber": {"uri": "http://x.example"}, **spec},
    }


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> list[str]:
        return [value for one, value in self.headers if one == name]

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


class Kube:
    """The API, and the store behind it."""

    def __init__(self, store: Store | None = None, token: str = TOKEN) -> None:
        self.now = NOON
        self.store: Any = store or MemoryStore(lambda: self.now)
        self.events = Happenings(self.store, lambda: self.now)
        self.ending = asyncio.Event()
        self.app = api(
            self.store,
            ready=lambda: True,
            metrics=lambda: (b"text/plain", b""),
            token=token,
            events=self.events,
            now=lambda: self.now,
            ending=self.ending,
        )

    async def __call__(
        self, method: str, path: str, body: Any = None, *, sort: str = "application/json", **headers: str
    ) -> Answer:
        """Ask; a body that is no bytes goes as JSON. The token is shown unless a header `authorization` says otherwise."""
        answer, gone = Answer(), asyncio.Event()
        await self._ask(answer, gone, method, path, body, {"content-type": sort, **headers})
        return answer

    @asynccontextmanager
    async def watching(self, path: str, **headers: str) -> AsyncIterator[Answer]:
        """A watch while inside; its lines gather in the answer."""
        answer, gone = Answer(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask(answer, gone, "GET", path, None, headers))
            await until(lambda: answer.status)
            yield answer
            gone.set()

    async def _ask(
        self, answer: Answer, gone: asyncio.Event, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> None:
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        shown = {"authorization": f"Bearer {TOKEN}", "host": "laptop", **headers}
        where, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(where),
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in shown.items() if value],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        parts = [{"type": "http.request", "body": sent, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
                answer.status = message["status"]
            else:
                answer.body += message.get("body", b"")
                answer.ended = not message.get("more_body", False)

        await self.app(scope, receive, send)
