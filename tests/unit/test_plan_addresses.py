"""Under which URLs and hosts channels and Brokers are reached on a cluster, and what of a URL tells that it is ours."""

from __future__ import annotations

import pytest
from control_stand import channel, compiled, condition, kafka_channel, key, subscription
from mesh_stand import broker, mesh, trigger

from channel.routes import Routes
from eventing.plan.compile import Compiled
from eventing.plan.model import Ingress
from eventing.plan.options import Options

CLUSTER = Options(
    base_url="http://kafka-channel-ingress.kanal.svc.cluster.local",
    channel_url="http://{service}.{namespace}.svc.cluster.local",
    broker_url="http://kafka-broker-ingress.kanal.svc.cluster.local/{namespace}/{name}",
    in_cluster=True,
)
OTHER = Options(
    channel_url="http://{service}.{namespace}.svc.example.org",
    broker_url="http://kafka-broker-ingress.kanal.svc.example.org/{namespace}/{name}",
    in_cluster=True,
)
C1 = key("KafkaChannel", "c1", "ns1")
SEQUENCE = """---
apiVersion: flows.knative.dev/v1
kind: Sequence
metadata: {name: s, namespace: ns1}
spec: {steps: [{uri: 'http://step:1'}]}
"""


def routed(found: Compiled, host: str, path: str = "/") -> Ingress | None:
    routes = Routes()
    routes.replace(found.plan)
    return routes.find(path, host)


async def test_a_channel_has_a_host_of_its_own_and_its_channel_and_flow_show_the_same() -> None:
    found = await compiled(channel(namespace="ns1") + SEQUENCE, CLUSTER)
    url = "http://c1-kn-channel.ns1.svc.cluster.local"
    for one in (C1, key("Channel", "c1", "ns1")):
        assert found.statuses[one]["address"] == {"name": "http", "url": url}
        assert found.statuses[one]["addresses"] == [{"name": "http", "url": url}]
    flow = found.statuses[key("Sequence", "s", "ns1")._replace(group="flows.knative.dev")]
    assert flow["address"]["url"] == "http://s-kn-sequence-0-kn-channel.ns1.svc.cluster.local"


async def test_a_broker_is_a_path_of_the_ingress_of_all_brokers() -> None:
    found = await compiled(broker(namespace="ns1"), CLUSTER)
    url = "http://kafka-broker-ingress.kanal.svc.cluster.local/ns1/b1"
    status = found.statuses[mesh("Broker", "b1", "ns1")]
    assert (status["address"]["url"], status["addresses"]) == (url, [{"name": "http", "url": url}])


@pytest.mark.parametrize("options", [CLUSTER, OTHER])
async def test_every_spelling_of_a_channels_host_leads_to_it_and_so_does_its_path(options: Options) -> None:
    found = await compiled(channel(namespace="ns1") + channel("c2", "ns1") + broker(namespace="ns1"), options)
    domain = options.channel_url.partition(".svc.")[2]
    hosts = ("c1-kn-channel.ns1", "c1-kn-channel.ns1.svc", f"c1-kn-channel.ns1.svc.{domain}:80", "C1-kn-channel.ns1.")
    ways = [routed(found, host) for host in hosts] + [routed(found, "10.0.0.7:8080", "/ns1/c1")]
    assert {(one.name, one.kind) for one in ways if one is not None} == {("c1", "KafkaChannel")}
    assert None not in ways
    assert routed(found, "kafka-broker-ingress.kanal") is None


async def test_the_suffix_goes_where_the_name_of_a_service_has_no_room() -> None:
    name = "c" * 53
    found = await compiled(kafka_channel(name), CLUSTER)
    assert found.statuses[key("KafkaChannel", name)]["address"]["url"] == f"http://{name}.default.svc.cluster.local"
    assert routed(found, f"{name}.default.svc.cluster.local") is not None


async def test_channels_that_share_a_host_are_told_apart_by_their_paths_alone() -> None:
    options = Options(channel_url="https://events.example/{namespace}/{name}")
    found = await compiled(channel() + channel("c2"), options)
    assert routed(found, "events.example", "/nowhere") is None
    assert routed(found, "events.example", "/default/c2") is not None


@pytest.mark.parametrize("template", ["http://{nmae}", "http://{"])
async def test_a_template_that_makes_no_address_is_told_and_takes_no_place(template: str) -> None:
    for options, one in (
        (Options(channel_url=template), C1),
        (Options(broker_url=template), mesh("Broker", "b1", "ns1")),
    ):
        found = await compiled(channel(namespace="ns1") + broker(namespace="ns1"), options)
        status, _, message = condition(found.statuses[one])
        assert (status, len(found.plan.ingresses)) == ("False", 1)
        assert f"the address of a {one.kind}: the template '{template}' can't be filled" in message


async def test_references_lead_to_the_addresses_of_the_cluster() -> None:
    to = "{ref: {apiVersion: eventing.knative.dev/v1, kind: Broker, name: b1}}"
    sink = "{ref: {apiVersion: messaging.knative.dev/v1, kind: Channel, name: c1}}"
    text = channel() + broker() + subscription(to=to, more=f"delivery: {{deadLetterSink: {sink}}}")
    (out,) = (await compiled(text, CLUSTER)).plan.egresses.values()
    assert out.subscriber == "http://kafka-broker-ingress.kanal.svc.cluster.local/default/b1"
    assert out.dead_letter == "http://c1-kn-channel.default.svc.cluster.local"
    assert out.sink_returns


@pytest.mark.parametrize(
    ("uri", "ours"),
    [
        ("http://kafka-broker-ingress.kanal.svc.cluster.local/default/b1", True),
        ("http://kafka-broker-ingress.kanal.svc/default/b1", True),
        ("http://KAFKA-broker-ingress.kanal:80/default/b1", True),
        ("http://c1-kn-channel.default.svc.cluster.local./", True),
        ("http://kafka-channel-ingress.kanal.svc.cluster.local/default/c1", True),
        ("http://c1-kn-channel.ns2.svc.cluster.local", False),
        ("http://kafka-broker-ingress.other/default/b1", False),
        ("http://sink.default.svc.cluster.local", False),
    ],
)
async def test_a_broker_with_a_limit_knows_which_subscribers_are_of_this_installation(uri: str, ours: bool) -> None:
    """They go on counting, and everybody else gets the event without the count."""
    text = channel() + broker(**{"kanal.dev/ttl": "5"}) + trigger(to=f"{{uri: '{uri}'}}")
    (out,) = (await compiled(text, CLUSTER)).plan.egresses.values()
    assert out.keeps_ttl is ours
