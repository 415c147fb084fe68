"""The walk with plain kubectl does what its README says: `kanal up` in one terminal, the lines of `walk.sh` in the other."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from kubectl_stand import KUBECTL
from readme_stand import EXAMPLES, ROOT, Displayed, displayed, reads, unfulfilled

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(KUBECTL is None, reason="kubectl is not on this machine")]
PATIENCE_S = 120.0
FOLDER = EXAMPLES / "kubectl"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DISPLAYS = ("event-display", "elsewhere")
DONE = "-- typed --"
NAMES = {
    "channel_topic": "{topic}.{{namespace}}.{{name}}",
    "subscription_group": "{topic}.{{uid}}",
    "dead_letter_topic": "{topic}.dead.{{name}}",
    "outcome_topic": "{topic}.outcomes",
    "plan_topic": "{topic}.plan",
    "resources_topic": "{topic}.resources",
}


def walk() -> list[str]:
    lines = (FOLDER / "walk.sh").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_readme_has_the_lines_of_the_script() -> None:
    _, *moves = moves_of((FOLDER / "README.md").read_text(encoding="utf-8"))
    assert "".join(typed for typed, _, _ in moves).splitlines() == walk()


async def test_the_walk_brings_what_the_readme_says(kafka: str, topic: str, tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    named = [part for name, value in NAMES.items() for part in ("--set", f"names.{name}={value.format(topic=topic)}")]
    (start, _, _), *moves = moves_of((FOLDER / "README.md").read_text(encoding="utf-8"))
    words = [*shlex.split(start), "--kafka", kafka, "--port", "0", "--api-port", "0", *named]
    async with terminal(words, environment) as up:
        variable, _, path = shlex.split(await up.until(lambda line: line.startswith("kubectl ")))[-1].partition("=")
        promised: list[Displayed] = []
        async with terminal(["bash", "-eu"], {**environment, variable: path}) as shell:
            for typed, output, events in moves:
                before = len(shell.lines)
                await shell.type(f"{typed}echo {DONE}\n")
                await shell.until(lambda line: line == DONE)
                assert reads(shell.lines[before:], output), shell.lines[before:]
                promised += events
                await up.until_all(promised)
        up.process.send_signal(signal.SIGINT)
        await up.until(lambda _: False, at_end=True)
        assert await up.process.wait() == 0, up.lines
    assert unfulfilled(promised, up.events) == ([], [])


def moves_of(text: str) -> list[tuple[str, list[str], list[Displayed]]]:
    """What is typed together, the output that is promised for it, and the events."""
    moves: list[tuple[str, list[str], list[Displayed]]] = []
    for sort, block in BLOCK.findall(text):
        if sort == "sh":
            moves.append((block, [], []))
        elif block.startswith("["):
            moves[-1][2].extend(displayed(block.splitlines()))
        else:
            moves[-1][1].extend(block.splitlines())
    return moves


class Terminal:
    """A program at work, what can be typed to it, and what it has printed so far."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []

    @property
    def events(self) -> list[Displayed]:
        """What the displays of which the README tells have shown."""
        return [one for one in displayed(self.lines) if one.display in DISPLAYS]

    async def type(self, text: str) -> None:
        """Type some lines."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        await self.process.stdin.drain()

    async def until(self, seen: Callable[[str], bool], *, at_end: bool = False) -> str:
        """Read on until such a line, which is the answer; the end of everything is an error unless it is waited for."""
        assert self.process.stdout is not None
        async for one in self.process.stdout:
            self.lines.append(one.decode().rstrip("\n"))
            if seen(self.lines[-1]):
                return self.lines[-1]
        assert at_end, "\n".join(self.lines)
        return ""

    async def until_all(self, promised: list[Displayed]) -> None:
        """Read on until these events have been shown."""
        while unfulfilled(promised, self.events)[0]:
            await self.until(lambda _: True)


@asynccontextmanager
async def terminal(words: list[str], environment: dict[str, str]) -> AsyncIterator[Terminal]:
    """A program that has ended when this is left."""
    process = await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=STDOUT, env=environment, limit=2**20
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield Terminal(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
