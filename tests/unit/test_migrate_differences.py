"""What Knative does and Kanal does otherwise, or not at all, is told object by object with what to do about it."""

from __future__ import annotations

from typing import Any

import knative_stand as knative
import pytest

from eventing.kinds.meta import Features
from kanal.migrate import behaviour, installation, unserved
from kanal.migrate.estate import Estate, estate
from kanal.migrate.finding import Finding

SYSTEM = "knative-eventing"
SINK = {"deadLetterSink": {"uri": "http://dead"}}


def held(*documents: dict[str, Any]) -> Estate:
    return estate(documents, Features(), SYSTEM)


def foreign(version: str, kind: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "shop"}}


def only(findings: Any) -> Finding:
    (one,) = findings
    return one


def test_a_healthy_shop_has_nothing_to_tell() -> None:
    whole = held(*knative.installation(), *knative.shop())
    assert list(behaviour.findings(whole)) == []
    assert list(unserved.findings(whole, "everything")) == []
    assert list(installation.findings(whole, SYSTEM, "my-kafka:9092")) == []


def test_a_trigger_with_delivery_options_of_its_own_gets_the_brokers_dead_letter_sink() -> None:
    hub, trigger = knative.broker("shop", delivery=SINK), knative.trigger("shop", delivery={"retry": 3})
    one = only(behaviour.findings(held(hub, trigger)))
    assert (one.severity, one.object) == ("difference", "Trigger shop/pay")
    assert "Kanal takes that of Broker shop/orders" in one.message
    own = knative.trigger("shop", delivery={"retry": 3, **SINK})
    assert list(behaviour.findings(held(hub, own))) == []


def test_a_subscription_that_leaves_open_what_its_channel_says_is_told_the_fields() -> None:
    channel = knative.channel("shop")
    channel[1]["spec"]["delivery"] = {"retry": 5, "backoffDelay": "PT1S"}
    one = only(behaviour.findings(held(*channel, knative.subscription("shop", delivery={"timeout": "PT5S"}))))
    assert one.object == "Subscription shop/print"
    assert "leaves retry, backoffDelay open" in one.message
    assert list(behaviour.findings(held(*channel, knative.subscription("shop")))) == []


def test_a_filter_for_any_value_is_told_because_knative_passes_events_without_the_attribute() -> None:
    spec = {"filter": {"attributes": {"subject": "", "type": "t"}}}
    one = only(behaviour.findings(held(knative.broker("shop"), knative.trigger("shop", **spec))))
    assert 'its filter asks for any subject ("")' in one.message
    newer = {**spec, "filters": [{"exact": {"type": "t"}}]}
    assert list(behaviour.findings(held(knative.broker("shop"), knative.trigger("shop", **newer)))) == []


def test_certificates_audiences_and_scaling_of_single_objects_have_no_effect() -> None:
    trigger = knative.trigger("shop")
    trigger["spec"]["subscriber"] |= {"CACerts": "-----BEGIN CERTIFICATE-----", "audience": "me"}
    trigger["metadata"]["annotations"] = {"autoscaling.eventing.knative.dev/min-scale": "3"}
    found = [one.message for one in behaviour.findings(held(knative.broker("shop"), trigger))]
    assert [message.partition(" ")[0] for message in found] == [
        "spec.subscriber.CACerts",
        "spec.subscriber.audience",
        "autoscaling.eventing.knative.dev/min-scale",
    ]


def test_what_is_not_ready_with_knative_is_told_with_its_reason() -> None:
    trigger = knative.trigger("shop")
    trigger["status"]["conditions"] = [{"type": "Ready", "status": "False", "message": "no such Service"}]
    one = only(behaviour.findings(held(knative.broker("shop"), trigger)))
    assert one.message == "it is not Ready with Knative either: no such Service"


@pytest.mark.parametrize(
    ("version", "kind"),
    [("sources.knative.dev/v1", "KafkaSource"), ("eventing.knative.dev/v1alpha1", "KafkaSink")],
)
@pytest.mark.parametrize("serves", ["everything", "kafka"])
def test_sources_and_sinks_of_knatives_kafka_lose_their_controller(version: str, kind: str, serves: Any) -> None:
    one = only(unserved.findings(held(foreign(version, kind)), serves))
    assert one.severity == "problem"
    assert "nothing reconciles it once kafka-controller is stopped" in one.message


def test_kinds_of_knatives_core_are_a_problem_only_where_the_core_goes() -> None:
    ping = held(foreign("sources.knative.dev/v1", "PingSource"))
    one = only(unserved.findings(ping, "everything"))
    assert "Kanal does not run a PingSource; keep Knative's core" in str(one)
    assert list(unserved.findings(ping, "kafka")) == []


def test_an_event_policy_is_a_problem_wherever_kanal_takes_events_in() -> None:
    whole = held(foreign("eventing.knative.dev/v1alpha1", "EventPolicy"))
    assert only(unserved.findings(whole, "kafka")) == only(unserved.findings(whole, "everything"))


def test_a_broker_of_another_class_has_to_deliver_what_it_has_before_kanal_serves_it() -> None:
    whole = held(knative.broker("shop", class_="MTChannelBasedBroker"))
    one = only(unserved.findings(whole, "everything"))
    assert "wait until the Subscriptions of the channel orders-kne-trigger in shop have delivered everything" in one.fix
    assert list(unserved.findings(whole, "kafka")) == []


def test_a_namespaced_broker_is_served_only_where_kanal_serves_everything() -> None:
    whole = held(knative.broker("shop", class_="KafkaNamespaced"))
    assert list(unserved.findings(whole, "everything")) == []
    assert "Kanal leaves the class KafkaNamespaced alone" in only(unserved.findings(whole, "kafka")).message


def told(**maps: dict[str, str]) -> list[str]:
    documents = [*(knative.config_map(name.replace("_", "-"), **data) for name, data in maps.items())]
    whole = held(*documents, *knative.installation(), *knative.shop())
    return [str(one) for one in installation.findings(whole, SYSTEM, "my-kafka:9092")]


def test_flags_of_knatives_core_become_settings_or_problems() -> None:
    strict, links = told(config_features={"transport-encryption": "strict", "cross-namespace-event-links": "enabled"})
    assert strict.startswith("config-features transport-encryption: strict: events come in and go between objects")
    assert links.endswith(
        "cross-namespace-event-links: it is a setting of Kanal's; set control.cross_namespace_links=true"
    )


def test_more_than_one_kafka_is_a_problem() -> None:
    (one,) = told(kafka_channel_config={"bootstrap.servers": "other:9092"})
    assert "there is more than one: my-kafka:9092 (ConfigMap knative-eventing/kafka-broker-config); other:9092" in one


def test_another_kafka_than_the_one_that_was_asked_is_told() -> None:
    whole = held(*knative.installation(), *knative.shop())
    one = only(installation.findings(whole, SYSTEM, "localhost:9092"))
    assert str(one) == "Kafka: Knative's is my-kafka:9092, and localhost:9092 was asked; make sure that they are one"


def test_a_secret_is_named_and_never_read() -> None:
    (one,) = told(kafka_channel_config={"bootstrap.servers": "my-kafka:9092", "auth.secret.ref.name": "login"})
    assert "Knative reaches Kafka with the Secret login" in one


def test_properties_that_somebody_has_set_say_what_becomes_of_them() -> None:
    consumer = (
        "auto.offset.reset=earliest\nmax.poll.records=50\n# session.timeout.ms=1\nsasl.jaas.config=user password\n"
    )
    found = told(
        config_kafka_broker_data_plane={
            "config-kafka-broker-consumer.properties": consumer,
            "config-kafka-broker-producer.properties": "acks=all\nmax.request.size=2000000",
            "config-kafka-broker-webclient.properties": "maxPoolSize=7\nidleTimeout=10000",
        }
    )
    assert [one.partition(":")[0] for one in found] == [
        "config-kafka-broker-data-plane producer max.request.size=2000000",
        "config-kafka-broker-data-plane consumer sasl.jaas.config",
        "config-kafka-broker-data-plane consumer auto.offset.reset=earliest",
        "config-kafka-broker-data-plane webclient maxPoolSize=7",
    ]
    assert "password" not in "".join(found)
