"""The Service of each KafkaChannel: its name in the cluster, which stands for the ingress (behaviour §23).

It belongs to the KafkaChannel and goes with it. A Service of that name that is somebody else's is never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from controller.backoff import Backoff
from eventing.errors import AlreadyExists, EventingError, NotFound
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.plan.names import channel_service
from eventing.plan.options import Problem
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.paths import path_of

LABELS = {"messaging.knative.dev/role": "kafka-channel"}
LOOK_S = 10.0
AT_ONCE = 16
_PORTS = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}]
_log = structlog.get_logger("controller")
Document = dict[str, Any]


class _Taken(EventingError):
    """There is a Service of this name that is not ours."""


class Services:
    """Keeps the Services of KafkaChannels; all lead to `target`, a host name. `clock` counts seconds from any start."""

    def __init__(self, client: Client, target: str, clock: Callable[[], float]) -> None:
        self._client = client
        self._target = target
        self._clock = clock
        self._backoff: Backoff[str] = Backoff(clock)
        self._limit = asyncio.Semaphore(AT_ONCE)
        self._looked: float | None = None
        self._there: dict[tuple[str, str], Document] = {}
        self._problems: dict[str, Problem] = {}

    async def keep(self, channels: Iterable[KafkaChannel]) -> Mapping[str, Problem]:
        """Keep those of these channels; by uid of the channel, why it has none."""
        await self._look()
        wanted = {channel.metadata.uid: channel for channel in channels}
        self._problems = {uid: problem for uid, problem in self._problems.items() if uid in wanted}
        self._backoff.only(wanted)
        await asyncio.gather(*(self._keep(uid, channel) for uid, channel in wanted.items()))
        return dict(self._problems)

    def wait_s(self) -> float | None:
        """Seconds until something that failed may be tried again."""
        return self._backoff.wait_s()

    async def _look(self) -> None:
        """See now and then what has become of them: somebody may delete one."""
        now = self._clock()
        if self._looked is not None and now - self._looked < LOOK_S:
            return
        selector = ",".join(f"{name}={value}" for name, value in LABELS.items())
        try:
            found = await self._client.get(path_of("v1", "services"), labelSelector=selector)
        except EventingError as error:
            _log.info("the Services of channels can't be listed", error=str(error))
            return
        self._there = {_place(one): one for one in found.get("items", ())}
        self._looked = now

    async def _keep(self, uid: str, channel: KafkaChannel) -> None:
        wanted = self._document(channel)
        if _same(self._there.get(_place(wanted)), wanted):
            self._problems.pop(uid, None)
            self._backoff.done(uid)
            return
        if not self._backoff.due(uid):
            return
        try:
            async with self._limit:
                self._there[_place(wanted)] = await self._made(channel, wanted)
        except EventingError as error:
            reason = "ServiceTaken" if isinstance(error, _Taken) else "ServiceNotMade"
            self._problems[uid] = Problem(reason, str(error))
            if self._backoff.failed(uid):
                _log.warning("a channel has no Service", channel=channel.title, error=str(error))
            return
        self._problems.pop(uid, None)
        self._backoff.done(uid)

    async def _made(self, channel: KafkaChannel, wanted: Document) -> Document:
        """Make it, or set right the one that is there. Raises `_Taken` where that is somebody else's."""
        namespace, name = _place(wanted)
        path = path_of("v1", "services", namespace, name)
        try:
            there = await self._client.get(path)
        except NotFound:
            try:
                return await self._client.post(path_of("v1", "services", namespace), wanted)
            except AlreadyExists:
                there = await self._client.get(path)
        if not _is_of(there, channel):
            fix = "delete it, or give the channel another name"
            raise _Taken("there is one that belongs to no KafkaChannel", where=f"Service {namespace}/{name}", fix=fix)
        if _same(there, wanted):
            return there
        metadata = {name: wanted["metadata"][name] for name in ("labels", "ownerReferences")}
        version = {"resourceVersion": there["metadata"]["resourceVersion"]}
        cleared = {"clusterIP": None, "clusterIPs": None, "selector": None}
        return await self._client.patch(
            path, {"metadata": {**metadata, **version}, "spec": {**cleared, **wanted["spec"]}}
        )

    def _document(self, channel: KafkaChannel) -> Document:
        owner = {
            "apiVersion": channel.full_version(channel.VERSIONS[0]),
            "kind": channel.KIND,
            "name": channel.metadata.name,
            "uid": channel.metadata.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }
        metadata = {
            "name": channel_service(channel.metadata.name),
            "namespace": channel.metadata.namespace,
            "labels": LABELS,
            "ownerReferences": [owner],
        }
        spec = {"type": "ExternalName", "externalName": self._target, "ports": _PORTS}
        return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _place(document: Document) -> tuple[str, str]:
    return document["metadata"]["namespace"], document["metadata"]["name"]


def _is_of(there: Document, channel: KafkaChannel) -> bool:
    """Whether it belongs to a KafkaChannel of this name, be it one that was there before."""
    owners = there["metadata"].get("ownerReferences") or ()
    return any((one["kind"], one["name"]) == (channel.KIND, channel.metadata.name) for one in owners)


def _same(there: Document | None, wanted: Document) -> bool:
    if there is None:
        return False
    spec, metadata = there["spec"], there["metadata"]
    uids = {one["uid"] for one in metadata.get("ownerReferences") or ()}
    leads = all(spec.get(name) == wanted["spec"][name] for name in ("type", "externalName"))
    return (
        leads
        and wanted["metadata"]["ownerReferences"][0]["uid"] in uids
        and LABELS.items() <= (metadata.get("labels") or {}).items()
    )
