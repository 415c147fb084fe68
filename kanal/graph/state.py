"""From conditions to the state of a node, and the reason in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kanal.graph.documents import Document, at, list_at, text_at
from kanal.graph.model import State


class Judgement(NamedTuple):
    """A state, and why it is not ok."""

    state: State
    reason: str = ""


OK = Judgement("ok")
MISSING = Judgement("broken", "does not exist")
_WORST_FIRST: tuple[State, ...] = ("broken", "unknown", "paused", "ok")


def judge(document: Document, *, running: bool) -> Judgement:
    """What the conditions say; where nothing runs, only what they deny counts, and not what nobody has looked at."""
    ready = _condition(document, "Ready")
    status = text_at(ready, "status")
    if status == "False":
        return Judgement("broken", _why(ready) or "is not ready")
    if running:
        if status != "True":
            return Judgement("unknown", _why(ready) or "not looked at yet")
        if _is_stale(document):
            return Judgement("unknown", "not looked at since its last change")
    paused = _condition(document, "Paused")
    if text_at(paused, "status") == "True":
        return Judgement("paused", text_at(paused, "message") or "nothing is delivered")
    return OK


def worst(judgements: Iterable[Judgement]) -> Judgement:
    """The worst of several, the first of those that are equally bad."""
    return min(judgements, key=lambda one: _WORST_FIRST.index(one.state), default=OK)


def _condition(document: Document, type_: str) -> Document | None:
    conditions = list_at(document, "status", "conditions")
    return next((one for one in conditions if text_at(one, "type") == type_), None)


def _why(condition: Document | None) -> str:
    return ": ".join(filter(None, (text_at(condition, "reason"), text_at(condition, "message"))))


def _is_stale(document: Document) -> bool:
    observed, wanted = at(document, "status", "observedGeneration"), at(document, "metadata", "generation")
    return isinstance(observed, int) and isinstance(wanted, int) and observed < wanted
