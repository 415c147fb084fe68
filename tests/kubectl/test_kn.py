"""Knative's own client `kn` works against a laptop: its typed requests for each kind that Kanal serves."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
from kubectl_stand import Kubectl

BUILT = os.environ.get("KANAL_KUBE_BIN") or str(Path.home() / ".cache" / "kanal-kube" / "bin")
KN = shutil.which("kn") or shutil.which("kn", path=BUILT)
pytestmark = pytest.mark.skipif(KN is None, reason="kn is not on this machine: https://knative.dev/docs/client/")
EVENTING = "eventing.knative.dev"


@pytest.fixture
def kn(kubectl: Kubectl) -> Kubectl:
    return dataclasses.replace(kubectl, program=KN or "kn")


def spec(kn: Kubectl, name: str) -> dict:
    return next(one.spec_document() for one in kn.store.list() if one.metadata.name == name)


async def test_channels_are_created_listed_described_and_deleted(kn: Kubectl) -> None:
    assert "Channel 'orders' created" in await kn("channel", "create", "orders")
    await kn("channel", "create", "log", "--type", "messaging.knative.dev:v1beta1:KafkaChannel")
    await kn.say_ready("Channel", "orders", url="http://laptop/default/orders")
    rows = {line.split()[0]: line.split() for line in (await kn("channel", "list")).splitlines()}
    assert rows["orders"][1:3] == ["KafkaChannel", "http://laptop/default/orders"]
    assert rows["orders"][-1] == "True"
    text = await kn("channel", "describe", "orders")
    assert "http://laptop/default/orders" in text
    assert "++ Ready" in text
    assert "kafkachannels.messaging.knative.dev" in await kn("channel", "list-types")
    assert "deleted" in await kn("channel", "delete", "log")
    assert "not found" in await kn("channel", "describe", "log", code=1)


async def test_subscriptions_are_created_listed_and_updated(kn: Kubectl) -> None:
    await kn("channel", "create", "orders")
    await kn("channel", "create", "bills")
    sinks = (
        "--sink",
        "http://one.example",
        "--sink-reply",
        "channel:bills",
        "--sink-dead-letter",
        "http://dead.example",
    )
    assert "created" in await kn("subscription", "create", "s1", "--channel", "orders", *sinks)
    row = (await kn("subscription", "list")).splitlines()[1].split()
    assert row[:5] == ["s1", "Channel:orders", "http://one.example", "channel:bills", "http://dead.example"]
    assert "updated" in await kn("subscription", "update", "s1", "--sink", "http://two.example")
    assert spec(kn, "s1")["subscriber"] == {"uri": "http://two.example"}
    assert spec(kn, "s1")["reply"]["ref"]["name"] == "bills"
    assert "http://two.example" in await kn("subscription", "describe", "s1")
    assert "already exists" in await kn("subscription", "create", "s1", "--channel", "orders", *sinks, code=1)


async def test_brokers_are_created_listed_described_updated_and_deleted(kn: Kubectl) -> None:
    policy = ("--retry", "3", "--backoff-policy", "linear", "--backoff-delay", "PT1S", "--timeout", "PT5S")
    assert "created" in await kn("broker", "create", "b", "--class", "Kafka", *policy)
    assert spec(kn, "b")["delivery"] == {
        "retry": 3,
        "backoffPolicy": "linear",
        "backoffDelay": "PT1S",
        "timeout": "PT5S",
    }
    await kn.say_ready("Broker", "b", url="http://laptop/default/b", group=EVENTING)
    assert "http://laptop/default/b" in await kn("broker", "list")
    assert "http://laptop/default/b" in await kn("broker", "describe", "b")
    assert "updated" in await kn("broker", "update", "b", "--retry", "5")
    assert spec(kn, "b")["delivery"]["retry"] == 5
    assert "deleted" in await kn("broker", "delete", "b", "--wait")
    assert kn.store.list() == ()


async def test_triggers_with_filters_are_created_listed_updated_and_described(kn: Kubectl) -> None:
    await kn("broker", "create", "b")
    filters = ("--filter", "type=a", "--filter", "source=/s")
    assert "created" in await kn("trigger", "create", "t1", "--broker", "b", *filters, "--sink", "http://one.example")
    assert spec(kn, "t1")["filter"] == {"attributes": {"type": "a", "source": "/s"}}
    assert (await kn("trigger", "list")).splitlines()[1].split()[:3] == ["t1", "b", "http://one.example"]
    assert "updated" in await kn("trigger", "update", "t1", "--filter", "type=b", "--filter", "source-")
    assert spec(kn, "t1")["filter"] == {"attributes": {"type": "b"}}
    await kn.say_ready("Trigger", "t1", reason="BrokerNotReady", message="the broker is away", group=EVENTING)
    text = await kn("trigger", "describe", "t1")
    assert "!! Ready" in text
    assert "BrokerNotReady" in text


async def test_event_types_are_created_and_listed(kn: Kubectl) -> None:
    await kn("broker", "create", "b")
    words = ("--type", "dev.order", "--source", "http://shop", "--broker", "b")
    assert "created" in await kn("eventtype", "create", "orders", *words)
    assert (await kn("eventtype", "list")).splitlines()[1].split()[:4] == ["orders", "dev.order", "http://shop", "b"]
    assert "dev.order" in await kn("eventtype", "describe", "orders", "-o", "yaml")
    assert "deleted" in await kn("eventtype", "delete", "orders")


async def test_what_is_not_served_is_said_so(kn: Kubectl) -> None:
    assert "not served" in await kn("service", "list", code=1)


async def test_wrong_words_are_refused_with_the_field_and_its_fix(kn: Kubectl) -> None:
    await kn("broker", "create", "b")
    words = ("trigger", "create", "t", "--broker", "b", "--filter", "No-Attribute=x", "--sink", "http://one.example")
    assert "spec.filter.attributes" in await kn(*words, code=1)
