"""What a subscriber gets when a dead letter is sent again: the event as it was, and that it is not the first time."""

from __future__ import annotations

from eventing.event import Event

COUNT = "kanalredelivered"
ERROR = ("knativeerrordest", "knativeerrorcode", "knativeerrordata")
_GRIEF = frozenset({*ERROR, "kanalreason", "kanalattempts", "kanalfirstattempt", "kanallastattempt"})


def redelivered(letter: Event) -> Event:
    """The event of a dead letter without what was said of its failure; `kanalredelivered` counts, from 1."""
    attributes = {name: value for name, value in letter.attributes.items() if name not in _GRIEF}
    before = attributes.get(COUNT, "")
    return Event({**attributes, COUNT: str(int(before) + 1 if before.isdecimal() else 1)}, letter.data)
