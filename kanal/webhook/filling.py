"""What was filled into a document, as a JSON patch (RFC 6902) for the document as it was sent.

What a person wrote stays as it was written: the patch holds nothing but what the defaults have added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kanal.api.kube.plain import same
from kanal.api.kube.pointer import Steps

Operation = dict[str, Any]


def filled_in(sent: Mapping[str, Any], plain: Mapping[str, Any], full: Mapping[str, Any]) -> list[Operation]:
    """The operations that bring into `sent` what it leaves out of `full`, and what `full` says otherwise than `plain`.

    `plain` is how `sent` was understood before it was filled in.
    """
    return list(_added((), sent, plain, full))


def _added(way: Steps, sent: Any, plain: Mapping[str, Any], full: Mapping[str, Any]) -> Iterator[Operation]:
    for name, value in full.items():
        yield from _set((*way, name), "add", sent.get(name), plain.get(name), value)


def _set(way: Steps, verb: str, sent: Any, plain: Any, value: Any) -> Iterator[Operation]:
    """One place; as deep inside as the three are alike."""
    whole = (sent, plain, value)
    if all(isinstance(one, dict) for one in whole):
        yield from _added(way, sent, plain, value)
    elif sent is not None and same(plain, value):
        return
    elif all(isinstance(one, list) for one in whole) and len(sent) == len(plain) == len(value):
        for number, (was, understood, wanted) in enumerate(zip(sent, plain, value, strict=True)):
            yield from _set((*way, str(number)), "replace", was, understood, wanted)
    else:
        yield {"op": verb, "path": _pointer(way), "value": value}


def _pointer(way: Steps) -> str:
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in way)
