"""One API server for all tests of a run that ask for `kube`; they are skipped where its parts are not there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import kube_binaries
import pytest
import pytest_asyncio
from cluster_stack import Held, KnativeServices, clustered, room_upon
from helm_chart import Helm
from kube_server import ApiServer, running
from room import House, Room


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "kube" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kube)


@pytest.fixture(scope="session")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server with its controllers, without any definition of ours."""
    reason = kube_binaries.missing()
    if reason:
        pytest.skip(reason)
    with running(tmp_path_factory.mktemp("kube")) as server:
        yield server


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster: what it has rendered once is there for all."""
    if reason := kube_binaries.missing(["helm"]):
        pytest.skip(reason)
    return Helm(kube_binaries.found("helm"), tmp_path_factory.mktemp("helm"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(kafka: str, kube: ApiServer) -> AsyncIterator[House]:
    """One running stack for all tests of a module that ask for a `room` in it; its resources are in the API server."""
    groups = {"kafka": {"default_broker_partitions": 3}, "delivery": {"max_response_bytes": 4_194_304}}
    async with Held(clustered(kafka, kube, **groups)) as stack:
        yield House(stack, KnativeServices(kube))


@pytest_asyncio.fixture(loop_scope="module")
async def room(kube: ApiServer, house: House) -> AsyncIterator[Room]:
    async with room_upon(kube, house.stack) as found:
        yield found
