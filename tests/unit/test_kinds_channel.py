from typing import Any

import pytest
from kind_documents import document, faults

from eventing.kinds.meta import Defaults
from eventing.kinds.registry import check_update, parse

TEMPLATE = {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel"}
SUBSCRIBABLE = {"messaging.knative.dev/subscribable": "v1"}


def changes(kind: str, old: dict[str, Any], new: dict[str, Any], **kwargs: Any) -> list[str]:
    return [str(one) for one in check_update(parse(document(kind, old)), parse(document(kind, new)), **kwargs)]


def test_a_channel_without_a_template_becomes_a_kafka_channel() -> None:
    channel = parse(document("Channel")).defaulted(Defaults(channel_spec={"numPartitions": 3}))
    assert channel.spec.channel_template.document() == {**TEMPLATE, "spec": {"numPartitions": 3}}
    assert channel.metadata.annotations == SUBSCRIBABLE


@pytest.mark.parametrize("kind", ["Channel", "KafkaChannel"])
def test_filling_in_defaults_twice_changes_nothing(kind: Any) -> None:
    sink = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "d"}}
    once = parse(document(kind, {"delivery": {"deadLetterSink": sink}}, namespace="ns")).defaulted(Defaults())
    assert once.defaulted(Defaults()) == once
    assert once.spec.delivery.dead_letter_sink.ref.namespace == "ns"


def test_a_kafka_channel_tells_unset_from_one_until_the_installation_decides() -> None:
    spec = parse(document("KafkaChannel")).spec
    assert (spec.num_partitions, spec.replication_factor, spec.retention_duration) == (None, None, "PT168H")
    spec = parse(document("KafkaChannel")).defaulted(Defaults(partitions=10, replication_factor=3)).spec
    assert (spec.num_partitions, spec.replication_factor) == (10, 3)
    spec = parse(document("KafkaChannel")).defaulted(Defaults()).spec
    assert (spec.num_partitions, spec.replication_factor) == (1, 1)


@pytest.mark.parametrize("version", ["v1beta1", "v1"])
def test_both_versions_of_a_kafka_channel_are_served(version: str) -> None:
    assert faults(document("KafkaChannel", {"numPartitions": 1}, version)) == []


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"numPartitions": 0}, "spec.numPartitions: 0 is less than 1, the least that works"),
        ({"replicationFactor": 40_000}, "spec.replicationFactor: 40000 is more than 32767, the most that works"),
        (
            {"retentionDuration": "P0D"},
            'spec.retentionDuration: "P0D" keeps no event at all; write for instance PT168H',
        ),
        ({"partitions": 3}, "spec.partitions: there is no such field; did you mean numPartitions?"),
        (
            {"subscribers": [{"uid": "u"}]},
            "spec.subscribers[0]: the subscriber has no address; write subscriberUri or replyUri",
        ),
        ({"subscribers": {"uid": "u"}}, 'spec.subscribers: a list is needed, not a mapping; begin each item with "- "'),
    ],
)
def test_a_wrong_kafka_channel_names_field_and_fix(spec: dict[str, Any], message: str) -> None:
    assert faults(document("KafkaChannel", spec)) == [message]


def test_a_user_does_not_list_the_subscribers_of_a_channel() -> None:
    listed = [{"uid": "u", "subscriberUri": "http://h"}]
    assert faults(document("Channel", {"subscribers": listed})) == [
        "spec.subscribers: a Channel does not list its subscribers; take it out and apply a Subscription for each subscriber"
    ]
    assert faults(document("KafkaChannel", {"subscribers": listed})) == []


def test_a_typo_inside_the_template_is_found_when_the_channel_is_applied() -> None:
    spec = {"channelTemplate": {**TEMPLATE, "spec": {"numPartition": 3, "replicationFactor": "1"}}}
    assert faults(document("Channel", spec)) == [
        'spec.channelTemplate.spec.replicationFactor: a whole number is needed, not the text "1"; write 1, without quotes',
        "spec.channelTemplate.spec.numPartition: there is no such field; did you mean numPartitions?",
    ]


def test_a_template_of_another_kind_is_taken_as_it_is() -> None:
    other = {"apiVersion": "messaging.knative.dev/v1", "kind": "InMemoryChannel", "spec": {"any": "thing"}}
    assert faults(document("Channel", {"channelTemplate": other})) == []


def test_all_of_a_channel_but_its_subscribers_is_immutable() -> None:
    fix = "delete the Channel and apply it anew to change it"
    assert changes("Channel", {"delivery": {"retry": 3}}, {"delivery": {"retry": 5, "timeout": "PT1S"}}) == [
        f"spec.delivery.retry: can't be changed once the resource is there: it is 3, not 5; {fix}",
        f'spec.delivery.timeout: can\'t be changed once the resource is there: it is unset, not "PT1S"; {fix}',
    ]
    assert changes(
        "Channel", {"channelTemplate": TEMPLATE}, {"channelTemplate": {**TEMPLATE, "spec": {"numPartitions": 2}}}
    ) == [f"spec.channelTemplate.spec: can't be changed once the resource is there: it is unset, not a mapping; {fix}"]


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("Channel", {}, {"channelTemplate": TEMPLATE}),
        ("KafkaChannel", {}, {"numPartitions": 1, "replicationFactor": 1, "retentionDuration": "PT168H"}),
        ("KafkaChannel", {"retentionDuration": "PT168H"}, {"retentionDuration": "P7D"}),
        ("KafkaChannel", {"delivery": {"retry": 3}}, {"delivery": {"retry": 5}}),
    ],
)
def test_a_default_that_is_written_out_is_no_change(kind: Any, old: dict[str, Any], new: dict[str, Any]) -> None:
    assert changes(kind, old, new) == []


def test_the_topic_of_a_kafka_channel_is_immutable() -> None:
    fix = "delete the KafkaChannel and apply it anew, which loses the events in its topic"
    new = {"numPartitions": 3, "replicationFactor": 2, "retentionDuration": "P1D"}
    assert changes("KafkaChannel", {}, new) == [
        f"spec.numPartitions: can't be changed once the resource is there: it is 1, not 3; {fix}",
        f"spec.replicationFactor: can't be changed once the resource is there: it is 1, not 2; {fix}",
        f'spec.retentionDuration: can\'t be changed once the resource is there: it is "PT168H", not "P1D"; {fix}',
    ]
    assert changes("KafkaChannel", {}, {"numPartitions": 3}, defaults=Defaults(partitions=3)) == []
