"""A YAML document as plain values that still know their lines.

Values are read as Kubernetes reads them: YAML 1.1 booleans (`yes`, `on`), octal integers (`012`), but times and base-60
numbers as text. What aliases expand to and how deep a document nests are limited, so that a hostile one ends in a `Flaw`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

from eventing.kinds.field_error import Path
from eventing.kinds.wording import printable

MAX_DEPTH = 100
ALIAS_VALUES = 100_000
"""How many values the aliases of one document may add to those that are written out."""

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"str", "null", "bool", "int", "float", "timestamp", "value", "merge"}
_NULLS = {"", "~", "null", "Null", "NULL"}
_SHORT = {"y": True, "Y": True, "n": False, "N": False}
_BOOLEANS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
_BOOLEANS |= {word.capitalize(): value for word, value in _BOOLEANS.items()}
_BOOLEANS |= {word.upper(): value for word, value in _BOOLEANS.items()}
_INTEGER = re.compile(r"([-+]?)(?:0b([01]+)|0o?([0-7]+)|0x([0-9A-Fa-f]+)|(0|[1-9][0-9]*))", re.ASCII)
_BASES = (2, 8, 16, 10)
_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:e[-+]?\d+)?", re.IGNORECASE | re.ASCII)
_LONGEST_INTEGER = 18


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with the text itself, and in which line (from 1)."""

    line: int
    message: str
    fix: str = ""


class Document:
    """One YAML document.

    `value` is made of dicts, lists, texts, numbers, booleans and None. Where there are `flaws` it is as good as it can
    be, for further messages only.
    """

    def __init__(self, root: yaml.Node, lines_above: int, size: int) -> None:
        self._root = root
        self._lines_above = lines_above
        self._values_left = size + ALIAS_VALUES
        self.flaws: list[Flaw] = []
        self.value: Any = None
        try:
            self.value = self._value(root, 0)
        except _HostileError as error:
            self.flaws.append(error.flaw)

    @property
    def line(self) -> int:
        """Where the document begins."""
        return self._line(self._root)

    def line_of(self, path: Path) -> int:
        """The line of the field at a path, or of the innermost field above it that is there."""
        return self._line(self._walk(path)[0])

    def spelled(self, path: Path) -> str | None:
        """How the text writes the plain scalar at a path; None for anything else."""
        _, node, is_there = self._walk(path)
        return str(node.value) if is_there and isinstance(node, yaml.ScalarNode) and not node.style else None

    def _walk(self, path: Path) -> tuple[yaml.Node, yaml.Node, bool]:
        """The node that marks the place (a key), the value there, and whether the whole path is there."""
        mark, node = self._root, self._root
        for step in path:
            found = _entry(node, step)
            if found is None:
                return mark, node, False
            mark, node = found
        return mark, node, True

    def _line(self, node: yaml.Node) -> int:
        return int(node.start_mark.line) + 1 + self._lines_above

    def _value(self, node: yaml.Node, depth: int) -> Any:
        self._values_left -= 1
        if self._values_left < 0:
            raise _HostileError(Flaw(self._line(node), "its aliases expand to more than a resource can hold"))
        if depth > MAX_DEPTH:
            fix = "look for an anchor that contains its own alias"
            raise _HostileError(Flaw(self._line(node), f"it nests deeper than {MAX_DEPTH} levels", fix))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if isinstance(node, yaml.SequenceNode):
            self._expect_tag(node, {"seq"})
            return [self._value(item, depth + 1) for item in node.value]
        self._expect_tag(node, {"map"})
        return self._mapping(node, depth)

    def _mapping(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line, key = self._line(key_node), key_node.value
            if not isinstance(key_node, yaml.ScalarNode):
                message = "a mapping or a list stands where a field's name is needed"
                self.flaws.append(Flaw(line, message, "if this is a template, render it first"))
            elif key in lines:
                message = f"{printable(key)} is here twice, first in line {lines[key]}"
                self.flaws.append(Flaw(line, message, "keep one of the two"))
            else:
                lines[key] = line
                if _is_merge(key_node):
                    merged = self._merged(value_node, depth)
                else:
                    own[key] = self._value(value_node, depth + 1)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for source in reversed(_merge_sources(node)):
            if isinstance(source, yaml.MappingNode):
                merged |= self._value(source, depth + 1)
            else:
                self.flaws.append(Flaw(self._line(source), "only mappings can be merged with <<"))
        return merged

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        tag, text = node.tag.removeprefix(_TAG), node.value
        self._expect_tag(node, _SCALAR_TAGS)
        if tag == "str":
            # PyYAML takes a bare y for text, Kubernetes for a boolean.
            return text if node.style else _SHORT.get(text, text)
        return plain(text)

    def _expect_tag(self, node: yaml.Node, known: set[str]) -> None:
        if node.tag.removeprefix(_TAG) not in known:
            message = f"the tag {printable(node.tag.replace(_TAG, '!!'))} has no meaning here"
            self.flaws.append(Flaw(self._line(node), message, "take it out"))


def is_empty(node: yaml.Node) -> bool:
    """Whether a document holds nothing."""
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NULLS


def plain(text: str) -> Any:
    """What a scalar without quotes means."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    digits = text.replace("_", "") if text[:1] != "_" else text
    match = _INTEGER.fullmatch(digits)
    if match is not None and len(digits) <= _LONGEST_INTEGER:
        sign, *by_base = match.groups()
        number = next(int(part, base) for part, base in zip(by_base, _BASES, strict=True) if part is not None)
        return -number if sign == "-" else number
    if match is not None or _FLOAT.fullmatch(digits):
        try:
            value = float(digits)
        except ValueError:
            return text
        return value if math.isfinite(value) else text
    return text


class _HostileError(Exception):
    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


def _is_merge(key: yaml.Node) -> bool:
    return bool(key.tag == f"{_TAG}merge")


def _merge_sources(node: yaml.Node) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]


def _entry(node: yaml.Node, step: str | int, depth: int = 0) -> tuple[yaml.Node, yaml.Node] | None:
    """The node that marks an entry (its key, or the item itself) and the entry's value."""
    if isinstance(node, yaml.SequenceNode):
        return (node.value[step],) * 2 if isinstance(step, int) and step < len(node.value) else None
    if not isinstance(node, yaml.MappingNode) or depth > MAX_DEPTH:
        return None
    merges = []
    for key, value in node.value:
        if _is_merge(key):
            merges += _merge_sources(value)
        elif key.value == step:
            return key, value
    return next(filter(None, (_entry(source, step, depth + 1) for source in merges)), None)
