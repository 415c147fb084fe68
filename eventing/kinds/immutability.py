"""What an update may not touch, said field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eventing.kinds.field_error import FieldError, Path
from eventing.kinds.wording import shown

UNCHANGEABLE = "can't be changed once the resource is there"

_UNSET = object()


def unchangeable(path: Path, old: Any, new: Any, fix: str) -> list[FieldError]:
    """One finding for each value below `path` in which the two documents differ; None is a value that is not set."""
    return [
        FieldError(where, f"{UNCHANGEABLE}: it is {_said(was)}, not {_said(wanted)}", fix)
        for where, was, wanted in _differences(path, _UNSET if old is None else old, _UNSET if new is None else new)
    ]


def _differences(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in {**old, **new}:
            yield from _differences((*path, key), old.get(key, _UNSET), new.get(key, _UNSET))
    elif old != new:
        yield path, old, new


def _said(value: Any) -> str:
    return "unset" if value is _UNSET else shown(value)
