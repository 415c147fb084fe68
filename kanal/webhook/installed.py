"""Follows the ConfigMaps in which an installation says what is filled in, for as long as the webhook runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

import structlog

from eventing.errors import EventingError, Gone
from eventing.kinds.meta import Resource
from eventing.kinds.registry import InvalidResource, parse
from eventing.plan.installation import NAMES, defaults
from kanal.webhook.review import Rules

_AGAIN_S = 10.0
_log = structlog.get_logger("webhook")
Document = dict[str, Any]


class Api(Protocol):
    """What of a Kubernetes client is needed here; errors are those of `eventing.errors`."""

    async def get(self, path: str) -> Document:
        """Read a list."""

    def watch(self, path: str, *, resourceVersion: str) -> AsyncIterator[Document]:  # noqa: N803 - as the API spells it
        """The events of a watch until the server ends it."""


class Installation:
    """What counts here; `rules` is always the newest."""

    def __init__(self, api: Api, namespace: str, base: Rules) -> None:
        """`base` is what counts where no ConfigMap says anything else."""
        self.rules = base
        self._api = api
        self._base = base
        self._namespace = namespace
        self._maps: dict[str, Resource] = {}
        self._told: dict[str, str] = {}
        self._asked = asyncio.Event()

    async def known(self) -> None:
        """Return once the server has answered, even if only that we may not read them."""
        await self._asked.wait()

    async def run(self) -> None:
        """Follow without end."""
        path = f"/api/v1/namespaces/{self._namespace}/configmaps"
        while True:
            try:
                listed = await self._api.get(path)
                self._maps = {}
                for one in listed.get("items") or ():
                    self._take({"apiVersion": "v1", "kind": "ConfigMap", **one})
                self._settle()
                self._asked.set()
                async for event in self._api.watch(path, resourceVersion=listed["metadata"]["resourceVersion"]):
                    if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                        self._take(event["object"], gone=event["type"] == "DELETED")
                        self._settle()
            except Gone:
                continue
            except EventingError as error:
                self._tell("", str(error))
                self._asked.set()
                await asyncio.sleep(_AGAIN_S)

    def _take(self, document: Mapping[str, Any], *, gone: bool = False) -> None:
        name = document["metadata"]["name"]
        if name not in NAMES:
            return
        self._maps.pop(name, None)
        if gone:
            return
        metadata = {"name": name, "namespace": self._namespace}
        try:
            self._maps[name] = parse({**document, "metadata": metadata})
        except InvalidResource as error:
            self._tell(name, str(error))

    def _settle(self) -> None:
        merged, problems = defaults(self._maps.values(), self._base.defaults, self._namespace)
        self.rules = replace(self._base, defaults=merged)
        for key, problem in problems.items():
            self._tell(str(key), problem.message)

    def _tell(self, about: str, text: str) -> None:
        if self._told.get(about) != text:
            self._told[about] = text
            _log.warning(text)
