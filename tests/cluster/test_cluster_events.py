"""Kanal, installed by its chart on a true cluster: events go from pod to pod by the names that the cluster gives."""

from __future__ import annotations

import json

import workloads
from installation import DISPATCHER, RECEIVER, RELEASE, Installation
from waiting import until
from workloads import Place

ENDLESS = 1_000_000


def test_helm_test_passes(kanal: Installation) -> None:
    assert "Succeeded" in kanal.helm("test", RELEASE, "--timeout=180s")


def test_an_event_reaches_a_subscriber_through_a_channel_by_the_names_of_both_in_dns(place: Place) -> None:
    subscriber = place.subscriber("display")
    place.apply(workloads.channel("orders"), workloads.subscription("orders", "orders", subscriber))
    place.ready("kafkachannel/orders", "subscription/orders")
    url = place.address("kafkachannel/orders")
    assert url == f"http://orders-kn-channel.{place.namespace}.svc.cluster.local"
    place.sender("sender", url, "--id=one")
    assert "1 of 1 event accepted (1 x 202)" in place.sent("sender")
    until(lambda: place.received("display") == ["one"], "the event at the subscriber")


def test_a_trigger_leads_the_events_of_its_type_and_no_others_from_a_broker_to_a_subscriber(place: Place) -> None:
    subscriber = place.subscriber("display")
    place.apply(workloads.broker("default"), workloads.trigger("wanted", "default", "wanted", subscriber))
    place.ready("broker/default", "trigger/wanted")
    url = place.address("broker/default")
    assert url.endswith(f".svc.cluster.local/{place.namespace}/default")
    place.sender("other", url, "--id=other", "--type=other")
    place.sent("other")
    place.sender("sender", url, "--id=one", "--type=wanted")
    place.sent("sender")
    until(lambda: place.received("display") == ["one"], "the event at the subscriber")


def test_b57_every_event_is_accepted_and_delivered_while_receivers_and_dispatchers_are_replaced(
    place: Place, kanal: Installation
) -> None:
    subscriber = place.subscriber("display")
    place.apply(workloads.channel("busy"), workloads.subscription("busy", "busy", subscriber))
    place.ready("kafkachannel/busy", "subscription/busy")
    url = place.address("kafkachannel/busy")
    place.sender("sender", url, "--id=e", f"--count={ENDLESS}", "--rate=200", "--at-once=8")
    until(lambda: place.received("display"), "the first event at the subscriber")
    for workload in (RECEIVER, DISPATCHER, RECEIVER, RECEIVER):
        kanal.restart(workload)
    place.kubectl("exec", "sender", "--", "sh", "-c", "kill -TERM 1")
    said = place.sent("sender")
    accepted = int(said.split(maxsplit=1)[0])
    assert f"({accepted} x 202)" in said
    every = {f"e-{number}" for number in range(1, accepted + 1)}
    until(lambda: set(place.received("display")) == every, "every event at the subscriber")


def test_what_is_deleted_is_gone_and_its_service_with_it(place: Place) -> None:
    subscriber = place.subscriber("display")
    place.apply(workloads.channel("gone"), workloads.subscription("gone", "gone", subscriber))
    place.ready("kafkachannel/gone", "subscription/gone")
    place.kubectl("delete", "subscription/gone", "kafkachannel/gone", "--timeout=60s")
    until(lambda: not _services(place), "the channel's Service is collected")


def test_what_was_there_is_served_again_after_the_release_was_taken_away_and_installed_anew(
    place: Place, kanal: Installation
) -> None:
    subscriber = place.subscriber("display")
    place.apply(workloads.channel("kept"), workloads.subscription("kept", "kept", subscriber))
    place.ready("kafkachannel/kept", "subscription/kept")
    kanal.uninstall()
    assert kanal.kubectl("get", "deployments,statefulsets,services", "--output=name") == ""
    kanal.install()
    place.ready("kafkachannel/kept", "subscription/kept")
    place.sender("sender", place.address("kafkachannel/kept"), "--id=one")
    place.sent("sender")
    until(lambda: place.received("display") == ["one"], "the event at the subscriber")


def _services(place: Place) -> list[str]:
    found = json.loads(place.kubectl("get", "services", "--selector=messaging.knative.dev/role", "--output=json"))
    return [one["metadata"]["name"] for one in found["items"]]
