"""Topics and groups as Kafka describes them to a person who is about to take them over; nothing here changes any."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from eventing.kafka.librdkafka import client, errors
from eventing.settings import Kafka
from eventing.threads import answered


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic: how many partitions, and the fewest replicas that one of them has."""

    partitions: int
    replicas: int


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A group: who its members are, each by client id and host; none where there is no such group."""

    members: tuple[str, ...] = ()


class KafkaSurvey:
    """Asks a Kafka; every answer comes within the settings' request time-out. Raises as the ports of `eventing.kafka` do."""

    def __init__(self, settings: Kafka) -> None:
        self._client = client.made(AdminClient, client.admin(settings))
        self._timeout_s = settings.request_timeout_s

    async def topic(self, name: str) -> TopicFacts | None:
        """The topic; None where there is none of this name."""
        future = self._client.describe_topics(TopicCollection([name]), request_timeout=self._timeout_s)[name]
        try:
            found = (await answered(future)).partitions
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise errors.raised(error, f"topic {name}", topic=name) from error
        return TopicFacts(len(found), min((len(one.replicas) for one in found), default=0))

    async def group(self, name: str) -> GroupFacts:
        """The group as it is at the moment."""
        future = self._client.describe_consumer_groups([name], request_timeout=self._timeout_s)[name]
        try:
            members = (await answered(future)).members
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return GroupFacts()
            raise errors.raised(error, f"consumer group {name}") from error
        return GroupFacts(tuple(sorted(f"{one.client_id} at {one.host.lstrip('/')}" for one in members)))
