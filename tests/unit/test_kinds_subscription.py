from typing import Any

import pytest
from kind_documents import CHANNEL_REF, document, faults, subscription

from eventing.kinds.meta import Defaults, Features
from eventing.kinds.registry import check_update, parse

ORDER = "kafka.eventing.knative.dev/delivery.order"
PAUSED = "kanal.dev/paused"
SERVICE = {"apiVersion": "v1", "kind": "Service", "name": "s"}


def test_refs_without_a_namespace_get_that_of_the_subscription() -> None:
    whole = subscription(
        {"namespace": "ns"},
        subscriber={"ref": SERVICE},
        reply={"ref": {**SERVICE, "namespace": "other"}},
        delivery={"deadLetterSink": {"ref": SERVICE}},
    )
    spec = parse(whole).defaulted(Defaults()).spec
    refs = (spec.subscriber.ref, spec.reply.ref, spec.delivery.dead_letter_sink.ref)
    assert [ref.namespace for ref in refs] == ["ns", "other", "ns"]


@pytest.mark.parametrize("namespace", [None, "", "default"])
def test_a_channel_in_the_own_namespace_is_taken(namespace: str | None) -> None:
    assert faults(subscription(channel={**CHANNEL_REF, "namespace": namespace})) == []


def test_b43_a_channel_in_another_namespace_needs_the_feature() -> None:
    elsewhere = subscription(channel={**CHANNEL_REF, "namespace": "other"})
    assert faults(elsewhere) == [
        (
            'spec.channel.namespace: the channel is in namespace "other", the Subscription in "default"; '
            "move the Subscription there, or allow it with the setting control.cross_namespace_links"
        )
    ]
    assert faults(elsewhere, Features(cross_namespace_event_links=True)) == []
    assert parse(elsewhere, features=Features(cross_namespace_event_links=True)).channel_namespace == "other"


def test_an_empty_reply_is_no_reply() -> None:
    assert parse(subscription(reply={})).spec.reply is None
    assert parse(subscription(reply=None)).spec.reply is None


@pytest.mark.parametrize(
    ("whole", "messages"),
    [
        (document("Subscription"), ["spec: the field is missing; add spec: the channel and the subscriber"]),
        (
            document("Subscription", {}),
            [
                (
                    "spec.channel: the field is missing; add channel: the channel that the events come from, by apiVersion, "
                    "kind and name"
                ),
                "spec.subscriber: the field is missing; add subscriber: where the events go, by ref or uri",
            ],
        ),
        (
            subscription(channel={"kind": "Channel"}),
            ["spec.channel.name: the field is missing; add name: the name of the resource"],
        ),
        (
            subscription(channel={"kind": "KafkaChannel", "name": "x"}),
            ["spec.channel.apiVersion: the field is missing; add apiVersion: messaging.knative.dev/v1beta1"],
        ),
        (
            subscription(channel="orders"),
            ['spec.channel: fields are needed here, not the text "orders"; write apiVersion, kind and name below it'],
        ),
        (
            subscription(channel={**CHANNEL_REF, "address": "a"}),
            ["spec.channel.address: a channel is read from, its addresses don't matter; take it out"],
        ),
        (subscription(retry=3), ["spec.retry: there is no such field; did you mean spec.delivery.retry?"]),
        (
            subscription(sink=3),
            ["spec.sink: there is no such field; the fields here are channel, subscriber, reply and delivery"],
        ),
        (
            subscription({"annotations": {ORDER: "unorderd"}}),
            [f'metadata.annotations[{ORDER}]: "unorderd" is no order of delivery; did you mean unordered?'],
        ),
        (
            subscription({"annotations": {PAUSED: "yes"}}),
            [f'metadata.annotations[{PAUSED}]: "yes" is neither true nor false; write true or false'],
        ),
    ],
)
def test_a_wrong_subscription_names_field_and_fix(whole: dict[str, Any], messages: list[str]) -> None:
    assert faults(whole) == messages


@pytest.mark.parametrize("word", ["ordered", "unordered", "Unordered"])
def test_both_orders_of_delivery_are_known(word: str) -> None:
    assert faults(subscription({"annotations": {ORDER: word}})) == []


@pytest.mark.parametrize("word", ["true", "false", "True"])
def test_a_pause_is_switched_on_or_off(word: str) -> None:
    assert faults(subscription({"annotations": {PAUSED: word}})) == []


def test_the_channel_is_immutable_and_the_rest_is_not() -> None:
    def changed(**spec: Any) -> list[str]:
        return [str(one) for one in check_update(parse(subscription()), parse(subscription(**spec)))]

    assert changed(subscriber={"uri": "http://b"}, reply={"uri": "http://c"}, delivery={"retry": 1}) == []
    assert changed(channel={**CHANNEL_REF, "namespace": "default"}) == []
    assert changed(channel={**CHANNEL_REF, "name": "other"}) == [
        (
            'spec.channel.name: can\'t be changed once the resource is there: it is "orders", not "other"; '
            "apply a second Subscription under another name, or delete this one and apply it anew"
        )
    ]
