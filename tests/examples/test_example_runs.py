"""Every example does what its README says: the commands and what they bring are read from there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from readme_stand import EXAMPLES, NAMES, ROOT, Displayed, Move, Readme, displayed, readme, reads, unfulfilled

from eventing.kinds.key import key_of
from eventing.manifest import combine, read

pytestmark = pytest.mark.kafka
PATIENCE_S = 40.0
INGRESS = "http://127.0.0.1:8080"
OWN_NAMES = {
    "channel_topic": "{topic}.{{namespace}}.{{name}}",
    "subscription_group": "{topic}.{{uid}}",
    "dead_letter_topic": "{topic}.dead.{{name}}",
    "broker_topic": "{topic}.broker.{{name}}",
    "trigger_group": "{topic}.trigger.{{name}}",
    "trigger_dead_letter_topic": "{topic}.dead-trigger.{{name}}",
    "event_types_topic": "{topic}.eventtypes",
    "outcome_topic": "{topic}.outcomes",
    "plan_topic": "{topic}.plan",
    "resources_topic": "{topic}.resources",
}
IN_WORDS = {"dead-letters": {"faulty": 7}}
"""By example: how many events a README promises at a display without showing them."""


class Running:
    """An example that runs, and what it has printed so far."""

    def __init__(self, process: Process, text: Readme) -> None:
        self._process = process
        self._text = text
        self.lines: list[str] = []

    @property
    def events(self) -> list[Displayed]:
        """What the displays of which the README tells have shown."""
        return [event for event in displayed(self.lines) if event.display in self._text.displays]

    async def until(self, seen: Callable[[], bool], what: str) -> None:
        """Read on until this is so."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not seen():
                    line = await self._process.stdout.readline()
                    assert line, "\n".join([f"it ended before: {what}", *self.lines])
                    self.lines.append(line.decode().rstrip("\n"))
        except TimeoutError:
            raise AssertionError("\n".join([f"this did not come: {what}", *self.lines])) from None

    async def line(self, beginning: str) -> str:
        """The first line with this beginning."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [line for line in self.lines if line.startswith(beginning)]
            return bool(found)

        await self.until(there, beginning)
        return found[0]

    async def stop(self) -> int:
        """End it as ctrl-C does; its exit code."""
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            rest = await self._process.stdout.read()
            self.lines += rest.decode().splitlines()
            return await self._process.wait()


class Terminal:
    """The other terminal: types commands of a README against the example that runs."""

    def __init__(self, ingress: str, server: str) -> None:
        self._ingress = ingress
        self._environment = {**os.environ, "KANAL_SERVER": server}

    async def type(self, words: list[str]) -> tuple[int, str]:
        """Run one command; its exit code and all that it said."""
        words = [word.replace(INGRESS, self._ingress) for word in words]
        process = await asyncio.create_subprocess_exec(
            *words, cwd=ROOT, stdout=PIPE, stderr=STDOUT, env=self._environment
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                out, _ = await process.communicate()
        finally:
            await end(process)
        return process.returncode or 0, out.decode()

    async def until(self, words: list[str], seen: Callable[[str], bool]) -> None:
        """Type a command until it says this: what an event comes to is known a moment after the event."""
        said = ""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not seen(said):
                    _, said = await self.type(words)
        except TimeoutError:
            raise AssertionError(f"{words} says only: {said}") from None


@asynccontextmanager
async def running(text: Readme, *options: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *text.start, *options, cwd=ROOT, stdout=PIPE, stderr=STDOUT, limit=2**20
    )
    try:
        yield Running(process, text)
    finally:
        await end(process)


async def end(process: Process) -> None:
    """Make sure that it runs no more, and that nothing of it is left open."""
    if process.returncode is None:
        process.kill()
        await process.communicate()


async def make(move: Move, terminal: Terminal, example: Running, promised: list[Displayed]) -> None:
    """Type what stands there, and see what should come of it."""
    *first, last = move.commands
    for command in first:
        code, said = await terminal.type(command)
        assert code == 0, said
    if move.output and "send" not in last:
        await terminal.until(last, lambda said: reads(said.splitlines(), move.output))
    else:
        code, said = await terminal.type(last)
        refused = bool(move.output) and move.output[0].startswith("kanal: ")
        assert (code != 0) == refused, said
        assert reads(said.splitlines(), move.output), said
    await example.until(lambda: not unfulfilled(promised, example.events)[0], f"all of {promised}")


def idle(said: str) -> bool:
    """Whether `kanal lag` says that nobody has anything left to do."""
    rows = json.loads(said or "[]")
    return bool(rows) and not any(row["lag"] or row["in_flight"] or row["waiting"] for row in rows)


def ready_lines(name: str) -> list[str]:
    """What `kanal up` says of each resource of an example, once it is ready."""
    manifest = combine([read(file.read_bytes(), str(file)) for file in (EXAMPLES / name).glob("*.yaml")])
    found = [located.resource for located in manifest.resources]
    return [f"ready     {key_of(one)}" for one in found if one.DEPENDENTS]


@pytest.mark.parametrize("name", NAMES)
async def test_an_example_does_what_its_readme_says_and_nothing_else(kafka: str, topic: str, name: str) -> None:
    own = [
        part for field, value in OWN_NAMES.items() for part in ("--set", f"names.{field}={value.format(topic=topic)}")
    ]
    text, promised = readme(name), list[Displayed]()
    async with running(text, "--kafka", kafka, "--port", "0", "--api-port", "0", *own) as example:
        ingress = (await example.line("ingress")).split()[1].removesuffix("/NAMESPACE/NAME")
        terminal = Terminal(ingress, (await example.line("state")).split()[-1])
        for line in ready_lines(name):
            await example.line(line)
        for move in text.moves:
            promised += move.events
            await make(move, terminal, example, promised)
        await terminal.until([".venv/bin/kanal", "lag", "-o", "json"], idle)
        assert await example.stop() == 0, example.lines
    assert unfulfilled(promised, example.events) == ([], [])
    everything = [event.display for event in displayed(example.lines)]
    assert {display: everything.count(display) for display in IN_WORDS.get(name, {})} == IN_WORDS.get(name, {})
    assert not [line for line in example.lines if "Traceback" in line]
