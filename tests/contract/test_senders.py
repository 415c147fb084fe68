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
    adapter = ReferenceSender
