"""Many tests on one running stack: each has a room, a namespace of its own, in which it applies what it needs.

A stack of its own costs a test seconds; a room costs nothing but its resources, which go when the room is left.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from answering import status
from raw_http import Answer, RawServer, Request, reply
from stack import PATIENCE_S, Stack

from eventing.kinds.meta import Features, Resource
from eventing.manifest import read
from kanal.roles.controller import Applier

Fields = Mapping[str, Any]
_VERSIONS = {
    "Broker": "eventing.knative.dev/v1",
    "Trigger": "eventing.knative.dev/v1",
    "Channel": "messaging.knative.dev/v1",
    "KafkaChannel": "messaging.knative.dev/v1beta1",
    "Subscription": "messaging.knative.dev/v1",
    "Sequence": "flows.knative.dev/v1",
    "Service": "v1",
    "ConfigMap": "v1",
}
QUICK = {"backoffPolicy": "linear", "backoffDelay": "PT0.01S"}


@dataclasses.dataclass(frozen=True)
class House:
    """A running stack, and the URLs of Services that it knows, which a test may change."""

    stack: Stack
    services: dict[str, str]


class Room(Stack):
    """A stack as one namespace sees it."""

    def resource(self, kind: str, name: str) -> Resource | None:
        key = (kind, self.ns, name)
        return next((r for r in self.store.list() if (r.KIND, r.metadata.namespace, r.metadata.name) == key), None)

    async def has(self, *documents: str, wait: bool = True) -> None:
        """Apply documents beside those that are there, in place of those of the same kind and name."""
        made = []
        for text in documents:
            resources = self._read(text)
            self._texts[_titles(resources)] = text
            made += [resource for resource in resources if resource.DEPENDENTS]
        await self._apply_all()
        if wait:
            for resource in made:
                await self.ready(resource.KIND, resource.metadata.name)

    async def has_not(self, kind: str, name: str) -> None:
        """Take a resource away again."""
        del self._texts[f"{kind} {self.ns}/{name}"]
        await self._apply_all()

    async def refuses(self, *documents: str) -> str:
        """Why documents are refused, or what they change."""
        changed = {_titles(self._read(text)) for text in documents}
        rest = [text for titles, text in self._texts.items() if titles not in changed]
        self.problems.clear()
        await self.apply("\n---\n".join([*rest, *documents]))
        assert self.problems, "it was not refused"
        return "\n".join(self.problems)

    def _read(self, text: str) -> list[Resource]:
        return [located.resource for located in read(text, "test.yaml", self.features).resources]

    def document(self, kind: str, name: str, spec: Fields, annotations: Fields | None = None, **metadata: Any) -> str:
        """A resource of this namespace as YAML."""
        found = {"name": name, "namespace": self.ns, "annotations": annotations or {}, **metadata}
        return json.dumps({"apiVersion": _VERSIONS[kind], "kind": kind, "metadata": found, "spec": spec})

    def broker(self, name: str = "b1", annotations: Fields | None = None, **spec: Any) -> str:
        return self.document("Broker", name, spec, annotations)

    def trigger(
        self, name: str, to: RawServer | Fields, *, of: str = "b1", annotations: Fields | None = None, **spec: Any
    ) -> str:
        """A Trigger of the broker `of`, as YAML."""
        return self.document("Trigger", name, {"broker": of, "subscriber": destination(to), **spec}, annotations)

    def subscribed(self, name: str, to: RawServer | Fields, channel: Fields, **spec: Any) -> str:
        """A Subscription to the channel of this reference, as YAML."""
        return self.document("Subscription", name, {"channel": channel, "subscriber": destination(to), **spec})

    def config_map(self, name: str, **data: str) -> str:
        """A ConfigMap of this namespace as YAML; `__` in a key is a dot."""
        named = {key.replace("__", "."): text for key, text in data.items()}
        metadata = {"name": name, "namespace": self.ns}
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": named})

    async def quiet(self, *names: str) -> None:
        """Return when these have done everything in the topic from which they read, replies that came meanwhile included."""
        topic, before = (await self.egress(names[0])).topic, None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for name in names:
                    await self.caught_up(name)
                ends = await self.admin.spans(topic)
                if ends == before:
                    return
                before = ends

    async def kept(self, name: str) -> list[str]:
        """The ids of what lies in the dead letter topic of a Trigger."""
        return [id_of(one.headers()) for one in await self.records((await self.egress(name)).dead_letter_topic)]

    async def ask(self, method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
        """The answer to a request written by hand, head and all."""
        lines = [f"{method} {path} HTTP/1.1", *headers, f"Content-Length: {len(body)}", "Connection: close"]
        if not any(line.lower().startswith("host:") for line in headers):
            lines.append("Host: test")
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


def _titles(resources: list[Resource]) -> str:
    return " ".join(resource.title for resource in resources)


def id_of(headers: list[tuple[str, bytes]] | None) -> str:
    """The id of a stored event."""
    return dict(headers or [])["ce_id"].decode()


def destination(to: RawServer | Fields) -> Fields:
    return {"uri": to.url} if isinstance(to, RawServer) else to


def ref(kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    """A reference to a resource of one of the usual kinds."""
    found = {"apiVersion": _VERSIONS[kind], "kind": kind, "name": name}
    return found | ({"namespace": namespace} if namespace else {})


def patience(dead_letters: RawServer | Fields | None = None, **fields: Any) -> dict[str, Any]:
    """A delivery with short waits."""
    sink = {} if dead_letters is None else {"deadLetterSink": destination(dead_letters)}
    return {**QUICK, "retry": 0, **fields, **sink}


def event(type_: str = "t.reply", id_: str = "r1", body: bytes = b"", extra: str = "") -> bytes:
    """An answer that holds an event."""
    head = f"ce-specversion: 1.0\r\nce-type: {type_}\r\nce-source: /reply\r\nce-id: {id_}\r\n{extra}"
    return status(200, head, body)


def failing(times: int, code: int = 500) -> list[Answer]:
    """A script that fails so often and then accepts."""
    return [*[reply(status(code))] * times, reply(status(202))]


def types(requests: list[Request]) -> list[str]:
    """The types of what a subscriber got, in order of arrival."""
    return [one.header(b"ce-type")[0].decode() for one in requests]


def attributes(request: Request) -> dict[str, str]:
    """The attributes of what a subscriber got, without those that Kafka's place adds."""
    found = {n.lower()[3:].decode(): v.decode() for n, v in request.headers if n.lower().startswith(b"ce-")}
    return {name: value for name, value in found.items() if not name.startswith("knativekafka")}


@asynccontextmanager
async def room(house: Stack, *, cross_namespace: bool = False, kind: type[Room] = Room) -> AsyncIterator[Room]:
    """A namespace of one's own in a running stack; everything in it goes at the end."""
    fields = {one.name: getattr(house, one.name) for one in dataclasses.fields(house)}
    problems: list[str] = []
    found = kind(
        **fields
        | {
            "ns": f"test-{uuid.uuid4().hex[:10]}",
            "features": Features(cross_namespace_event_links=cross_namespace),
            "problems": problems,
            "_applier": Applier(house.store, house.settings, problems.append),
            "_texts": {},
        }
    )
    await found.new_namespace(found.ns)
    try:
        yield found
    finally:
        problems.clear()
        found.features = Features(cross_namespace_event_links=True)
        await found.apply("")
