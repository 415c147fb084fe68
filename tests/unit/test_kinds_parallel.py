from typing import Any

import pytest
from kind_documents import faults, flow

from eventing.kinds.meta import Defaults
from eventing.kinds.parallel import Parallel
from eventing.kinds.registry import check_update, find, named, parse

SINK = {"uri": "http://a"}
SERVICE = {"ref": {"apiVersion": "v1", "kind": "Service", "name": "w"}}
TEMPLATE = {"apiVersion": "messaging.knative.dev/v1beta1", "kind": "KafkaChannel"}


def parallel(**spec: Any) -> dict[str, Any]:
    return flow("Parallel", {"branches": [{"subscriber": SINK}], **spec})


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [str(one) for one in check_update(parse(old), parse(new))]


def test_a_parallel_is_known_by_its_names() -> None:
    assert find("flows.knative.dev/v1", "Parallel") is Parallel
    assert named("parallels") == named("parallel.flows.knative.dev") == (Parallel,)
    assert Parallel in named("flows")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"branches": None},
            "spec.branches: the field is missing; add branches: the ways that each event takes, all of them",
        ),
        (
            {"branches": []},
            'spec.branches: the list is empty, so events would lead nowhere; begin one item with "- " below it',
        ),
        (
            {"branches": [{"subscriber": SINK}, {"filter": SINK}]},
            (
                "spec.branches[1].subscriber: the field is missing; "
                "add subscriber: where the events of this branch go, by ref or uri"
            ),
        ),
        (
            {"branches": [{"subscriber": SINK, "filter": {}}]},
            "spec.branches[0].filter: it leads nowhere; write a ref (for instance to a Service) or a uri",
        ),
        (
            {"branches": [{"subscriber": SINK, "filter": {"uri": "x"}}]},
            'spec.branches[0].filter.uri: "x" is no absolute URL; did you mean http://x?',
        ),
        (
            {"branches": [{"subscriber": {"ref": {"kind": "Service", "name": "x"}}}]},
            "spec.branches[0].subscriber.ref.apiVersion: the field is missing; add apiVersion: v1",
        ),
        (
            {"branches": [{"subscriber": SINK, "delivery": {"timeout": "1s"}}]},
            "spec.branches[0].delivery.timeout: ",
        ),
        (
            {"branches": [{"subscriber": SINK, "filters": SINK}]},
            "spec.branches[0].filters: there is no such field; did you mean filter?",
        ),
    ],
)
def test_a_wrong_parallel_names_field_and_fix(spec: dict[str, Any], message: str) -> None:
    assert faults(parallel(**spec))[0].startswith(message)


def test_an_empty_reply_is_none_of_the_branch_and_of_the_whole() -> None:
    spec = parse(parallel(branches=[{"subscriber": SINK, "reply": {}}], reply={})).spec
    assert (spec.reply, spec.branches[0].reply) == (None, None)


def test_a_parallel_without_a_template_is_carried_by_the_installations_channel() -> None:
    found = parse(parallel()).defaulted(Defaults(channel_spec={"numPartitions": 3}))
    assert found.spec.channel_template.document() == {**TEMPLATE, "spec": {"numPartitions": 3}}


def test_b43_references_without_a_namespace_get_the_parallels_and_others_keep_theirs() -> None:
    there = {"ref": {**SERVICE["ref"], "namespace": "ns2"}}
    for target, namespace in ((SERVICE, "ns1"), (there, "ns2")):
        whole = dict.fromkeys(("filter", "subscriber", "reply"), target) | {"delivery": {"deadLetterSink": target}}
        document = flow("Parallel", {"branches": [whole], "reply": target}, namespace="ns1")
        found = parse(document).defaulted(Defaults())
        branch = found.spec.branches[0]
        targets = [branch.filter, branch.subscriber, branch.reply, branch.delivery.dead_letter_sink, found.spec.reply]
        assert [one.ref.namespace for one in targets] == [namespace] * 5
        assert found.defaulted(Defaults()) == found


def test_a_parallel_printed_and_read_again_is_the_same() -> None:
    branch = {"filter": SERVICE, "subscriber": SINK, "reply": SERVICE, "delivery": {"retry": 2}}
    found = parse(parallel(branches=[branch, {"subscriber": SERVICE}], reply=SINK, channelTemplate=TEMPLATE))
    assert parse(found.document()) == found


def test_all_but_the_template_may_change() -> None:
    branch = {"filter": SERVICE, "subscriber": SINK, "reply": SERVICE, "delivery": {"retry": 2}}
    new = parallel(branches=[branch, {"subscriber": SERVICE}], reply=SINK, channelTemplate=TEMPLATE)
    assert changes(parallel(), new) == []
    assert changes(new, parallel()) == []


def test_the_template_is_immutable_and_the_fix_says_what_a_change_costs() -> None:
    other = {"apiVersion": "messaging.knative.dev/v1", "kind": "InMemoryChannel"}
    assert changes(parallel(), parallel(channelTemplate=other))[-1] == (
        'spec.channelTemplate.kind: can\'t be changed once the resource is there: it is "KafkaChannel", '
        'not "InMemoryChannel"; '
        "delete the Parallel and apply it anew; events that are still on their way in it are lost then"
    )
