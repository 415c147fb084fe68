"""Lets a contract's class name the event loops its tests run on: `loops = {"uvloop": uvloop.new_event_loop, ...}`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    loops: Mapping[str, Callable[[], asyncio.AbstractEventLoop]]
    loops = getattr(getattr(item, "cls", None), "loops", {"asyncio": asyncio.new_event_loop})
    return loops
