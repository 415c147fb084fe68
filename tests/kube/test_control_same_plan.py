"""The same YAML in every home: each example gives the identical plan through memory, the local API and a real API server."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cluster_stack import prepared
from kube_server import ApiServer
from kubectl_stand import kubectl_stand
from store_stand import DEFINED, store_upon

from eventing.feed import wire
from eventing.kinds.meta import Defaults, Resource
from eventing.manifest import read
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.options import Observed, Options, Snapshot
from eventing.store import Store
from eventing.store.memory import MemoryStore

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml"))
OPTIONS = Options(service_template="http://{name}.{namespace}.svc.cluster.local")


def written(file: Path) -> list[Resource]:
    found = read(file.read_text(encoding="utf-8"), file.name).resources
    return [located.resource.defaulted(Defaults()) for located in found]


async def settled(store: Store) -> Compiled:
    """What is made of a store's resources and their children, where Kafka and the ingresses do all that is asked."""
    for child in compile_plan(Snapshot(store.list(), OPTIONS)).children:
        await store.create(child)
    plan = compile_plan(Snapshot(store.list(), OPTIONS)).plan
    seen = Observed(dict.fromkeys(plan.topics), dict.fromkeys(plan.egresses), dict.fromkeys(plan.ingresses))
    return compile_plan(Snapshot(store.list(), OPTIONS, seen))


async def told(store: Store) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plan as it travels and the statuses, with names in place of uids, which each home gives in its own way."""
    compiled = await settled(store)
    names = {one.metadata.uid: f"<{one.title}>" for one in store.list()}
    rows = {
        _named(key, names): json.loads(_named(value.decode(), names)) for key, value in wire.rows(compiled.plan).items()
    }
    statuses = {str(key): json.loads(_named(json.dumps(status), names)) for key, status in compiled.statuses.items()}
    for status in statuses.values():
        status.pop("observedGeneration")
        for entry in status.get("subscribers", ()):
            entry.pop("observedGeneration")
    return rows, statuses


def _named(text: str, names: dict[str, str]) -> str:
    for uid, name in names.items():
        text = text.replace(uid, name)
    return text


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
async def test_an_example_gives_the_same_plan_in_every_home(kube: ApiServer, tmp_path: Path, file: Path) -> None:
    prepared(kube, "kanal-system")
    memory = MemoryStore(lambda: datetime.now(UTC))
    for resource in written(file):
        await memory.apply(resource)
    at_home = await told(memory)
    assert at_home[0].keys() > {wire.MARKER}

    async with kubectl_stand(tmp_path) as kubectl:
        await kubectl("apply", "-f", str(file))
        assert await told(kubectl.store) == at_home

    kube.kubectl("apply", "-f", str(file))
    try:
        async with store_upon(kube, DEFINED) as (_, store):
            assert await told(store) == at_home
    finally:
        kube.kubectl("delete", "-f", str(file), "--ignore-not-found")
