"""The same question at the end of every scenario: is everything there that was promised, in order, and not too often?

Every id that was answered 202 was delivered at least once or lies in the dead letters; a key's first arrivals are in
order; no more duplicates than the disturbances explain; nothing is left in the group's lag.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from reading import watermarks

if TYPE_CHECKING:
    from chaos_load import Load
    from chaos_stand import Stand
    from chaos_subscriber import Subscriber

_ASK_S = 10.0


@dataclass(frozen=True)
class Account:
    """What came of a load. Lists hold ids, or sentences about them."""

    sent: int
    accepted: int
    delivered: int
    dead: int
    duplicates: int
    lost: list[str]
    invented: list[str]
    violations: list[str]
    strange: list[str]
    lag: int
    answers: str
    seed: int

    def __str__(self) -> str:
        rows = [
            ("sent", self.sent),
            ("accepted", self.accepted),
            ("delivered", self.delivered),
            ("dead letters", self.dead),
            ("duplicates", self.duplicates),
            ("lost", _some(self.lost)),
            ("not sent by us", _some(self.invented)),
            ("order violations", _some(self.violations)),
            ("other answers", _some(self.strange)),
            ("lag", self.lag),
            ("answers", self.answers),
            ("seed", self.seed),
        ]
        return "\n".join(f"{label:18}{value}" for label, value in rows)

    @property
    def good(self) -> bool:
        """Whether every promise was kept, duplicates apart."""
        return not (self.lost or self.invented or self.violations or self.strange or self.lag)

    def check(self, most_duplicates: int) -> None:
        """Fail unless every promise was kept, with at most so many duplicates."""
        print(f"\n{self}\n{'duplicates allowed':18}{most_duplicates}")
        assert self.accepted > 0, f"nothing was accepted\n{self}"
        assert self.good, f"a promise was broken\n{self}"
        assert self.duplicates <= most_duplicates, f"more than {most_duplicates} duplicates\n{self}"


async def account(
    stand: Stand, subscriber: Subscriber, *loads: Load, name: str = "s1", patience_s: float = 45.0
) -> Account:
    """Wait until everything has ended, and add up what is so; what has not ended by then is in the sums."""
    ids = set().union(*(load.ids for load in loads))
    began = set().union(*(load.began for load in loads))
    unclear = sum((load.unclear for load in loads), Counter[str]())
    answers = sum((load.answers for load in loads), Counter[int | str]())
    dead: set[str] = set()
    lag = -1
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            while lag:
                missing = ids - subscriber.delivered.keys() - dead
                if missing:
                    dead = await asyncio.to_thread(_ids_in, stand.bootstrap, stand.dead_letter_topic(name))
                    await asyncio.sleep(0.2)
                else:
                    lag = await asyncio.to_thread(_lag, stand.bootstrap, stand.group(name), stand.topic)
    dead = await asyncio.to_thread(_ids_in, stand.bootstrap, stand.dead_letter_topic(name))
    if lag == -1:
        lag = await asyncio.to_thread(_lag, stand.bootstrap, stand.group(name), stand.topic)
    # An attempt without a clear answer may have stored the event once more: its second delivery is the sender's doing.
    copies = {id_: 1 + unclear[id_] for id_ in began}
    return Account(
        sent=len(began),
        accepted=len(ids),
        delivered=len(subscriber.delivered),
        dead=len(dead),
        duplicates=sum(max(times - copies.get(id_, 1), 0) for id_, times in subscriber.delivered.items()),
        lost=sorted(ids - subscriber.delivered.keys() - dead),
        invented=sorted(subscriber.attempts.keys() - began),
        violations=subscriber.violations,
        strange=[text for load in loads for text in load.strange],
        lag=lag,
        answers=", ".join(f"{count} times {answer}" for answer, count in answers.most_common()),
        seed=stand.seed,
    )


def _lag(bootstrap: str, group: str, topic: str) -> int:
    """Records behind the committed offsets, -1 where Kafka does not say."""
    consumer = _reader(bootstrap, group)
    try:
        spans = watermarks(consumer, topic)
        committed = consumer.committed([TopicPartition(topic, p) for p in spans], timeout=_ASK_S)
        total = 0
        for one in committed:
            first, end = spans[one.partition]
            total += end - (one.offset if one.offset >= 0 else first)
    except KafkaException:
        return -1
    finally:
        consumer.close()
    return total


def _ids_in(bootstrap: str, topic: str) -> set[str]:
    """The ids of all events in a topic, none where there is no such topic."""
    consumer = _reader(bootstrap, "chaos-reads")
    try:
        ends = {p: end for p, (_, end) in watermarks(consumer, topic).items()}
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p, end in ends.items() if end])
        ids: set[str] = set()
        open_ = {p for p, end in ends.items() if end}
        while open_:
            for message in consumer.consume(500, 1.0):
                if message.error() is None:
                    ids.update(value.decode() for key, value in message.headers() or [] if key == "ce_id")
                    if message.offset() + 1 >= ends[message.partition()]:
                        open_.discard(message.partition())
    except KafkaException:
        return set()
    finally:
        consumer.close()
    return ids


def _reader(bootstrap: str, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "allow.auto.create.topics": False,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )


def _some(entries: list[str]) -> str:
    return f"{len(entries)}{': ' if entries else ''}{', '.join(entries[:10])}"
