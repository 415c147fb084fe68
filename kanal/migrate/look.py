"""What Kafka says of the topics and groups that are to be taken over. It is asked and never told anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from eventing.errors import EventingError
from eventing.kafka import Admin
from eventing.kafka.librdkafka.admin import KafkaAdmin
from eventing.kafka.librdkafka.survey import GroupFacts, KafkaSurvey, TopicFacts
from eventing.settings import Kafka
from kanal.migrate.held import Held
from kanal.migrate.sight import GroupSeen, Sight, TopicSeen

AT_ONCE = 8


class Survey(Protocol):
    """Describes topics and groups."""

    async def topic(self, name: str) -> TopicFacts | None:
        """The topic; None where there is none."""

    async def group(self, name: str) -> GroupFacts:
        """The group; without members where there is none."""


class Eye:
    """Looks into a Kafka."""

    def __init__(self, survey: Survey, admin: Admin) -> None:
        self._survey = survey
        self._admin = admin
        self._limit = asyncio.Semaphore(AT_ONCE)

    async def look(self, topics: Iterable[Held], groups: Iterable[Held]) -> Sight:
        """All of these. Raises where Kafka does not answer at all; a group that can't be read says so itself."""
        names = sorted({one.topic for one in topics if one.topic})
        found = dict(zip(names, await asyncio.gather(*(self._topic(name) for name in names)), strict=True))
        pairs = sorted(
            {
                (name, one.topic)
                for one in groups
                for name in (one.group, one.instead)
                if name and found.get(one.topic) is not None
            }
        )
        seen = await asyncio.gather(*(self._group(*pair) for pair in pairs))
        return Sight(found, dict(zip(pairs, seen, strict=True)))

    async def _topic(self, name: str) -> TopicSeen | None:
        async with self._limit:
            found = await self._survey.topic(name)
        return None if found is None else TopicSeen(found.partitions, found.replicas)

    async def _group(self, group: str, topic: str) -> GroupSeen:
        async with self._limit:
            try:
                members = (await self._survey.group(group)).members
                # The ends come after the marks, else what is finished in between would count as less than nothing.
                marks = await self._admin.marks(group, topic)
                return GroupSeen(members, marks, await self._admin.spans(topic))
            except EventingError as error:
                return GroupSeen(error=str(error))


@asynccontextmanager
async def opened(settings: Kafka) -> AsyncIterator[Eye]:
    """An eye on the Kafka of the settings, while inside."""
    admin = KafkaAdmin(settings)
    try:
        yield Eye(KafkaSurvey(settings), admin)
    finally:
        await admin.aclose()
