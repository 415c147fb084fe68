"""When a client counts as lost: silence is not enough, a question without an answer is not enough, both for long are."""

from __future__ import annotations

import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from eventing.kafka.librdkafka.pulse import LOST_S, Lost, Pulse


class Client:
    """Answers or not, as it is told; each question takes a second of its own clock."""

    def __init__(self) -> None:
        self.answers = True
        self.asked: list[float] = []
        self.now = 100.0
        self.pulse = Pulse(self, clock=lambda: self.now)

    def list_topics(self, topic: str, timeout: float) -> object:
        assert topic == "t"
        self.asked.append(self.now)
        if not self.answers:
            self.now += timeout
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return object()

    def live(self, seconds: float, *, heard: bool = False) -> None:
        """What a thread does in this time that polls every 0.2 s."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.2
            if heard:
                self.pulse.beat()
            self.pulse.check("t")


def test_a_client_that_hears_something_is_asked_nothing() -> None:
    client = Client()
    client.answers = False
    client.live(10 * LOST_S, heard=True)
    assert client.asked == []


def test_a_quiet_client_that_gets_answers_is_asked_now_and_then_and_is_never_lost() -> None:
    client = Client()
    client.live(10 * LOST_S)
    assert 1 < len(client.asked) <= 15


def test_a_client_that_hears_nothing_and_gets_no_answer_is_lost() -> None:
    client = Client()
    client.answers = False
    with pytest.raises(Lost):
        client.live(10 * LOST_S)
    assert LOST_S <= client.now - 100.0 < LOST_S + 5
    assert len(client.asked) > 1


def test_an_outage_that_ends_before_that_costs_no_client() -> None:
    client = Client()
    for _ in range(5):
        client.answers = False
        client.live(LOST_S - 2)
        client.answers = True
        client.live(5)
        client.pulse.beat()
    assert client.asked


def test_a_longer_patience_is_kept() -> None:
    client = Client()
    client.pulse = Pulse(client, lost_s=45.0, clock=lambda: client.now)
    client.answers = False
    client.live(44.0)
    with pytest.raises(Lost):
        client.live(5.0)


def test_nobody_waits_for_the_end_of_a_lost_client_and_everybody_for_that_of_another() -> None:
    client = Client()
    ended: list[int] = []
    client.pulse.end(lambda: ended.append(threading.get_ident()))
    assert ended == [threading.get_ident()]
    client.answers = False
    with pytest.raises(Lost):
        client.live(10 * LOST_S)
    free, over = threading.Event(), threading.Event()

    def close() -> None:
        free.wait()
        over.set()

    client.pulse.end(close)
    assert not over.is_set()
    free.set()
    assert over.wait(30)
