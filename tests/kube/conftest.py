"""One API server for all tests of a run that ask for `kube`; they are skipped where its parts are not there."""

from __future__ import annotations

from collections.abc import Iterator

import kube_binaries
import pytest
from kube_server import ApiServer, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "kube" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kube)


@pytest.fixture(scope="session")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server without any definition of ours."""
    reason = kube_binaries.missing()
    if reason:
        pytest.skip(reason)
    with running(tmp_path_factory.mktemp("kube")) as server:
        yield server
