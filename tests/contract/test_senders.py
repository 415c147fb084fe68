"""Both senders against the one contract; the lean one on both event loops."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from sender_answers import BrokenAnswerCases, ReadingCases, WritingCases
from sender_connections import KeepAliveCases, PoolCases, StaleCases
from sender_endings import CancellationCases, ClosingCases, TimeoutCases, TlsCases, authorities

from eventing.http import Sender
from eventing.http.lean import LeanSender
from eventing.http.reference import ReferenceSender

__all__ = ["authorities"]


class SenderContract(
    WritingCases,
    ReadingCases,
    BrokenAnswerCases,
    KeepAliveCases,
    StaleCases,
    PoolCases,
    TimeoutCases,
    CancellationCases,
    ClosingCases,
    TlsCases,
):
    """Every case."""


class TestLean(SenderContract):
    adapter = LeanSender
    loops = {"asyncio": asyncio.new_event_loop}


class TestLeanOnUvloop(SenderContract):
    adapter = LeanSender
    loops = {"uvloop": uvloop.new_event_loop}

    async def test_an_unknown_name_is_a_failure(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.skip("uvloop resolves names in C; nothing to replace")

    async def test_a_name_is_resolved_for_each_connection(
        self, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.skip("uvloop resolves names in C; nothing to replace")


class TestReference(SenderContract):
    """What aiohttp does otherwise is its own way, and a reason to have a sender of our own."""

    adapter = ReferenceSender

    @pytest.mark.xfail(reason="aiohttp sends a request again although its answer had begun")
    async def test_a_request_whose_answer_began_is_not_sent_again(self, sender: Sender) -> None:
        await super().test_a_request_whose_answer_began_is_not_sent_again(sender)

    @pytest.mark.xfail(reason="aiohttp takes 101 for an answer")
    async def test_switching_protocols_is_a_failure(self, sender: Sender) -> None:
        await super().test_switching_protocols_is_a_failure(sender)

    @pytest.mark.xfail(reason="aiohttp sends a request again although its answer had begun")
    async def test_failures_give_their_place_back(self, sender: Sender) -> None:
        await super().test_failures_give_their_place_back(sender)
