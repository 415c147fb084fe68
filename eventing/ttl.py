"""`knativebrokerttl`: how often an event may still pass through brokers (behaviour §5, "Loops").

Opt-in for each broker. Whoever sends may not know of it: an event without the attribute gets the broker's limit.
"""

from __future__ import annotations

from eventing.errors import Invalid
from eventing.event import Event

ATTRIBUTE = "knativebrokerttl"
MOST = 255


def entering(event: Event, limit: int) -> Event:
    """The event as it enters a broker with this limit, one pass fewer left.

    Raises `Invalid` where none is left, or where what stands there is no number.
    """
    text = event.attributes.get(ATTRIBUTE)
    if text is None:
        return event.extended(**{ATTRIBUTE: str(limit)})
    left = int(text) - 1 if text.isascii() and text.isdigit() and len(text) <= 9 else -1
    if left <= 0:
        fix = "look for triggers that send each other's replies in a circle"
        raise Invalid(
            f"the event has passed through brokers too often (the value is {text[:20]!r})", field=ATTRIBUTE, fix=fix
        )
    return event.extended(**{ATTRIBUTE: str(min(left, limit))})


def leaving(event: Event) -> Event:
    """The event without the attribute, as a subscriber gets it."""
    if ATTRIBUTE not in event.attributes:
        return event
    return Event({name: value for name, value in event.attributes.items() if name != ATTRIBUTE}, event.data)


def passed_on(event: Event, reply: Event) -> Event:
    """The reply with the passes that its event had left; what the subscriber itself put there counts for nothing."""
    left = event.attributes.get(ATTRIBUTE)
    return leaving(reply) if left is None else reply.extended(**{ATTRIBUTE: left})
