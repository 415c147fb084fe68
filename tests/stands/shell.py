"""`kanal` verbs typed against a stack, each in a process of its own, answered by the API that a controller serves."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from answering import KANAL
from stack import PATIENCE_S, Stack

from eventing.kafka.librdkafka.scanner import KafkaScanner
from kanal.api.app import api
from kanal.api.operations import operations
from kanal.roles.common import Clients
from kanal.roles.insight import looking
from kanal.serve import serving


class Shell:
    """Types `kanal` verbs."""

    def __init__(self, stack: Stack, server: str) -> None:
        self._stack = stack
        self._server = server

    async def __call__(self, *words: str, code: int = 0, answer: str = "") -> str:
        """Run one verb in the stack's namespace; what it printed, or why it failed."""
        process = await self.start(*words)
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate(answer.encode())
        assert process.returncode == code, (out, err)
        return (err if code else out).decode()

    async def start(self, *words: str) -> Process:
        """Start one verb in the stack's namespace."""
        pipes = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE}
        return await asyncio.create_subprocess_exec(
            KANAL, *words, "-n", self._stack.ns, "--server", self._server, **pipes
        )

    async def until(self, *words: str, says: str) -> str:
        """Type a verb again and again until it prints this; all that it printed then."""
        printed = ""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while says not in printed:
                    printed = await self(*words)
        except TimeoutError:
            raise AssertionError(f"{says!r} is not in: {printed}") from None
        return printed


@asynccontextmanager
async def shell(stack: Stack) -> AsyncIterator[Shell]:
    """A shell for this stack, with every route that operations and insight have."""
    scanner = KafkaScanner(stack.settings.kafka)
    try:
        insight = looking(stack.settings, stack.controller, Clients(stack.appender, stack.admin, scanner))
        routes = [operations(stack.operations), insight]
        served = api(stack.store, ready=lambda: True, metrics=lambda: (b"text/plain", b""), routers=routes)
        async with serving(served, "127.0.0.1", 0, what="test") as port:
            yield Shell(stack, f"http://127.0.0.1:{port}")
    finally:
        await scanner.aclose()
