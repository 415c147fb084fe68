"""What tests run beside Kanal: a subscriber that prints what it gets, and a sender, both pods of our own image."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import kanal_image
from single_node import Cluster

READY = "--timeout=90s"
_EVENT = re.compile(r"^ {2}id: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace of a test's own."""

    cluster: Cluster
    namespace: str

    def kubectl(self, *words: str, timeout_s: float = 300.0) -> str:
        """What kubectl prints in this namespace."""
        return self.cluster.kubectl("--namespace", self.namespace, *words, timeout_s=timeout_s)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change objects of this namespace."""
        self.cluster.apply(*({**one, "metadata": {**one["metadata"], "namespace": self.namespace}} for one in objects))

    def ready(self, *names: str) -> None:
        """Wait until resources are Ready."""
        self.kubectl("wait", "--for=condition=Ready", READY, *names)

    def address(self, name: str) -> str:
        """Where a resource takes events."""
        found: dict[str, Any] = json.loads(self.kubectl("get", name, "--output=json"))
        url: str = found["status"]["address"]["url"]
        return url

    def subscriber(self, name: str) -> dict[str, Any]:
        """A pod that prints events, ready, behind a Service; a reference to that."""
        self.kubectl("run", name, "--image", kanal_image.IMAGE, "--port=8080", "--", "event-display", "--host=0.0.0.0")
        self.kubectl("expose", f"pod/{name}", "--port=80", "--target-port=8080")
        self.ready(f"pod/{name}")
        return {"ref": {"apiVersion": "v1", "kind": "Service", "name": name}}

    def received(self, name: str) -> list[str]:
        """The ids of the events that a subscriber has printed, in their order."""
        return _EVENT.findall(self.kubectl("logs", name, "--tail=-1"))

    def sender(self, name: str, *words: str) -> None:
        """A pod that runs `kanal send` with these words, once."""
        self.kubectl("run", name, "--image", kanal_image.IMAGE, "--restart=Never", "--", "send", "--no-check", *words)

    def sent(self, name: str) -> str:
        """What a sender has said once it has ended; `AssertionError` with it where it failed."""
        self.kubectl(
            "wait", "--for=jsonpath={.status.containerStatuses[0].state.terminated}", "--timeout=240s", f"pod/{name}"
        )
        said = self.kubectl("logs", name)
        code = self.kubectl(
            "get", f"pod/{name}", "--output=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"
        )
        assert code == "0", said
        return said


def channel(name: str) -> dict[str, Any]:
    """A channel in Kafka."""
    spec = {"numPartitions": 3, "replicationFactor": 1}
    return _resource("messaging.knative.dev/v1beta1", "KafkaChannel", name, spec)


def subscription(name: str, channel: str, subscriber: dict[str, Any]) -> dict[str, Any]:
    """What leads the events of a KafkaChannel to a subscriber, three times if it has to."""
    referred = {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel", "name": channel}
    spec = {"channel": referred, "subscriber": subscriber, "delivery": _DELIVERY}
    return _resource("messaging.knative.dev/v1", "Subscription", name, spec)


def broker(name: str) -> dict[str, Any]:
    """A Broker in Kafka."""
    made = _resource("eventing.knative.dev/v1", "Broker", name, {})
    made["metadata"]["annotations"] = {"eventing.knative.dev/broker.class": "Kafka"}
    return made


def trigger(name: str, broker: str, type_: str, subscriber: dict[str, Any]) -> dict[str, Any]:
    """What leads the events of one type from a Broker to a subscriber."""
    spec = {"broker": broker, "filter": {"attributes": {"type": type_}}, "subscriber": subscriber}
    return _resource("eventing.knative.dev/v1", "Trigger", name, {**spec, "delivery": _DELIVERY})


_DELIVERY = {"retry": 3, "backoffPolicy": "linear", "backoffDelay": "PT0.5S"}


def _resource(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
