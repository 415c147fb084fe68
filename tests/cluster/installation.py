"""Kanal on a cluster as a person installs it: the chart, with a Kafka for trial, in a namespace that takes no careless pod."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kanal_image
from single_node import Cluster

NAMESPACE = "kanal-system"
RELEASE = "kanal"
CHART = Path(__file__).resolve().parents[2] / "charts" / "kanal"
RECEIVER = "deployment/kafka-channel-receiver"
DISPATCHER = "statefulset/kafka-channel-dispatcher"
PATIENCE = "300s"
VALUES = {
    "image": {"repository": kanal_image.REPOSITORY, "tag": kanal_image.TAG, "pullPolicy": "Never"},
    # A node without a StorageClass has no volumes to give.
    "kafka": {"embedded": {"enabled": True, "persistence": {"enabled": False}}},
}


class Installation:
    """One release of the chart."""

    def __init__(self, cluster: Cluster, values: dict[str, Any]) -> None:
        self.cluster = cluster
        self._values = values

    def install(self) -> None:
        """Install it and wait until all its pods are ready; `AssertionError` with what they say where one is not."""
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        named = {"name": NAMESPACE, "labels": restricted}
        self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": named})
        values = ("--set-json", ",".join(f"{key}={json.dumps(value)}" for key, value in self._values.items()))
        try:
            self.helm("install", RELEASE, str(CHART), *values, "--wait", f"--timeout={PATIENCE}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.state()}") from None

    def uninstall(self) -> None:
        """Take the release away and wait until it is gone; definitions and resources stay."""
        self.helm("uninstall", RELEASE, "--wait", f"--timeout={PATIENCE}")

    def helm(self, *words: str) -> str:
        """What helm prints."""
        return self.cluster.helm(*words, "--namespace", NAMESPACE, timeout_s=400)

    def kubectl(self, *words: str) -> str:
        """What kubectl prints in Kanal's namespace."""
        return self.cluster.kubectl("--namespace", NAMESPACE, *words, timeout_s=400)

    def restart(self, workload: str) -> None:
        """Replace the pods of a workload one after the other, as an upgrade does, and wait until it is done."""
        self.kubectl("rollout", "restart", workload)
        self.kubectl("rollout", "status", workload, f"--timeout={PATIENCE}")

    def state(self) -> str:
        """What an error should be read with: the pods, their events and the last lines of each."""
        told = [self.kubectl("get", "pods", "--output=wide"), self.kubectl("get", "events", "--sort-by=.lastTimestamp")]
        for pod in self.kubectl("get", "pods", "--output=name").split():
            try:
                told.append(f"{pod}:\n{self.kubectl('logs', pod, '--all-containers', '--tail=15')}")
            except AssertionError as error:
                told.append(f"{pod}: {error}")
        return "\n".join(told)
