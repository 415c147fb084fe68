"""What is noted of event types: little, once, and never at the price of an event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.sightings import LONGEST, Sighting, Sightings, row, sighting

PLACE = ("Broker", "default", "mesh")


def event(type_: str = "t.a", source: str = "/s", **more: str) -> dict[str, str]:
    return {"type": type_, "source": source, "id": "1", **more}


def test_a_type_is_noted_once_however_often_it_comes() -> None:
    seen = Sightings()
    for number in range(3):
        seen.note(*PLACE, event(id=str(number)))
    assert seen.take() == [Sighting(*PLACE, "t.a", "/s")]
    seen.note(*PLACE, event())
    assert seen.take() == []


def test_another_type_source_or_place_is_another_sighting() -> None:
    seen = Sightings()
    seen.note(*PLACE, event(dataschema="urn:a"))
    seen.note(*PLACE, event("t.b"))
    seen.note(*PLACE, event(source="/other"))
    seen.note("Trigger", "default", "mesh", event())
    assert seen.take() == [
        Sighting(*PLACE, "t.a", "/s", "urn:a"),
        Sighting(*PLACE, "t.b", "/s"),
        Sighting(*PLACE, "t.a", "/other"),
        Sighting("Trigger", "default", "mesh", "t.a", "/s"),
    ]


def test_a_process_knows_so_many_types_and_no_more() -> None:
    seen = Sightings(known=3)
    for number in range(10):
        seen.note(*PLACE, event(f"t.{number}"))
    assert [one.type for one in seen.take()] == ["t.0", "t.1", "t.2"]
    assert seen.full
    seen.note(*PLACE, event("t.new"))
    assert seen.take() == []


def test_what_finds_the_queue_full_is_noted_when_it_comes_again() -> None:
    seen = Sightings(waiting=2)
    for _ in range(2):
        for number in range(4):
            seen.note(*PLACE, event(f"t.{number}"))
        assert len(seen.take()) == 2
    assert not seen.full


def test_what_could_not_be_handed_on_comes_first_the_next_time() -> None:
    seen = Sightings()
    seen.note(*PLACE, event())
    taken = seen.take()
    seen.note(*PLACE, event("t.b"))
    seen.put_back(taken)
    assert [one.type for one in seen.take()] == ["t.a", "t.b"]


def test_a_monster_of_a_name_is_left_out() -> None:
    seen = Sightings()
    long = "x" * (LONGEST + 1)
    for attributes in (event(long), event(source=long), event("t.b", dataschema=f"urn:{long}")):
        seen.note(*PLACE, attributes)
    assert seen.take() == [Sighting(*PLACE, "t.b", "/s")]


@given(st.builds(Sighting, *[st.text(st.characters(codec="utf-8"))] * 6))
def test_a_sighting_survives_its_row(found: Sighting) -> None:
    key, value = row(found)
    assert sighting(key.decode(), value) == found


def test_rows_of_the_same_sighting_have_the_same_key() -> None:
    assert row(Sighting(*PLACE, "t", "/s", "urn:a"))[0] == row(Sighting(*PLACE, "t", "/s", "urn:b"))[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("", b"{}"),
        ("{", b"{}"),
        ("[]", b"{}"),
        ('["a","b","c","d"]', b"{}"),
        ('["a","b","c","d",5]', b"{}"),
        ('["a","b","c","d","e"]', b""),
        ('["a","b","c","d","e"]', b"[]"),
        ('["a","b","c","d","e"]', b'{"dataschema":5}'),
        ("5", b"{}"),
    ],
)
def test_a_row_that_tells_nothing_is_passed_over(key: str, value: bytes) -> None:
    assert sighting(key, value) is None
