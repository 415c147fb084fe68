"""`knativebrokerttl`: a broker counts down, a subscriber sees nothing of it."""

from __future__ import annotations

import pytest

from eventing import ttl
from eventing.errors import Invalid
from eventing.event import Event

BARE = Event({"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}, b"x")


def having(left: str) -> Event:
    return BARE.extended(knativebrokerttl=left)


def test_an_event_that_enters_for_the_first_time_gets_the_limit_of_the_broker() -> None:
    assert ttl.entering(BARE, 7) == having("7")


@pytest.mark.parametrize(("left", "then"), [("7", "6"), ("2", "1"), ("900", "255")])
def test_each_pass_takes_one_and_nothing_has_more_than_the_limit(left: str, then: str) -> None:
    assert ttl.entering(having(left), 255) == having(then)


@pytest.mark.parametrize("left", ["1", "0", "-1", "", "many", "1.5", "٣", "9" * 5000])
def test_what_has_no_pass_left_or_says_no_number_is_refused_with_the_attribute_and_a_way_out(left: str) -> None:
    with pytest.raises(Invalid, match="circle") as caught:
        ttl.entering(having(left), 255)
    assert caught.value.field == "knativebrokerttl"
    assert len(str(caught.value)) < 300


def test_a_subscriber_gets_the_event_as_it_was_sent() -> None:
    assert ttl.leaving(having("7")) == BARE
    assert ttl.leaving(BARE) is BARE


@pytest.mark.parametrize("claimed", [None, "255"])
def test_a_reply_goes_on_with_the_passes_of_its_event_whatever_it_claims(claimed: str | None) -> None:
    reply = BARE if claimed is None else having(claimed)
    assert ttl.passed_on(having("3"), reply) == having("3")
    assert ttl.passed_on(BARE, reply) == BARE


def test_a_circle_of_one_trigger_ends_after_as_many_passes_as_the_limit_says() -> None:
    event = ttl.entering(BARE, 5)
    for _ in range(4):
        event = ttl.entering(ttl.passed_on(event, BARE), 5)
    with pytest.raises(Invalid):
        ttl.entering(ttl.passed_on(event, BARE), 5)
