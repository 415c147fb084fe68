from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kind_documents import faults, flow

from eventing.kinds.meta import Defaults
from eventing.kinds.registry import check_update, find, named, parse
from eventing.kinds.sequence import Sequence

STEP = {"uri": "http://a"}
SERVICE = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "w"}}
TEMPLATE = {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel"}


def sequence(**spec: Any) -> dict[str, Any]:
    return flow("Sequence", {"steps": [STEP], **spec})


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [str(one) for one in check_update(parse(old), parse(new))]


def test_a_sequence_is_known_by_its_names() -> None:
    assert find("flows.knative.dev/v1", "Sequence") is Sequence
    assert named("sequences") == named("sequence.flows.knative.dev") == (Sequence,)
    assert Sequence in named("flows")
    assert Sequence in named("all")


def test_a_step_is_a_destination_with_a_delivery_in_it() -> None:
    step = {**SERVICE, "uri": "/path", "delivery": {"retry": 3, "deadLetterSink": STEP}}
    (found,) = parse(sequence(steps=[step])).spec.steps
    assert (found.ref.name, found.uri, found.delivery.retry) == ("w", "/path", 3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"steps": None},
            "spec.steps: the field is missing; add steps: who handles the events, in this order; each by ref or uri",
        ),
        (
            {"steps": []},
            'spec.steps: the list is empty, so events would lead nowhere; begin one item with "- " below it',
        ),
        (
            {"steps": [STEP, {"ref": {"kind": "Service", "name": "x"}}]},
            "spec.steps[1].ref.apiVersion: the field is missing; add apiVersion: v1",
        ),
        (
            {"steps": [STEP, {"delivery": {"retry": 1}}]},
            "spec.steps[1]: it leads nowhere; write a ref (for instance to a Service) or a uri",
        ),
        (
            {"steps": [{**STEP, "delivery": {"retry": -1}}]},
            "spec.steps[0].delivery.retry: -1 is less than 0, the least that works",
        ),
        (
            {"steps": [STEP, {**STEP, "retry": 3}]},
            "spec.steps[1].retry: there is no such field; did you mean spec.steps.delivery.retry?",
        ),
        (
            {"steps": [{"subscriber": STEP}]},
            "spec.steps[0].subscriber: there is no such field; the fields here are ref, uri, CACerts, audience and delivery",
        ),
        (
            {"reply": {"uri": "/y"}},
            'spec.reply.uri: "/y" is no absolute URL; write for instance http://host:8080/path, or a ref beside it',
        ),
        (
            {"channelTemplate": {**TEMPLATE, "spec": {"partitions": 3}}},
            "spec.channelTemplate.spec.partitions: there is no such field; did you mean numPartitions?",
        ),
    ],
)
def test_a_wrong_sequence_names_field_and_fix(spec: dict[str, Any], message: str) -> None:
    assert faults(sequence(**spec))[0] == message


def test_an_empty_reply_is_none() -> None:
    assert parse(sequence(reply={})).spec.reply is None


def test_a_sequence_without_a_template_is_carried_by_the_installations_channel() -> None:
    found = parse(sequence()).defaulted(Defaults(channel_spec={"numPartitions": 3}))
    assert found.spec.channel_template.document() == {**TEMPLATE, "spec": {"numPartitions": 3}}


def test_b43_references_without_a_namespace_get_the_sequences_and_others_keep_theirs() -> None:
    there = {"ref": {**SERVICE["ref"], "namespace": "ns2"}}
    for target, namespace in ((SERVICE, "ns1"), (there, "ns2")):
        steps = [{**target, "delivery": {"deadLetterSink": target}}]
        found = parse(flow("Sequence", {"steps": steps, "reply": target}, namespace="ns1")).defaulted(Defaults())
        step, reply = found.spec.steps[0], found.spec.reply
        refs = [step.ref, step.delivery.dead_letter_sink.ref, reply.ref]
        assert [ref.namespace for ref in refs] == [namespace] * 3
        assert found.defaulted(Defaults()) == found


def test_a_sequence_printed_and_read_again_is_the_same() -> None:
    found = parse(sequence(steps=[{**SERVICE, "delivery": {"retry": 1}}], reply=STEP, channelTemplate=TEMPLATE))
    assert parse(found.document()) == found


def test_all_but_the_template_may_change() -> None:
    new = sequence(steps=[SERVICE, {**STEP, "delivery": {"retry": 3}}], reply=STEP, channelTemplate=TEMPLATE)
    assert changes(sequence(), new) == []
    assert changes(new, sequence()) == []


def test_the_template_is_immutable_and_the_fix_says_what_a_change_costs() -> None:
    before, after = ({**TEMPLATE, "spec": {"numPartitions": n}} for n in (1, 2))
    assert changes(sequence(channelTemplate=before), sequence(channelTemplate=after)) == [
        "spec.channelTemplate.spec.numPartitions: can't be changed once the resource is there: it is 1, not 2; delete the Sequence and apply it anew; events that are still on their way in it are lost then"
    ]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_a_step_or_a_reply_of_any_shape_is_a_finding_and_no_crash(value: object) -> None:
    found = faults(flow("Sequence", {"steps": [value], "reply": value, "channelTemplate": value}))
    assert any(one.startswith("spec.steps[0]") for one in found)
    assert all(map(str, found))
