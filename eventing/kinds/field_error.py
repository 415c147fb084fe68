"""What is wrong with one field of a resource: where, what, and what to write instead.

Rules raise `Invalid` (made fit for pydantic by `checked`) or `refuse(...)`; `eventing.kinds.translate` gathers them
together with what pydantic finds by itself. No file and no line is known here: that is `eventing.manifest`'s part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import ParamSpec, TypeVar

from pydantic_core import PydanticCustomError

from eventing.errors import Invalid
from eventing.kinds.wording import printable

Path = tuple[str | int, ...]
P = ParamSpec("P")
T = TypeVar("T")

OURS = "kanal"
"""The type under which pydantic hands our own findings back."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One finding."""

    path: Path
    message: str
    fix: str = ""

    @property
    def field(self) -> str:
        """The path as a person writes it: `spec.steps[0].ref`."""
        return dotted(self.path)

    def under(self, *prefix: str | int) -> FieldError:
        """The same finding, seen from further outside."""
        return replace(self, path=prefix + self.path)

    def __str__(self) -> str:
        return str(Invalid(self.message, field=self.field, fix=self.fix))


def dotted(path: Sequence[str | int]) -> str:
    """A path as text; a key with dots or slashes goes in brackets, `metadata.annotations[a.b/c]`."""
    text = ""
    for step in path:
        if isinstance(step, int) or not _PLAIN_KEY.fullmatch(step):
            text += f"[{printable(str(step))}]"
        else:
            text += f".{printable(step)}" if text else printable(step)
    return text


def refuse(*errors: FieldError) -> PydanticCustomError:
    """The exception with which a validator reports findings at or below the value it looks at."""
    return PydanticCustomError(OURS, "{text}", {"text": "; ".join(map(str, errors)), "errors": errors})


def checked(rule: Callable[P, T]) -> Callable[P, T]:
    """Make a function that raises `Invalid` fit to be a pydantic validator."""

    @wraps(rule)
    def validator(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return rule(*args, **kwargs)
        except Invalid as error:
            raise refuse(FieldError((), error.message, error.fix)) from error

    return validator
