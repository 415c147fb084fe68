"""Where references lead: into which namespace, to which URL, and what is said while the other end is missing."""

from __future__ import annotations

import pytest
from control_stand import (
    channel,
    compiled,
    condition,
    dead_letters,
    kafka_channel,
    key,
    service,
    stored,
    subscription,
    well,
)

from eventing.manifest import read
from eventing.plan.compile import Compiled
from eventing.plan.model import Egress
from eventing.plan.options import Options

SERVICES = {
    "ns1/w": "http://here:1",
    "ns2/w": "http://there:2",
    "ns2/dls": "http://letters:3",
    "ns1/dls": "http://wrong:4",
    "w": "http://default:5",
}
OPTIONS = Options(services=SERVICES)


def only(found: Compiled) -> Egress:
    (out,) = found.plan.egresses.values()
    return out


async def test_b43_a_subscriber_reference_into_another_namespace_goes_there() -> None:
    text = channel(namespace="ns1") + subscription(namespace="ns1", to=service("w", "ns2"))
    found = await compiled(text, OPTIONS)
    assert only(found).subscriber == "http://there:2"
    physical = found.statuses[key("Subscription", "s1", "ns1")]["physicalSubscription"]
    assert physical == {"subscriberUri": "http://there:2"}


async def test_b43_a_reference_into_another_namespace_never_falls_back_to_its_own() -> None:
    options = Options(services={"ns1/w": "http://here:1", "w": "http://default:5"})
    text = channel(namespace="ns1") + subscription(namespace="ns1", to=service("w", "ns2"))
    found = await compiled(text, options)
    assert found.plan.egresses == {}
    assert "Service ns2/w" in condition(found.statuses[key("Subscription", "s1", "ns1")])[2]


async def test_b43_a_reference_without_a_namespace_stays_in_that_of_its_object() -> None:
    text = channel(namespace="ns1") + subscription(namespace="ns1", to=service("w"))
    assert only(await compiled(text, OPTIONS)).subscriber == "http://here:1"
    text = channel() + subscription(to=service("w"))
    assert only(await compiled(text, OPTIONS)).subscriber == "http://default:5"


async def test_b43_a_reply_into_another_namespace_goes_to_the_channel_there() -> None:
    reply = "reply: {ref: {apiVersion: messaging.knative.dev/v1, kind: Channel, name: c1, namespace: ns2}}"
    text = channel(namespace="ns1") + channel(namespace="ns2") + subscription(namespace="ns1", more=reply)
    assert only(await compiled(text, OPTIONS)).reply == "http://127.0.0.1:8080/ns2/c1"


@pytest.mark.parametrize("where", ["subscription", "channel"])
async def test_b43_a_dead_letter_sink_in_another_namespace_is_found_there(where: str) -> None:
    sink = dead_letters(service("dls", "ns2"))
    spec, more = ("{}", sink) if where == "subscription" else (f"{{{sink}}}", "")
    found = await compiled(channel(namespace="ns1", spec=spec) + subscription(namespace="ns1", more=more), OPTIONS)
    assert only(found).dead_letter == "http://letters:3"
    status = found.statuses[key("Subscription", "s1", "ns1")]
    assert status["physicalSubscription"]["deadLetterSinkUri"] == "http://letters:3"
    if where == "channel":
        assert found.statuses[key("Channel", "c1", "ns1")]["deadLetterSinkUri"] == "http://letters:3"


def test_b43_a_channel_in_another_namespace_is_refused_at_apply() -> None:
    text = subscription(namespace="ns1").replace("name: c1", "name: c1, namespace: ns2")
    manifest = read(text, "f.yaml")
    assert manifest.resources == []
    assert [problem.field for problem in manifest.problems] == ["spec.channel.namespace"]
    assert "Subscription ns1/s1" in str(manifest.problems[0])


async def test_b43_objects_of_the_same_name_in_two_namespaces_are_never_mixed_up() -> None:
    text = "".join(
        channel(namespace=ns) + subscription(namespace=ns, to=service("w"), more=dead_letters(service("dls")))
        for ns in ("ns1", "ns2")
    )
    found = await compiled(text, OPTIONS)
    by_namespace = {out.namespace: out for out in found.plan.egresses.values()}
    assert {ns: (out.subscriber, out.dead_letter) for ns, out in by_namespace.items()} == {
        "ns1": ("http://here:1", "http://wrong:4"),
        "ns2": ("http://there:2", "http://letters:3"),
    }
    for ns, out in by_namespace.items():
        assert out.topic == f"knative-messaging-kafka.{ns}.c1"
        assert out.group == f"kafka.{ns}.c1.{out.uid}"
        (entry,) = found.statuses[key("KafkaChannel", "c1", ns)]["subscribers"]
        assert entry["uid"] == out.uid
    assert len(found.plan.ingresses) == 2


async def test_b44_a_subscription_names_the_service_that_is_missing_and_is_ready_once_it_is_there() -> None:
    text = channel() + subscription(more=dead_letters(service("dls")))
    before = await compiled(text)
    status, reason, message = condition(before.statuses[key("Subscription", "s1")])
    assert (status, reason) == ("False", "ReferenceMissing")
    assert message == (
        "spec.delivery.deadLetterSink: Service default/dls does not exist; name it with --service dls=http://HOST:PORT"
    )
    assert "physicalSubscription" not in before.statuses[key("Subscription", "s1")]
    after = await compiled(text, Options(services={"dls": "http://letters:3"}))
    assert condition(after.statuses[key("Subscription", "s1")])[0] == "True"
    physical = after.statuses[key("Subscription", "s1")]["physicalSubscription"]
    assert physical["deadLetterSinkUri"] == "http://letters:3"


async def test_b44_a_channel_whose_dead_letter_service_is_missing_says_so_and_so_do_its_subscriptions() -> None:
    text = channel(namespace="ns1", spec=f"{{{dead_letters(service('dls'))}}}") + subscription(namespace="ns1")
    before = await compiled(text)
    for kind, name in (("KafkaChannel", "c1"), ("Channel", "c1"), ("Subscription", "s1")):
        status, _, message = condition(before.statuses[key(kind, name, "ns1")])
        assert status == "False"
        assert "Service ns1/dls does not exist" in message
    resolved = condition(before.statuses[key("Channel", "c1", "ns1")], "DeadLetterSinkResolved")
    assert resolved[0] == "False"
    after = await compiled(text, Options(services={"ns1/dls": "http://letters:3"}))
    assert condition(after.statuses[key("Subscription", "s1", "ns1")])[0] == "True"
    assert after.statuses[key("Channel", "c1", "ns1")]["deadLetterSinkUri"] == "http://letters:3"


async def test_b44_a_subscription_before_its_channel_is_not_ready_and_becomes_so_untouched() -> None:
    store = await stored(subscription())
    waiting = store.list()
    status, _, message = condition(well(waiting).statuses[key("Subscription", "s1")])
    assert status == "False"
    assert message.startswith("spec.channel: Channel default/c1 does not exist; ")
    assert condition(well(waiting).statuses[key("Subscription", "s1")], "ChannelReady")[:2] == (
        "False",
        "ChannelMissing",
    )
    await stored(channel(), store)
    after = store.list()
    assert waiting[0] in after
    assert condition(well(after).statuses[key("Subscription", "s1")])[0] == "True"


async def test_b44_a_dead_letter_channel_that_comes_later_is_found() -> None:
    sink = dead_letters("{ref: {apiVersion: messaging.knative.dev/v1, kind: Channel, name: letters}}")
    text = channel() + subscription(more=sink)
    before = await compiled(text)
    assert "Channel default/letters does not exist" in condition(before.statuses[key("Subscription", "s1")])[2]
    after = await compiled(text + channel("letters"))
    assert condition(after.statuses[key("Subscription", "s1")])[0] == "True"
    assert only(after).dead_letter == "http://127.0.0.1:8080/default/letters"


async def test_a_kind_that_has_no_address_is_a_missing_reference() -> None:
    found = await compiled(channel() + subscription(to="{ref: {apiVersion: x.io/v1, kind: Thing, name: t}}"))
    assert "spec.subscriber: Thing default/t does not exist" in condition(found.statuses[key("Subscription", "s1")])[2]


async def test_a_subscription_may_name_the_kafka_channel_itself() -> None:
    text = kafka_channel() + subscription().replace("/v1, kind: Channel", "/v1beta1, kind: KafkaChannel")
    found = await compiled(text)
    assert only(found).topic == "knative-messaging-kafka.default.c1"


@pytest.mark.parametrize(("uri", "url"), [("/x", "http://here:1/x"), ("x?y=1", "http://here:1/a/x?y=1")])
async def test_a_relative_uri_stands_on_the_url_of_its_reference(uri: str, url: str) -> None:
    to = service("w").replace("}}", f"}}, uri: '{uri}'}}")
    options = Options(services={"w": "http://here:1/a/b"})
    assert only(await compiled(channel() + subscription(to=to), options)).subscriber == url


async def test_the_template_resolves_what_the_table_does_not() -> None:
    options = Options(services={"w": "http://table"}, service_template="http://{name}.{namespace}:8080")
    text = channel() + subscription("s", to=service("w")) + subscription("t", to=service("v", "ns2"))
    found = await compiled(text, options)
    assert {out.name: out.subscriber for out in found.plan.egresses.values()} == {
        "s": "http://table",
        "t": "http://v.ns2:8080",
    }


@pytest.mark.parametrize("template", ["http://{svc}", "http://{", "http://{name.x}", "http://{0}"])
async def test_a_service_template_that_can_not_be_filled_is_told_and_ends_nothing(template: str) -> None:
    found = await compiled(channel() + subscription(to=service("w")), Options(service_template=template))
    status, _, message = condition(found.statuses[key("Subscription", "s1")])
    assert status == "False"
    assert "resolve.service_template" in message
    assert "{name}, {namespace}" in message


async def test_a_url_that_no_plan_could_carry_is_told_and_leads_nowhere() -> None:
    for to in (f"{{uri: 'http://h/{'a' * 9_000}'}}", service("n" * 9_000)):
        found = await compiled(channel() + subscription(to=to), Options(service_template="http://{name}"))
        assert found.plan.egresses == {}
        assert "characters, more than 8192" in condition(found.statuses[key("Subscription", "s1")])[2]
