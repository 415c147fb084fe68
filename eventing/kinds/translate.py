"""pydantic's findings in our words: the field as the YAML spells it, what stands there, and what to write instead."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from eventing.kinds.field_error import OURS, FieldError, Path
from eventing.kinds.wording import either, folded, nearest, printable, shown, sort_of

Spelling = Callable[[Path], str | None]
"""How the file wrote the scalar at a path, where that is known: YAML's `yes` comes as `True`."""


def field_errors(
    model: type[BaseModel], error: ValidationError, spelling: Spelling = lambda _path: None
) -> list[FieldError]:
    """Everything that pydantic found wrong in a document for `model`."""
    found: list[FieldError] = []
    for detail in error.errors(include_url=False):
        path: Path = tuple(step for step in detail["loc"] if step != "[key]")
        value, context, sort = detail["input"], detail.get("ctx", {}), detail["type"]
        if sort == OURS:
            found += [one.under(*path) for one in context["errors"]]
        elif sort == "extra_forbidden":
            found.append(FieldError(path, "there is no such field", _meant(model, path)))
        elif sort == "missing":
            found.append(FieldError(path, "the field is missing", _missing(model, path)))
        elif sort == "string_type":
            found.append(FieldError(path, *_text_needed(value, spelling(path))))
        elif sort in _FIELDS_NEEDED:
            found.append(FieldError(path, f"fields are needed here, not {sort_of(value)}", _example(model, path)))
        elif sort in _WORDED:
            found.append(FieldError(path, *_WORDED[sort](value, context)))
        else:
            found.append(FieldError(path, detail["msg"][:1].lower() + detail["msg"][1:]))
    return found


def _text_needed(value: Any, spelled: str | None) -> tuple[str, str]:
    if not isinstance(value, bool | int | float):
        return f"text is needed, not {sort_of(value)}", ""
    text = printable(json.dumps(value) if spelled is None else spelled)
    read = "true or false" if isinstance(value, bool) else "a number"
    return f"text is needed, and YAML reads {text} as {read}", f'put it in quotes: "{text}"'


def _whole_number_needed(value: Any, _context: Mapping[str, Any]) -> tuple[str, str]:
    whole = isinstance(value, str | float) and re.fullmatch(r"-?\d{1,15}(?:\.0)?", str(value), re.ASCII)
    fix = f"write {int(float(value))}" + (", without quotes" if isinstance(value, str) else "") if whole else ""
    return f"a whole number is needed, not {sort_of(value)}", fix


def _choice_needed(value: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    allowed = re.findall(r"'([^']*)'", context["expected"])
    near = nearest(value, allowed) if isinstance(value, str) else None
    return f"{shown(value)} is not known here", f"did you mean {near}?" if near else f"write {either(allowed)}"


_FIELDS_NEEDED = {"model_type", "dict_type", "model_attributes_type"}
_WORDED: dict[str, Callable[[Any, Mapping[str, Any]], tuple[str, str]]] = {
    "int_type": _whole_number_needed,
    "int_from_float": _whole_number_needed,
    "bool_type": lambda value, _: (f"true or false is needed, not {sort_of(value)}", "write it without quotes"),
    "list_type": lambda value, _: (f"a list is needed, not {sort_of(value)}", 'begin each item with "- "'),
    "literal_error": _choice_needed,
    "greater_than_equal": lambda value, context: (f"{value} is less than {context['ge']}, the least that works", ""),
    "less_than_equal": lambda value, context: (f"{value} is more than {context['le']}, the most that works", ""),
}


def _meant(model: type[BaseModel], path: Path) -> str:
    """The fix for a field that is not there: a near name, the place where that name does belong, or all names."""
    owner = _model_at(model, path[:-1])
    names = [name for name, _ in _fields(owner)]
    name = str(path[-1])
    near = nearest(name, names) or _place_of(model, name)
    if near:
        return f"did you mean {near}?"
    return f"the fields here are {either(names, 'and')}" if names else ""


def _missing(model: type[BaseModel], path: Path) -> str:
    owner = _model_at(model, path[:-1])
    what = next((field.description for name, field in _fields(owner) if name == path[-1]), None) or ""
    return f"add {path[-1]}: {what[:1].lower()}{what[1:].rstrip('.')}" if what else f"add {path[-1]}"


def _example(model: type[BaseModel], path: Path) -> str:
    inner = _model_at(model, path)
    if inner is None:
        return 'write "name: value" lines below it, indented'
    return getattr(inner, "EXAMPLE", "") or f"its fields are {either([name for name, _ in _fields(inner)], 'and')}"


def _place_of(model: type[BaseModel], name: str) -> str | None:
    """The outermost place in the whole resource where a field of this name exists."""
    queue: deque[tuple[type[BaseModel], str]] = deque([(model, "")])
    seen = set()
    while queue:
        owner, prefix = queue.popleft()
        seen.add(owner)
        for field_name, field in _fields(owner):
            here = f"{prefix}.{field_name}" if prefix else field_name
            if folded(field_name) == folded(name):
                return here
            inner = _model_in(field.annotation)
            if inner is not None and inner not in seen:
                queue.append((inner, here))
    return None


def _fields(model: type[BaseModel] | None) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items() if model else ():
        yield field.alias or name, field


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model of the value at a path; None where that is no model (or nothing)."""
    here: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, str):
            here = _model_in(next((field.annotation for name, field in _fields(here) if name == step), None))
    return here


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside `X | None`, `Annotated[X, ...]`, `list[X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
