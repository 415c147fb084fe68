"""One true cluster for all tests of a run that ask for it, with Kanal installed by its chart for those that ask for that.

They are skipped, and say why, where its parts are not there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import kanal_image
import pytest
import single_node
from installation import VALUES, Installation
from single_node import Cluster
from workloads import Place


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()) and item.path.parent.name == "cluster":
            item.add_marker(pytest.mark.cluster)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A single node, ready, with nothing on it."""
    reason = single_node.missing()
    if reason:
        pytest.skip(reason)
    with single_node.running(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def image(cluster: Cluster) -> str:
    """The image of this tree, known to the node."""
    reason = kanal_image.missing()
    if reason:
        pytest.skip(reason)
    kanal_image.build()
    with kanal_image.archive() as archive:
        cluster.load(archive)
    return kanal_image.IMAGE


@pytest.fixture(scope="session")
def kanal(cluster: Cluster, image: str) -> Installation:
    """Kanal in its namespace, with a Kafka of its own: every pod ready."""
    installation = Installation(cluster, VALUES)
    installation.install()
    return installation


@pytest.fixture
def place(kanal: Installation) -> Iterator[Place]:
    """A namespace that no other test has."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kanal.cluster.kubectl("create", "namespace", name)
    yield Place(kanal.cluster, name)
    kanal.cluster.kubectl("delete", "namespace", name, "--wait=false")
