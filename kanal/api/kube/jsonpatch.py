"""JSON patch (RFC 6902), `application/json-patch+json`: operations one after the other, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eventing.errors import Invalid
from eventing.kinds.wording import either, shown
from kanal.api.kube.plain import copied, same, size
from kanal.api.kube.pointer import Steps, Unprocessable, index, index_to_add, inside, steps

MOST_OPERATIONS = 10_000
MOST_COPIED = 3 * 1024 * 1024
"""Characters that all copies of a patch may add; without a limit, few operations could double a document many times."""


def json_patched(document: Any, operations: Any) -> Any:
    """The document after add, remove, replace, move, copy and test.

    Raises `Invalid` for what is no operation, `Unprocessable` where a path leads nowhere or a test fails; both name the
    operation by its number, from 1, and its path.
    """
    if not isinstance(operations, list):
        raise Invalid(
            "a JSON patch is a list of operations", fix='write [{"op": "replace", "path": ..., "value": ...}]'
        )
    if len(operations) > MOST_OPERATIONS:
        raise Invalid(f"there are {len(operations)} operations, {MOST_OPERATIONS} at most are taken")
    patching = _Patching(copied(document))
    for number, operation in enumerate(operations, 1):
        try:
            patching.do(operation)
        except Invalid as error:
            path = operation.get("path") if isinstance(operation, dict) else ""
            raise type(error)(
                error.message,
                where=f"operation {number}",
                field=path if isinstance(path, str) else "",
                fix=error.fix,
            ) from error
    # Parts that are sound one by one may have been put too deep into each other.
    return copied(patching.whole)


class _Patching:
    """A document on its way through the operations."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self._copied = 0
        self._verbs: Mapping[str, Callable[[Mapping[str, Any], Steps], None]] = {
            "add": lambda operation, way: self._add(way, _value(operation)),
            "remove": lambda _, way: self._remove(way),
            "replace": lambda operation, way: self._replace(way, _value(operation)),
            "move": self._move,
            "copy": self._copy,
            "test": self._test,
        }

    def do(self, operation: Any) -> None:
        if not isinstance(operation, dict):
            raise Invalid("an operation is a map with op and path")
        verb = operation.get("op")
        if not isinstance(verb, str) or verb not in self._verbs:
            raise Invalid(f"{shown(verb)} is no operation", fix=f"op is one of {either(list(self._verbs))}")
        self._verbs[verb](operation, _way(operation, "path"))

    def _add(self, way: Steps, value: Any) -> None:
        if not way:
            self.whole = value
            return
        *above, last = way
        holder = inside(self.whole, tuple(above))
        if isinstance(holder, dict):
            holder[last] = value
        elif isinstance(holder, list):
            holder.insert(index_to_add(last, len(holder)), value)
        else:
            raise Unprocessable("its parent is neither a map nor a list")

    def _remove(self, way: Steps) -> None:
        if not way:
            raise Unprocessable("the whole document can't be removed")
        inside(self.whole, way)
        *above, last = way
        holder = inside(self.whole, tuple(above))
        del holder[last if isinstance(holder, dict) else index(last, len(holder))]

    def _replace(self, way: Steps, value: Any) -> None:
        inside(self.whole, way)
        if not way:
            self.whole = value
            return
        *above, last = way
        holder = inside(self.whole, tuple(above))
        holder[last if isinstance(holder, dict) else index(last, len(holder))] = value

    def _move(self, operation: Mapping[str, Any], way: Steps) -> None:
        source = _way(operation, "from")
        if source != way and way[: len(source)] == source:
            raise Unprocessable("nothing can be moved into itself")
        value = inside(self.whole, source)
        if source != way:
            self._remove(source)
            self._add(way, value)

    def _copy(self, operation: Mapping[str, Any], way: Steps) -> None:
        value = copied(inside(self.whole, _way(operation, "from")))
        self._copied += size(value)
        if self._copied > MOST_COPIED:
            raise Unprocessable(f"the copies of this patch are larger than {MOST_COPIED // 1024 // 1024} MiB")
        self._add(way, value)

    def _test(self, operation: Mapping[str, Any], way: Steps) -> None:
        expected, found = _value(operation), inside(self.whole, way)
        if not same(found, expected):
            raise Unprocessable(f"the test fails: {shown(found)} is there, not {shown(expected)}")


def _way(operation: Mapping[str, Any], field: str) -> Steps:
    pointer = operation.get(field)
    if not isinstance(pointer, str):
        raise Invalid(f"the operation has no {field}", fix=f"add {field}, for instance /spec/delivery")
    return steps(pointer)


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise Invalid("the operation has no value", fix="add value; null is one too")
    return copied(operation["value"])
