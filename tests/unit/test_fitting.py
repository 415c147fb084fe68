"""The schema that `kanal send` holds its data against, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from control_stand import resources as read
from registry_stand import SCHEMA, event_type

from eventing.errors import Invalid
from eventing.event import Event
from kanal.fitting import check

URL = "http://127.0.0.1:8080/default/mesh"
FITS, MISFITS = b'{"id": 1}', b"{}"


def documents(text: str) -> list[dict[str, Any]]:
    return [one.document() for one in read(text)]


def event(data: bytes | None = MISFITS, type_: str = "t.a") -> Event:
    return Event({"type": type_, "source": "/s", "datacontenttype": "application/json"}, data)


def test_data_that_does_not_fit_names_the_entry_the_reason_and_the_way_round() -> None:
    with pytest.raises(Invalid) as caught:
        check(documents(event_type(schema=SCHEMA)), URL, event())
    assert str(caught.value) == (
        'EventType default/e1: data: it does not fit the schema of its type: "id" is a required property; '
        "correct it, or send it all the same with --no-check"
    )


@pytest.mark.parametrize(
    ("text", "url", "sent"),
    [
        (event_type(schema=SCHEMA), URL, event(FITS)),
        (event_type(schema=SCHEMA), URL, event(type_="t.b")),
        (event_type(schema=SCHEMA), "http://127.0.0.1:8080/default/other", event()),
        (event_type(schema=SCHEMA), "http://127.0.0.1:8080/other/mesh", event()),
        (event_type(schema=SCHEMA), "http://127.0.0.1:8080", event()),
        (event_type(), URL, event(None)),
        (event_type(schema=SCHEMA, at=None), URL, event()),
        (event_type(schema=SCHEMA, at=("Service", "mesh")), URL, event()),
        (event_type("a", schema=SCHEMA) + event_type("b", schema=True, source="/b"), URL, event()),
        ("", URL, event()),
    ],
)
def test_nothing_is_in_the_way_of_an_event_that_fits_or_has_no_schema(text: str, url: str, sent: Event) -> None:
    check(documents(text), url, sent)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (event_type(schema=SCHEMA), f"{URL}/"),
        (event_type(schema=SCHEMA), "https://events.example.com/default/mesh?x=1"),
        (event_type(schema=SCHEMA, at=("Channel", "c1")), "http://localhost:1/default/c1"),
        (event_type(schema=SCHEMA, namespace="other", place="default"), URL),
        (event_type(schema=SCHEMA, at=None).replace('"type"', '"broker": "mesh", "type"', 1), URL),
    ],
)
def test_an_address_is_known_by_its_path(text: str, url: str) -> None:
    with pytest.raises(Invalid):
        check(documents(text), url, event())
