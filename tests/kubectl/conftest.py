"""Gives each test a kubectl that is led to an API of its own; where there is no kubectl, the tests are skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kubectl_stand import KUBECTL, Kubectl, kubectl_stand


@pytest.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    if KUBECTL is None:
        pytest.skip("kubectl is not on this machine: https://kubernetes.io/docs/tasks/tools/")
    async with kubectl_stand(tmp_path) as typed:
        yield typed
