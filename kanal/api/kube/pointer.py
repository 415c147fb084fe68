"""JSON pointers (RFC 6901): where in a document an operation of a JSON patch works."""

from __future__ import annotations

import re
from typing import Any

from eventing.errors import Invalid
from eventing.kinds.wording import shown

Steps = tuple[str, ...]
_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


class Unprocessable(Invalid):
    """The patch is well formed and does not fit the document."""

    http_status = 422


def steps(pointer: str) -> Steps:
    """The names and indexes that a pointer goes through; none for the whole document."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise Invalid(f"the path {shown(pointer)} does not begin with /", fix="write for instance /spec/delivery")
    if _BAD_ESCAPE.search(pointer):
        raise Invalid(f"~ stands alone in the path {shown(pointer)}", fix="write ~0 for ~ and ~1 for /")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))


def inside(whole: Any, way: Steps) -> Any:
    """The value at the end of a way. Raises `Unprocessable` where it leads nowhere."""
    here = whole
    for step in way:
        if isinstance(here, dict):
            if step not in here:
                raise Unprocessable(f"there is no {shown(step)}")
            here = here[step]
        elif isinstance(here, list):
            here = here[index(step, len(here))]
        else:
            raise Unprocessable(f"{shown(step)} is looked for in what is neither a map nor a list")
    return here


def index(step: str, length: int) -> int:
    """A step as the index of an item that is there."""
    if not _INDEX.fullmatch(step):
        raise Unprocessable(f"{shown(step)} is no index of a list")
    if int(step) >= length:
        raise Unprocessable(f"there is no item {step} in a list of {length}")
    return int(step)


def index_to_add(step: str, length: int) -> int:
    """A step as the index that a new item gets; `-` is behind the last."""
    return length if step == "-" else index(step, length + 1)
