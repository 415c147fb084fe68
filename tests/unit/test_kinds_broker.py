"""What a Broker may say, what is filled in, and what stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
from kind_documents import document, faults

from eventing.kinds.broker import Broker
from eventing.kinds.meta import Defaults
from eventing.kinds.registry import check_update, parse

CLASS = "eventing.knative.dev/broker.class"
EXTERNAL = "kafka.eventing.knative.dev/external.topic"
CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "name": "topics"}
FIX = "apply a second Broker under another name, or delete this one and apply it anew"


def broker(spec: dict[str, Any] | None = None, **annotations: str) -> dict[str, Any]:
    whole = document("Broker", spec, annotations=annotations)
    return {**whole, "apiVersion": "eventing.knative.dev/v1"}


def filled(spec: dict[str, Any] | None = None, defaults: Defaults | None = None, **annotations: str) -> Broker:
    found = parse(broker(spec, **annotations)).defaulted(defaults or Defaults())
    assert isinstance(found, Broker)
    return found


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [str(one) for one in check_update(parse(old), parse(new))]


def test_a_broker_without_a_class_gets_that_of_the_installation() -> None:
    assert filled().broker_class == "Kafka"
    assert filled(None, Defaults(broker_class="Other")).broker_class == "Other"
    assert filled(**{CLASS: "MTChannelBasedBroker"}).broker_class == "MTChannelBasedBroker"


def test_a_broker_without_delivery_gets_knatives_and_one_with_any_keeps_its_own() -> None:
    """Conformance G, DefaultDeliverySpec."""
    assert filled().spec.delivery.document() == {
        "retry": 10,
        "backoffPolicy": "exponential",
        "backoffDelay": "PT0.2S",
    }
    assert filled({"delivery": {"timeout": "PT1S"}}).spec.delivery.document() == {"timeout": "PT1S"}
    assert filled({"delivery": {}}).spec.delivery.document() == {}


def test_refs_without_a_namespace_get_that_of_the_broker() -> None:
    sink = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "d"}}
    spec = filled({"config": CONFIG, "delivery": {"deadLetterSink": sink}}).spec
    assert (spec.config.namespace, spec.delivery.dead_letter_sink.ref.namespace) == ("default", "default")
    assert filled({"config": {**CONFIG, "namespace": "ns"}}).spec.config.namespace == "ns"


def test_filling_in_defaults_twice_changes_nothing() -> None:
    once = filled({"config": CONFIG})
    assert once.defaulted(Defaults(broker_class="Other")) == once


@pytest.mark.parametrize(
    ("annotation", "value", "found"),
    [
        (CLASS, " ", "the class is empty; write Kafka, or take the annotation out"),
        (EXTERNAL, "two words", '"two words" is no name for a Kafka topic; write the name of a topic that exists'),
        (EXTERNAL, "", '"" is no name for a Kafka topic; write the name of a topic that exists'),
        (EXTERNAL, "..", '".." is no name for a Kafka topic; write the name of a topic that exists'),
        (EXTERNAL, "__consumer_offsets", '"__consumer_offsets" is Kafka\'s own; write the name of a topic that exists'),
        ("kanal.dev/ttl", "0", '"0" is no limit; write "true" for 255, or a number from 1 to 255'),
        ("kanal.dev/ttl", "256", '"256" is no limit; write "true" for 255, or a number from 1 to 255'),
        ("kanal.dev/ttl", "yes", '"yes" is no limit; write "true" for 255, or a number from 1 to 255'),
        ("kanal.dev/ttl", "²", '"²" is no limit; write "true" for 255, or a number from 1 to 255'),
        ("kanal.dev/validate", "ture", '"ture" is neither true nor false; did you mean true?'),
    ],
)
def test_a_wrong_annotation_is_refused_with_its_name(annotation: str, value: str, found: str) -> None:
    assert faults(broker(**{annotation: value})) == [f"metadata.annotations[{annotation}]: {found}"]


@pytest.mark.parametrize(
    ("word", "ttl"), [(None, None), ("true", 255), ("True", 255), ("false", None), ("1", 1), ("255", 255)]
)
def test_a_limit_of_passes_is_opted_into(word: str | None, ttl: int | None) -> None:
    whole = broker(**({} if word is None else {"kanal.dev/ttl": word}))
    assert faults(whole) == []
    assert parse(whole).ttl == ttl


@pytest.mark.parametrize(("word", "does"), [(None, False), ("false", False), ("true", True), ("TRUE", True)])
def test_checking_data_is_opted_into(word: str | None, does: bool) -> None:
    assert parse(broker(**({} if word is None else {"kanal.dev/validate": word}))).validates is does


def test_a_typo_in_the_spec_is_found() -> None:
    assert faults(broker({"confg": CONFIG})) == ["spec.confg: there is no such field; did you mean config?"]
    assert faults(broker({"config": {"kind": "ConfigMap", "name": "x"}})) == [
        "spec.config.apiVersion: the field is missing; add apiVersion: v1"
    ]


def test_the_class_never_changes_and_a_default_that_is_written_out_is_no_change() -> None:
    place = f"metadata.annotations[{CLASS}]"
    assert changes(broker(), broker(**{CLASS: "Other"})) == [
        f'{place}: can\'t be changed once the resource is there: it is "Kafka", not "Other"; {FIX}'
    ]
    assert changes(broker(), broker(**{CLASS: "Kafka"})) == []


def test_the_config_never_changes() -> None:
    other = {**CONFIG, "name": "others"}
    assert changes(broker({"config": CONFIG}), broker({"config": other})) == [
        f'spec.config.name: can\'t be changed once the resource is there: it is "topics", not "others"; {FIX}'
    ]
    assert changes(broker(), broker({"config": CONFIG})) == [
        f"spec.config: can't be changed once the resource is there: it is unset, not a mapping; {FIX}"
    ]
    assert changes(broker({"config": CONFIG}), broker({"config": {**CONFIG, "namespace": "default"}})) == []


def test_an_external_topic_never_changes_because_events_would_stay_behind() -> None:
    (found,) = changes(broker(**{EXTERNAL: "one"}), broker(**{EXTERNAL: "two"}))
    assert f'[{EXTERNAL}]: can\'t be changed once the resource is there: it is "one", not "two"' in found
    assert len(changes(broker(**{EXTERNAL: "one"}), broker())) == 1


def test_delivery_and_limits_change_at_any_time() -> None:
    assert (
        changes(broker({"delivery": {"retry": 3}}), broker({"delivery": {"retry": 5}}, **{"kanal.dev/ttl": "3"})) == []
    )


def test_kubectl_calls_a_broker_what_knative_calls_it() -> None:
    assert (Broker.PLURAL, Broker.SHORT_NAMES) == ("brokers", ())
    assert Broker.CATEGORIES == ("all", "knative", "eventing")
    assert Broker.CRD_LABELS["duck.knative.dev/addressable"] == "true"
    assert sorted(Broker.DEPENDENTS) == [
        "Addressable",
        "ConfigMapUpdated",
        "ConfigParsed",
        "DataPlaneAvailable",
        "EventPoliciesReady",
        "ProbeSucceeded",
        "TopicReady",
    ]
