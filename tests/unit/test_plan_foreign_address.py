"""Anything at all may stand in the status of somebody else's object: what is no URL for events is told of, and stops nobody."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from control_stand import channel, condition, key, stored, subscription

from controller.backoff import Backoff
from controller.cluster.subscribers import Subscribers
from eventing.kinds.key import Key
from eventing.kinds.subscribable import SubscriberSpec
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.options import Foreign, Options, Snapshot

FOO = "{ref: {apiVersion: foo.dev/v1, kind: Foo, name: f, address: tls}, uri: /x}"
UNUSABLE = ["tcp://dls:1", "http://user@dls/", "http://dls/ä", "http://dls:99999/", "http://a b/", "http://[::1/"]


async def compiled(url: str, text: str) -> Compiled:
    """What comes of the text where the one object of a foreign kind has this address, which is called `tls` too."""
    status: Mapping[str, Any] = {"addresses": [{"name": "tls", "url": url}]}
    options = Options(in_cluster=True)
    store = await stored(text)
    for child in compile_plan(Snapshot(store.list(), options)).children:
        await store.apply(child)
    elsewhere = {Key("foo.dev", "Foo", "default", "f"): Foreign(url, status)}
    return compile_plan(Snapshot(store.list(), options, elsewhere=elsewhere))


@pytest.mark.parametrize("url", UNUSABLE)
@pytest.mark.parametrize("ref", [FOO, FOO.replace(", address: tls", "").replace(", uri: /x", "")])
async def test_an_address_that_no_event_can_go_to_is_told_of_and_the_entry_is_left_out(url: str, ref: str) -> None:
    more = "delivery: {deadLetterSink: " + ref + "}"
    made = await compiled(url, channel() + subscription(more=more) + subscription("s2"))
    assert [one.name for one in made.plan.egresses.values()] == ["s2"]
    (entry,) = made.subscribers[key("KafkaChannel", "c1")]
    assert SubscriberSpec.model_validate(entry).name == "s2"
    status, _, message = condition(made.statuses[key("Subscription", "s1")], "ReferencesResolved")
    assert status == "False"
    assert "Foo default/f has an address that can't be used" in message


async def test_a_usable_one_is_used() -> None:
    made = await compiled("https://dls/y", channel() + subscription(to=FOO))
    assert [one.subscriber for one in made.plan.egresses.values()] == ["https://dls/x"]


async def test_a_list_that_a_spec_does_not_take_holds_up_no_other_channel() -> None:
    store = await stored(channel("c1") + channel("c2"))
    for child in compile_plan(Snapshot(store.list())).children:
        await store.apply(child)
    bad: dict[str, Any] = {"uid": "1", "subscriberUri": "http://s", "delivery": {"deadLetterSink": {"uri": "tcp://x"}}}
    wanted = {
        key("KafkaChannel", "c1"): (bad,),
        key("KafkaChannel", "c2"): ({"uid": "2", "subscriberUri": "http://s"},),
    }
    assert await Subscribers(store, Backoff(time.monotonic)).keep(wanted)
    written = {
        one.metadata.name: one.spec.document().get("subscribers") for one in store.list() if one.KIND == "KafkaChannel"
    }
    assert not written["c1"]
    assert written["c2"] == [{"uid": "2", "subscriberUri": "http://s"}]
