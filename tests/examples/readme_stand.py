"""What a README of `examples/` says: the command that starts the example, and what one types then and sees.

A block of `sh` is commands; the block of `text` behind it is what they bring: events at displays where it begins with `[`, else
the output of the last command. `...` stands for anything.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NAMES = sorted(page.parent.name for page in EXAMPLES.glob("*/README.md") if not (page.parent / "walk.sh").exists())
"""Those that run their own files; what is a walk with another tool has a test of its own."""
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DISPLAYED = re.compile(r"\[([^\]]+)\] .*cloudevents\.Event$")


@dataclass(frozen=True, slots=True)
class Displayed:
    """An event as a display prints it, or as a README shortens that."""

    display: str
    lines: tuple[str, ...]

    def shows(self, promised: Displayed) -> bool:
        """Whether this is what was promised."""
        return self.display == promised.display and reads(self.lines, promised.lines)


@dataclass(frozen=True, slots=True)
class Move:
    """What one types, and what one sees then: events, or an output of the last command."""

    commands: list[list[str]]
    events: list[Displayed]
    output: list[str]


@dataclass(frozen=True, slots=True)
class Readme:
    """One README."""

    start: list[str]
    moves: list[Move]

    @property
    def displays(self) -> set[str]:
        """The displays of which it tells every event."""
        return {event.display for move in self.moves for event in move.events}


def readme(name: str) -> Readme:
    """The README of an example."""
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    moves: list[Move] = []
    for kind, block in _BLOCK.findall(text):
        if kind == "sh":
            commands = [shlex.split(line) for line in block.replace("\\\n", "").splitlines()]
            moves.append(Move(commands, [], []))
        elif block.startswith("["):
            moves[-1].events.extend(displayed(block.splitlines()))
        else:
            moves[-1].output.extend(block.splitlines())
    ((start,), *_) = (move.commands for move in moves)
    return Readme(start, moves[1:])


def displayed(lines: Iterable[str]) -> list[Displayed]:
    """The events in what displays have printed; each ends with an empty line."""
    found: list[tuple[str, list[str]]] = []
    inside = False
    for line in lines:
        begins = _DISPLAYED.match(line)
        if begins:
            found.append((begins[1], []))
        elif inside and line:
            found[-1][1].append(line)
        inside = bool(begins) or (inside and bool(line))
    return [Displayed(display, tuple(inner)) for display, inner in found]


def reads(lines: Sequence[str], promised: Sequence[str]) -> bool:
    """Whether these lines have the promised ones among them, in this order; spaces in a row count as one."""
    wanted = [_pattern(line) for line in promised if line.strip() != "..."]
    left = iter(lines)
    return all(any(pattern.fullmatch(" ".join(line.split())) for line in left) for pattern in wanted)


def unfulfilled(promised: Sequence[Displayed], seen: Sequence[Displayed]) -> tuple[list[Displayed], list[Displayed]]:
    """The promises that nothing fulfils, and what was seen beyond them."""
    open_, left = [], list(seen)
    for promise in promised:
        match = next((event for event in left if event.shows(promise)), None)
        if match is None:
            open_.append(promise)
        else:
            left.remove(match)
    return open_, left


def _pattern(line: str) -> re.Pattern[str]:
    words = [re.escape(part) for part in re.split(r"\.\.\.", " ".join(line.split()))]
    return re.compile(".*".join(words))
