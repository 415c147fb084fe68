"""How sightings of event types get from the data plane to the controller: appended by a task of their own, now and then.

The controller makes the topic and reads it as a table (`eventing.kafka.librdkafka.table`); whoever writes needs no more than
the right to append.
"""

from __future__ import annotations

import asyncio

import structlog

from eventing.errors import EventingError
from eventing.kafka import Appender, appended
from eventing.plan.model import TopicSpec
from eventing.sightings import Sighting, Sightings, row

INTERVAL_S = 1.0
_log = structlog.get_logger("eventtypes")


def topic_spec(name: str, replicas: int) -> TopicSpec:
    """The topic of sightings."""
    return TopicSpec(name, 1, replicas, {"cleanup.policy": "compact"})


async def report(sightings: Sightings, appender: Appender, topic: str, interval_s: float = INTERVAL_S) -> None:
    """Append what is new, every `interval_s` seconds, until cancelled. What Kafka does not take is tried again."""
    failing = told_full = False
    while True:
        await asyncio.sleep(interval_s)
        errors = await _append(sightings, appender, topic)
        if errors and not failing:
            _log.warning("event types that were seen can't be noted yet", topic=topic, error=str(errors[0]))
        failing = bool(errors)
        if sightings.full and not told_full:
            told_full = True
            _log.warning("so many event types were seen that no further ones are noted in this process")


async def _append(sightings: Sightings, appender: Appender, topic: str) -> list[EventingError]:
    """Append all that waits; the errors of what could not be, which waits again."""
    taken = sightings.take()
    outcomes = await asyncio.gather(*(_one(appender, topic, one) for one in taken))
    errors = [error for error in outcomes if error is not None]
    sightings.put_back(one for one, error in zip(taken, outcomes, strict=True) if error is not None)
    return errors


async def _one(appender: Appender, topic: str, sighting: Sighting) -> EventingError | None:
    key, value = row(sighting)
    try:
        await appended(appender, topic, key, value, [])
    except EventingError as error:
        return error
    return None
