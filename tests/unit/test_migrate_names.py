"""Which topics and groups Kanal would take over, by the names that Knative recorded or its rules give, and where it would not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import knative_stand as knative

from eventing.kinds.meta import Features
from eventing.plan.options import Options
from eventing.record import Mark, Span
from eventing.settings import Names
from kanal.migrate.estate import Estate, estate
from kanal.migrate.report import Report, document, report
from kanal.migrate.sight import GroupSeen, Sight, TopicSeen
from kanal.migrate.switch import Switch

Documents = list[dict[str, Any]]
SYSTEM = "knative-eventing"
SWITCH = Switch("everything", SYSTEM, "kanal", "my-kafka:9092")
WELL = GroupSeen((), {0: Mark(3)}, {0: Span(0, 5)})


def held(documents: Documents) -> Estate:
    return estate(documents, Features(), SYSTEM)


def told(
    documents: Documents, *, options: Options | None = None, groups: dict[str, GroupSeen] | None = None, lost: str = ""
) -> Report:
    """The report on a Kafka in which each topic is but `lost`, and each group is well but for those in `groups`."""
    whole, options = held([*knative.installation(), *documents]), options or Options()
    dark = report(whole, (), None, options, Names(), SWITCH)
    topics = {row.held.topic: None if row.held.topic == lost else TopicSeen(1, 3) for row in dark.taken.topics}
    names = {(name, row.held.topic) for row in dark.taken.groups for name in (row.held.group, row.held.instead) if name}
    seen = {pair: (groups or {}).get(pair[0], WELL) for pair in names if topics[pair[1]] is not None}
    return report(whole, (), Sight(topics, seen), options, Names(), SWITCH)


def problems(found: Report) -> list[str]:
    return [str(one) for one in found.problems]


def rows(found: Report) -> list[tuple[str, str, str, bool]]:
    return [
        (str(one.held.owner), one.held.name, one.held.source, one.agrees)
        for one in (*found.taken.topics, *found.taken.groups)
    ]


def test_what_knative_recorded_and_what_its_rules_give_is_what_kanal_would_use() -> None:
    found = told(knative.shop())
    uid = knative.uid_of("Subscription", "shop", "print")
    assert problems(found) == []
    assert rows(found) == [
        ("Broker shop/orders", "knative-broker-shop-orders", "status", True),
        ("KafkaChannel shop/bills", "knative-messaging-kafka.shop.bills", "status", True),
        ("Trigger shop/pay", "knative-trigger-shop-pay", "status", True),
        ("Subscription shop/print", f"kafka.shop.bills.{uid}", "rule", True),
    ]


def test_the_same_is_told_to_programs_with_offsets_by_partition() -> None:
    whole = document(told(knative.shop()))
    assert whole["clean"] is True
    assert [row["object"]["name"] for row in whole["topics"]] == ["orders", "bills"]
    assert whole["groups"][0] | {"object": {}} == {
        "object": {},
        "source": "status",
        "kanal": "knative-trigger-shop-pay",
        "agrees": True,
        "topic": "knative-broker-shop-orders",
        "group": "knative-trigger-shop-pay",
        "exists": True,
        "members": [],
        "committed": {"0": 3},
        "starts": {"0": 3},
        "lag": 2,
    }


def test_a_recorded_name_counts_whatever_the_templates_say() -> None:
    found = told([knative.broker("shop", topic="old.topic"), knative.trigger("shop", group="old.group")])
    assert problems(found) == []
    assert [(name, source) for _, name, source, _ in rows(found)] == [("old.topic", "status"), ("old.group", "status")]


def test_where_no_name_is_recorded_a_template_that_differs_is_told_as_the_setting_to_make() -> None:
    features = knative.config_map(
        "config-kafka-features", **{"brokers.topic.template": "b.{{ .Namespace }}.{{ .Name }}"}
    )
    whole, sight = held([features, knative.broker("shop", topic=None)]), Sight({"b.shop.orders": TopicSeen(1, 1)})
    found = report(whole, (), sight, Options(), Names(), SWITCH)
    (problem,) = problems(found)
    assert "its topic is b.shop.orders (template), and Kanal would take knative-broker-shop-orders" in problem
    assert problem.endswith("; set names.broker_topic=b.{namespace}.{name}")
    (values,) = [command for step in found.steps for command in step.commands if "kanal-values.yaml <<" in command]
    assert "settings:\n  names:\n    broker_topic: b.{namespace}.{name}\n" in values
    settled = Options(broker_topic="b.{namespace}.{name}"), replace(Names(), broker_topic="b.{namespace}.{name}")
    assert problems(report(whole, (), sight, *settled, SWITCH)) == []


def test_a_template_that_nobody_understands_needs_names_on_record() -> None:
    documents = [
        knative.config_map("config-kafka-features", **{"brokers.topic.template": "{{ .Labels.team }}"}),
        knative.broker("shop", topic=None),
    ]
    (problem,) = report(held(documents), (), Sight(), Options(), Names(), SWITCH).problems
    assert "its topic is not recorded and follows a template that Kanal does not understand" in problem.message
    assert problem.fix.startswith(
        "record it: kubectl -n shop patch brokers.eventing.knative.dev orders --subresource=status"
    )


def test_the_group_of_a_trigger_without_a_record_is_its_consumer_groups() -> None:
    trigger = knative.trigger("shop", group=None)
    found = told([knative.broker("shop"), trigger, knative.consumer_group("shop", trigger, "from-elsewhere")])
    (problem,) = problems(found)
    assert "its group is from-elsewhere (ConsumerGroup), and Kanal would take knative-trigger-shop-pay" in problem
    assert '{"status":{"annotations":{"group.id":"from-elsewhere"}}}' in problem


def test_without_a_consumer_group_kafka_tells_whether_a_trigger_is_older_than_the_template() -> None:
    trigger = knative.trigger("shop", group=None)
    uid, nothing = trigger["metadata"]["uid"], GroupSeen((), {}, {0: Span(0, 5)})
    newer = told([knative.broker("shop"), trigger], groups={uid: nothing})
    assert problems(newer) == []
    older = told([knative.broker("shop"), trigger], groups={"knative-trigger-shop-pay": nothing})
    (problem,) = problems(older)
    assert (
        f"its group is {uid} (uid), and Kanal would take knative-trigger-shop-pay: it would begin with new events"
        in problem
    )


def test_without_kafka_nothing_is_called_clean() -> None:
    whole = held([*knative.installation(), knative.broker("shop"), knative.trigger("shop", group=None)])
    found = report(whole, (), None, Options(), Names(), SWITCH)
    uid = knative.uid_of("Trigger", "shop", "pay")
    trigger, kafka = problems(found)
    assert f"Trigger shop/pay: no group is recorded: it is knative-trigger-shop-pay, or {uid} where" in trigger
    assert kafka == "Kafka: it has not been asked what is there and how far each group is; name it with --kafka"


def test_a_topic_that_is_not_in_this_kafka_is_a_problem() -> None:
    (problem,) = problems(told([knative.broker("shop"), knative.trigger("shop")], lost="knative-broker-shop-orders"))
    assert "Broker shop/orders: the topic knative-broker-shop-orders is not in the Kafka at my-kafka:9092" in problem


def test_an_external_topic_is_taken_as_it_is() -> None:
    hub = knative.broker("shop", topic=None)
    hub["metadata"]["annotations"]["kafka.eventing.knative.dev/external.topic"] = "theirs"
    found = told([hub, knative.trigger("shop")])
    assert problems(found) == []
    assert rows(found)[0] == ("Broker shop/orders", "theirs", "annotation", True)


def test_what_kanal_would_not_serve_says_why_and_what_would_wait() -> None:
    found = told([knative.broker("shop", topic="one"), knative.broker("shop", "second", topic="one")])
    (problem,) = problems(found)
    assert (
        "Broker shop/second: Kanal would not serve it, and its topic one would wait: the topic one belongs to"
        in problem
    )


def test_an_object_that_kanal_does_not_take_is_told_with_its_field() -> None:
    (problem,) = problems(told([knative.broker("shop", deliveryy={})]))
    assert "Broker shop/orders: Kanal does not take it as it is: spec.deliveryy:" in problem


def test_a_subscription_of_a_channel_in_memory_is_not_taken_over() -> None:
    generic = knative.channel("shop")[0]
    generic["spec"]["channelTemplate"] = {"apiVersion": "messaging.knative.dev/v1", "kind": "InMemoryChannel"}
    found = told([generic, knative.subscription("shop")])
    assert rows(found) == []
    (problem,) = problems(found)
    assert "Channel shop/bills: what stands behind it is of the kind InMemoryChannel" in problem


def test_members_are_no_problem_before_the_switch_and_are_told() -> None:
    busy = GroupSeen(("consumer at 10.0.0.7",), {0: Mark(3)}, {0: Span(0, 5)})
    found = told(knative.shop(), groups={"knative-trigger-shop-pay": busy})
    assert problems(found) == []
    assert found.waiting == ["knative-trigger-shop-pay"]


def test_objects_that_no_api_server_has_told_are_refused() -> None:
    hand = knative.broker("shop")
    del hand["metadata"]["uid"]
    (problem,) = problems(told([hand]))
    assert "Broker shop/orders: it has no metadata.uid" in problem


def test_an_estate_without_knatives_kafka_says_so() -> None:
    found = told([])
    assert problems(found) == []
    assert [one.message for one in found.differences] == [
        "no KafkaChannel and no Broker of the class Kafka was seen: nothing is taken over"
    ]


def definition(plural: str, *stored: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.eventing.knative.dev"},
        "status": {"storedVersions": list(stored)},
    }


def test_a_definition_with_objects_in_a_version_that_kanal_has_not_is_told_where_kanals_is_to_take_its_place() -> None:
    old = held([*knative.installation(), definition("brokers", "v1beta1", "v1"), definition("triggers", "v1")])
    (problem,) = problems(report(old, (), Sight(), Options(), Names(), SWITCH))
    assert "CustomResourceDefinition brokers.eventing.knative.dev: objects may be stored as v1beta1, which" in problem
    assert """-p '{"status":{"storedVersions":["v1"]}}'""" in problem
    beside = report(old, (), Sight(), Options(serves="kafka"), Names(), replace(SWITCH, serves="kafka"))
    assert problems(beside) == []


def test_beside_knatives_core_the_subscribers_that_it_has_written_are_taken_over() -> None:
    channel, sub = knative.channel("shop"), knative.subscription("shop")
    uid = sub["metadata"]["uid"]
    channel[1]["spec"]["subscribers"] = [{"uid": uid, "name": "print", "subscriberUri": "http://print.shop"}]
    for documents in ([*channel, sub], channel):
        whole, options = held([*knative.installation(), *documents]), Options(serves="kafka")
        sight = Sight({"knative-messaging-kafka.shop.bills": TopicSeen(1, 1)})
        found = report(whole, (), sight, options, Names(), replace(SWITCH, serves="kafka"))
        assert problems(found) == []
        assert rows(found)[1] == ("Subscription shop/print", f"kafka.shop.bills.{uid}", "rule", True)
