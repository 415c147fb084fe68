from typing import Any

import pytest
from kind_documents import document, faults

from eventing.errors import Invalid
from eventing.kinds.broker import Broker
from eventing.kinds.channel import Channel
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.meta import Resource
from eventing.kinds.registry import KINDS, InvalidResource, check_update, find, named, parse, title
from eventing.kinds.subscription import Subscription
from eventing.kinds.trigger import Trigger
from eventing.kinds.wording import either


@pytest.mark.parametrize(
    ("word", "kinds"),
    [
        ("channels", (Channel,)),
        ("Channel", (Channel,)),
        ("ch", (Channel,)),
        ("subs", (Subscription,)),
        ("sub", (Subscription,)),
        ("kc", (KafkaChannel,)),
        ("kch", (KafkaChannel,)),
        ("kafkachannel.messaging.knative.dev", (KafkaChannel,)),
        ("brokers.eventing.knative.dev", (Broker,)),
        ("triggers", (Trigger,)),
        ("messaging", (Channel, KafkaChannel, Subscription)),
        ("all", tuple(kind for kind in KINDS if kind is not ConfigMap)),
    ],
)
def test_a_kind_is_found_by_whatever_a_person_calls_it(word: str, kinds: tuple[type[Resource], ...]) -> None:
    assert named(word) == kinds


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("chanels", "did you mean channels?"),
        ("pods", f"the kinds are {either([kind.PLURAL for kind in KINDS], 'and')}"),
        ("channels.apps", "did you mean channels?"),
        ("", f"the kinds are {either([kind.PLURAL for kind in KINDS], 'and')}"),
    ],
)
def test_an_unknown_word_is_answered_with_the_known_ones(word: str, fix: str) -> None:
    with pytest.raises(Invalid) as caught:
        named(word)
    assert caught.value.fix == fix


def test_a_kind_is_found_by_its_version_and_name() -> None:
    assert find("messaging.knative.dev/v1beta1", "KafkaChannel") is KafkaChannel
    assert find("messaging.knative.dev/v1beta1", "Channel") is None
    assert find("v1", "Channel") is None


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        ({}, f"kind: the document does not say what kind it is; add kind: {either([kind.KIND for kind in KINDS])}"),
        ({"kind": "Chanel"}, 'kind: "Chanel" is not known; did you mean Channel?'),
        ({"kind": "subscription"}, 'kind: "subscription" is not known; did you mean Subscription?'),
        ({"kind": "Pod"}, f'kind: "Pod" is not known; the kinds are {either([kind.KIND for kind in KINDS], "and")}'),
        ({"kind": "Channel"}, "apiVersion: the field is missing; add apiVersion: messaging.knative.dev/v1"),
        (document("Channel", version="v2"), 'apiVersion: "messaging.knative.dev/v2" is not served for Channel; write'),
        (
            document("KafkaChannel", version="v1alpha1"),
            (
                'apiVersion: "messaging.knative.dev/v1alpha1" is not served for KafkaChannel; '
                "write messaging.knative.dev/v1beta1 or messaging.knative.dev/v1"
            ),
        ),
        (document("Channel") | {"spce": {}}, "spce: there is no such field; did you mean spec?"),
    ],
)
def test_a_document_that_is_no_resource_says_why(whole: dict[str, Any], message: str) -> None:
    (found,) = faults(whole)
    assert found.startswith(message)


def test_the_error_names_the_object_and_every_field() -> None:
    with pytest.raises(InvalidResource) as caught:
        parse(document("Channel", {"a": 1, "b": 2}, namespace="ns"))
    assert str(caught.value).startswith("Channel ns/x: spec.a: there is no such field")
    assert "; spec.b: there is no such field" in str(caught.value)
    assert [error.field for error in caught.value.errors] == ["spec.a", "spec.b"]


def test_a_null_is_a_field_that_is_not_there() -> None:
    assert faults(document("Channel", {"delivery": None}, labels=None, creationTimestamp=None)) == []


def test_the_title_of_a_document_tells_as_much_as_it_knows() -> None:
    assert title(document("Channel")) == "Channel default/x"
    assert [title(found) for found in ({"kind": "K"}, {"kind": 3}, [], {"kind": "K", "metadata": {"name": 3}})] == [
        "K",
        "",
        "",
        "K",
    ]


def test_a_resource_does_not_change_its_kind() -> None:
    old, new = parse(document("Channel")), parse(document("KafkaChannel"))
    assert [str(one) for one in check_update(old, new)] == ["kind: a Channel can't become a KafkaChannel"]
