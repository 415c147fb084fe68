"""What a Trigger may say, what is filled in, and what stays as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kind_documents import document, faults

from eventing.kinds.dependency import dependency_of
from eventing.kinds.key import Key
from eventing.kinds.meta import Defaults, Features
from eventing.kinds.registry import check_update, parse
from eventing.kinds.trigger import Trigger

DEPENDENCY = "knative.dev/dependency"
INJECTION = "eventing.knative.dev/injection"
LABEL = "eventing.knative.dev/broker"
ANYWHERE = Features(cross_namespace_event_links=True)
SINK = {"uri": "http://sink"}
SERVICE = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "s"}}
FIX = "apply a second Trigger under another name, or delete this one and apply it anew"


def trigger(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    base = {"broker": "b", "subscriber": SINK}
    wanted = {name: value for name, value in {**base, **spec}.items() if value is not None}
    return {**document("Trigger", wanted, **(metadata or {})), "apiVersion": "eventing.knative.dev/v1"}


def annotated(name: str, value: str, **spec: Any) -> dict[str, Any]:
    return trigger({"annotations": {name: value}}, **spec)


def filled(whole: dict[str, Any], features: Features | None = None) -> Trigger:
    found = parse(whole, features=features or Features()).defaulted(Defaults())
    assert isinstance(found, Trigger)
    return found


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [str(one) for one in check_update(parse(old, features=ANYWHERE), parse(new, features=ANYWHERE))]


def test_what_is_left_out_is_filled_in() -> None:
    """Conformance G, "Trigger defaulting"."""
    found = filled(trigger({"namespace": "ns"}, subscriber=SERVICE, delivery={"deadLetterSink": SERVICE}))
    assert found.metadata.labels == {LABEL: "b"}
    assert found.spec.document()["filter"] == {}
    refs = (found.spec.subscriber.ref, found.spec.delivery.dead_letter_sink.ref)
    assert [ref.namespace for ref in refs] == ["ns", "ns"]
    assert found.defaulted(Defaults()) == found


def test_labels_of_ones_own_stay_and_the_brokers_is_always_right() -> None:
    found = filled(trigger({"labels": {"a": "b", LABEL: "wrong"}}))
    assert found.metadata.labels == {"a": "b", LABEL: "b"}


def test_a_broker_whose_name_no_label_can_hold_goes_without() -> None:
    assert filled(trigger(broker="b" * 64)).metadata.labels == {}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"broker": None}, "spec.broker: the Trigger names no broker; add broker: NAME"),
        ({"broker": " "}, "spec.broker: the Trigger names no broker; add broker: NAME"),
        ({"brokerRef": {"name": "b"}}, "spec.brokerRef: broker names one already; keep one of the two"),
        (
            {"broker": None, "brokerRef": {"name": "b", "namespace": "other"}},
            (
                'spec.brokerRef.namespace: the broker is in namespace "other", the Trigger in "default"; '
                "move the Trigger there, or allow it with the setting control.cross_namespace_links"
            ),
        ),
        (
            {"broker": None, "brokerRef": {"name": "b", "kind": "Channel"}},
            'spec.brokerRef.kind: "Channel" is not known here; write Broker',
        ),
        (
            {"subscriber": None},
            "spec.subscriber: the field is missing; add subscriber: where the events go, by ref or uri",
        ),
        ({"brokr": "b"}, "spec.brokr: there is no such field; did you mean broker?"),
    ],
)
def test_a_trigger_names_one_broker_and_one_subscriber(spec: dict[str, Any], found: str) -> None:
    assert faults(trigger(**spec)) == [found]


def test_a_broker_in_another_namespace_needs_the_feature() -> None:
    elsewhere = trigger(broker=None, brokerRef={"name": "b", "namespace": "other"})
    assert faults(elsewhere, ANYWHERE) == []
    found = filled(elsewhere, ANYWHERE)
    assert found.broker_key == Key("eventing.knative.dev", "Broker", "other", "b")
    own = filled(trigger(broker=None, brokerRef={"name": "b"}))
    assert own.spec.broker_ref.namespace == "default" == own.broker_key.namespace


@pytest.mark.parametrize("name", ["Type", "my-attribute", "größe", "a.b", "1st", ""])
def test_the_older_filter_takes_attribute_names_and_any_value(name: str) -> None:
    """Conformance E: keys with upper case, dashes, unicode or punctuation are rejected."""
    (found,) = faults(trigger(filter={"attributes": {name: "x"}}))
    assert found.startswith("spec.filter.attributes")
    assert faults(trigger(filter={"attributes": {"type": "", "source": "any Text: ü", "ext1": "42"}})) == []


@pytest.mark.parametrize(
    ("filters", "start"),
    [
        ([{"and": [{"exact": {"type": "a"}}]}], "spec.filters[0].and: 'and' is no dialect of filters; write all"),
        ([{"exact": {"type": "a"}}, {"cesql": "type == 'x'"}], "spec.filters[1].cesql: "),
        ([{"suffix": {"type": ""}}], "spec.filters[0].suffix.type: "),
        ([{}], "spec.filters[0]: "),
        ([{"all": [{"exact": {"Type": "a"}}]}], "spec.filters[0].all[0].exact.Type: "),
        ([{"exact": {"the": 42}}], "spec.filters[0].exact.the: is no text"),
        (["exact"], "spec.filters[0]: fields are needed here"),
        ({"exact": {"type": "a"}}, "spec.filters: a list is needed"),
    ],
)
def test_b46_a_filter_that_would_do_nothing_is_refused(filters: Any, start: str) -> None:
    (found,) = faults(trigger(filters=filters))
    assert found.startswith(start)


def test_filters_of_every_dialect_are_kept_as_they_are_given() -> None:
    filters = [
        {"exact": {"type": "a"}},
        {"not": {"prefix": {"source": "b"}}},
        {"any": [{"suffix": {"subject": "c"}}, {"all": [{"cesql": "id = 'd'"}]}]},
    ]
    whole = trigger(filters=filters, filter={"attributes": {"type": "a"}})
    assert faults(whole) == []
    assert parse(whole).spec_document()["filters"] == filters
    assert faults(trigger(filters=[])) == []


def test_the_annotations_of_delivery_are_checked() -> None:
    assert len(faults(annotated("kafka.eventing.knative.dev/delivery.order", "sorted"))) == 1
    assert faults(annotated("kafka.eventing.knative.dev/delivery.order", "Ordered")) == []
    assert len(faults(annotated("kanal.dev/paused", "yes"))) == 1


SOURCE = {"apiVersion": "sources.knative.dev/v1", "kind": "PingSource", "name": "p"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p", '"p" is no JSON'),
        ("[" * 100_000, "is no JSON"),
        ('{"apiVersion": "v1", "kind": "\\ud800", "name": "p"}', "is no JSON"),
        ("[1]", "an object is needed, not a list"),
        (json.dumps({**SOURCE, "name": ""}), "name is missing or no text"),
        (json.dumps({**SOURCE, "kind": 3}), "kind is missing or no text"),
        (json.dumps({**SOURCE, "apiVersion": None}), "apiVersion is missing or no text"),
        (
            json.dumps({**SOURCE, "namespace": "other"}),
            'the dependency is in namespace "other", the Trigger in "default"',
        ),
    ],
)
def test_a_dependency_names_something_in_the_same_namespace(text: str, message: str) -> None:
    (found,) = faults(annotated(DEPENDENCY, text))
    assert found.startswith(f"metadata.annotations[{DEPENDENCY}]: ")
    assert message in found


def test_a_dependency_is_known_by_its_key() -> None:
    whole = annotated(DEPENDENCY, json.dumps({**SOURCE, "namespace": "default"}))
    assert faults(whole) == []
    assert dependency_of(parse(whole).metadata) == Key("sources.knative.dev", "PingSource", "default", "p")
    assert dependency_of(parse(trigger()).metadata) is None


@pytest.mark.parametrize(
    ("word", "broker", "count"),
    [("enabled", "default", 0), ("disabled", "default", 0), ("enabled", "b", 1), ("on", "default", 1)],
)
def test_injection_is_for_the_broker_default(word: str, broker: str, count: int) -> None:
    assert len(faults(annotated(INJECTION, word, broker=broker))) == count


def test_the_broker_never_changes() -> None:
    assert changes(trigger(), trigger(broker="c")) == [
        f'spec.broker: can\'t be changed once the resource is there: it is "b", not "c"; {FIX}'
    ]
    (found,) = changes(trigger(), trigger(broker=None, brokerRef={"name": "b", "namespace": "other"}))
    assert found.startswith("spec.brokerRef.namespace: can't be changed")
    assert changes(trigger(), trigger(broker=None, brokerRef={"name": "b"})) == []


def test_everything_else_changes_at_any_time() -> None:
    other = trigger(subscriber=SERVICE, filters=[{"exact": {"type": "a"}}], delivery={"retry": 1})
    assert changes(trigger(), other) == []


def test_a_trigger_has_no_finalizer_and_knatives_conditions() -> None:
    found = filled(trigger())
    assert found.metadata.finalizers == []
    assert sorted(Trigger.DEPENDENTS) == [
        "BrokerReady",
        "DeadLetterSinkResolved",
        "DependencyReady",
        "OIDCIdentityCreated",
        "SubscriberResolved",
        "SubscriptionReady",
    ]
