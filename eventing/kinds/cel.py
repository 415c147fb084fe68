"""CEL for what a kind's facts say: that a field stays as it is.

CEL sees two documents and knows no defaults. Where a field may be filled in (`IMPLIED`, or a default that CEL can't write),
nothing is said of a change from or to its absence; the webhook, which knows the defaults, says the rest.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic.fields import FieldInfo

from eventing.kinds.immutability import UNCHANGEABLE
from eventing.kinds.meta import Resource
from eventing.kinds.model import Model
from eventing.kinds.typeparts import field_of, fields, model_of

_OWN_WORD = re.compile(
    "true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while"
).fullmatch


def member(owner: str, name: str) -> str:
    """The expression for a field; CEL writes a word of its own with underscores around."""
    return f"{owner}.__{name}__" if _OWN_WORD(name) else f"{owner}.{name}"


def unchanged(kind: type[Resource], name: str) -> str:
    """The rule on a whole resource, new and old, that this field of the spec means what it meant."""
    spec = model_of(kind.model_fields["spec"].annotation)
    required = kind.model_fields["spec"].is_required()
    guards = ("", "") if required else ("has(self.spec) && ", "has(oldSelf.spec) && ")
    return _kept(spec, name, field_of(spec, name), ("self.spec", "oldSelf.spec"), guards)


def message(kind: type[Resource]) -> str:
    """What to tell whoever changes a field that stays."""
    return f"{UNCHANGEABLE}; {kind.FIX}"


def _kept(
    owner: type[Model], name: str, info: FieldInfo, places: tuple[str, str], guards: tuple[str, str] = ("", "")
) -> str:
    """That a field of a model means the same in two places, where it may be missing."""
    new, old = (member(place, name) for place in places)
    there, was_there = (f"{guard}has({value})" for guard, value in zip(guards, (new, old), strict=True))
    if guards != ("", ""):
        there, was_there = f"({there})", f"({was_there})"
    same = _same(info.annotation, (new, old))
    if info.is_required():
        return same
    default: Any = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, str) and name not in owner.IMPLIED:
        return f"({there} ? {new} : '{default}') == ({was_there} ? {old} : '{default}')"
    if default is None and name not in owner.IMPLIED:
        return f"{there} == {was_there} && (!{there} || ({same}))"
    return f"!{there} || !{was_there} || ({same})"


def _same(annotation: Any, places: tuple[str, str]) -> str:
    model = model_of(annotation, listed=False)
    if model is None or not _is_subtle(model):
        return f"{places[0]} == {places[1]}"
    return " && ".join(f"({_kept(model, name, info, places)})" for name, info in fields(model))


def _is_subtle(model: type[Model]) -> bool:
    """Whether two documents of the model may differ and mean the same."""
    if model.IMPLIED:
        return True
    return any(
        not (info.is_required() or info.default is None) or ((inner := model_of(info.annotation)) and _is_subtle(inner))
        for _, info in fields(model)
    )
