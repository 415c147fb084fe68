"""The types of a model's fields taken apart: what they hold, whether in a list, and what their `Annotated` says."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from eventing.kinds.model import Model


def fields(model: type[Model]) -> Iterator[tuple[str, FieldInfo]]:
    """Each field under the name that YAML has for it."""
    for name, info in model.model_fields.items():
        yield info.alias or name, info


def field_of(model: type[Model], name: str) -> FieldInfo:
    """The field that YAML calls so; `KeyError` where there is none."""
    return dict(fields(model))[name]


def bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without `| None` and `Annotated`, and what stood in these `Annotated`, the outermost last."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        inner, said = bare(parts[0])
        return inner, (*said, *parts[1:])
    if origin in (typing.Union, types.UnionType):
        some = [part for part in parts if part is not type(None)]
        if len(some) == 1:
            return bare(some[0])
    return annotation, ()


def model_of(annotation: Any, *, listed: bool = True) -> Any:
    """The model in a type, None where there is none; with `listed`, the one in a list of them, too."""
    kind, _ = bare(annotation)
    if isinstance(kind, type) and issubclass(kind, Model):
        return kind
    if listed and typing.get_origin(kind) is list:
        return model_of(typing.get_args(kind)[0])
    return None
