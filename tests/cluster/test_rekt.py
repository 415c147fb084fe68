"""Knative's own acceptance tests, as Knative wrote them, against Kanal on a true cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rekt_suite
from installation import NAMESPACE, Installation

pytestmark = [pytest.mark.rekt, pytest.mark.timeout(1800)]

# What the tests read of the system that they try: how it logs and measures. Kanal has its own ways for both.
READ = ("config-logging", "config-observability")
KINDS = {
    "CHANNEL_GROUP_KIND": "KafkaChannel.messaging.knative.dev",
    "CHANNEL_VERSION": "v1beta1",
    "BROKER_CLASS": "Kafka",
}


@pytest.fixture(scope="module")
def tried(kanal: Installation) -> Installation:
    """Kanal, and what the tests need beside it."""
    reason = rekt_suite.missing()
    if reason:
        pytest.skip(reason)
    rekt_suite.load(kanal.cluster)
    maps = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}} for name in READ
    ]
    kanal.cluster.apply(*maps)
    return kanal


@pytest.mark.parametrize("name", ["TestChannelConformance", "TestBrokerConformance"])
def test_knatives_own_test_passes_step_by_step(tried: Installation, name: str, tmp_path: Path) -> None:
    outcome = rekt_suite.run(name, tried.cluster.kubeconfig, NAMESPACE, KINDS, minutes=25)
    log = tmp_path / f"{name}.log"
    log.write_text(outcome.log, encoding="utf-8")
    print(f"{name}: {len(outcome.passed)} pass, {len(outcome.skipped)} skip, {len(outcome.failed)} fail; {log}")
    assert not outcome.failed, f"{json.dumps(outcome.failed, indent=2)}\n{log}\n{outcome.log[-4000:]}"
