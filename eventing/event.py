"""The CloudEvent as every part of Kanal passes it on: attributes as the strings that came, data as the bytes that came.

Nothing here parses a time, a number or a body, because what is parsed is printed differently. The codecs build events,
and nobody else changes them. Two checks share this file: `require` is what makes a record an event at all (a record that
another data plane stored is taken on those terms), `validate` is what an ingress asks of a sender on top (CloudEvents 1.0
§3 and 0.3 §3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from eventing.errors import Invalid

SPEC_VERSIONS = ("1.0", "0.3")
_REQUIRED = ("specversion", "id", "source", "type")

_NAME = re.compile(r"[a-z0-9]+")
_NOT_IN_A_STRING = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_TIME = re.compile(
    r"\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|[12]\d))"
    r"[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_MEDIA_TYPE = re.compile(r"[\w!#$%&'*+.^`|~-]+/[\w!#$%&'*+.^`|~-]+[ \t]*(?:;.*)?", re.ASCII)
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_URI_REFERENCE = re.compile(r"[^\s<>\"{}|\\^`]+")
_SOMETHING = re.compile(r".", re.DOTALL)

_CHECKS = (
    ("source", _URI_REFERENCE.fullmatch, "no URI reference", "percent-encode what a URI can't hold"),
    ("subject", _SOMETHING.match, "empty", "leave the subject out or give it a value"),
    ("partitionkey", _SOMETHING.match, "empty", "leave the partitionkey out or give it a value"),
    ("time", _TIME.fullmatch, "no RFC 3339 time", "write for instance 2026-11-25T02:30:00Z"),
    ("datacontenttype", _MEDIA_TYPE.fullmatch, "no media type", "write for instance application/json"),
    ("dataschema", _ABSOLUTE_URI.fullmatch, "no absolute URI", "write for instance https://example.com/schema.json"),
    ("schemaurl", _URI_REFERENCE.fullmatch, "no URI reference", "write for instance https://example.com/schema.json"),
)


@dataclass(slots=True, eq=True)
class Event:
    """One CloudEvent.

    `attributes` maps every context attribute, extensions and `datacontenttype` included, to its canonical string;
    `data` is the payload, or None where the event has none (which is not the same as an empty payload).
    """

    attributes: dict[str, str]
    data: bytes | None = None

    @property
    def id(self) -> str:
        return self.attributes["id"]

    @property
    def source(self) -> str:
        return self.attributes["source"]

    @property
    def type(self) -> str:
        return self.attributes["type"]

    @property
    def key(self) -> str | None:
        """The `partitionkey` extension, which orders events and chooses their partition."""
        return self.attributes.get("partitionkey")

    def extended(self, **extensions: str) -> Event:
        """A copy with these attributes added or replaced; the data is shared."""
        return Event({**self.attributes, **extensions}, self.data)


def is_attribute_name(name: str) -> bool:
    """Whether a context attribute may have this name: lower-case ASCII letters and digits, and not `data`."""
    return _NAME.fullmatch(name) is not None and name != "data"


def shown(name: str) -> str:
    """A name that a stranger chose, fit for one line of a reason: escaped where it isn't printable ASCII, and cut."""
    return name[:60].encode("unicode_escape").decode()


def require(attributes: Mapping[str, str]) -> None:
    """Raise `Invalid`, naming the attribute, unless these can be an event's: known version, id, source, type, legal names."""
    # All names are legal exactly when their concatenation is: one look instead of one a name.
    names = "".join(attributes)
    if not (names.isascii() and names.isalnum() and names.islower()) or "" in attributes or "data" in attributes:
        wrong = next((name for name in attributes if not is_attribute_name(name)), "")
        raise Invalid(f"'{shown(wrong)}' is no attribute name", field=shown(wrong), fix="use only a-z and 0-9")
    for name in _REQUIRED:
        if not attributes.get(name):
            fix = "send specversion 1.0" if name == "specversion" else f"give the event a {name}"
            raise Invalid("the required attribute is missing or empty", field=name, fix=fix)
    version = attributes["specversion"]
    if version not in SPEC_VERSIONS:
        raise Invalid(f"version {version[:40]!r} is not known", field="specversion", fix="send specversion 1.0 or 0.3")


def validate(event: Event) -> None:
    """Raise `Invalid`, naming the attribute, unless the event is a whole CloudEvent 1.0 or 0.3."""
    attributes = event.attributes
    require(attributes)
    values = "".join(attributes.values())
    if not (values.isascii() and values.isprintable()):
        _refuse_characters(attributes)
    for name, check, wrong, fix in _CHECKS:
        value = attributes.get(name)
        if value is not None and check(value) is None:
            raise Invalid(f"{value[:80]!r} is {wrong}", field=name, fix=fix)


def _refuse_characters(attributes: Mapping[str, str]) -> None:
    """The String type of CloudEvents §2.4 has no control characters, surrogates or noncharacters."""
    for name, value in attributes.items():
        found = _NOT_IN_A_STRING.search(value)
        if found is not None:
            raise Invalid(f"holds the forbidden character U+{ord(found[0]):04X}", field=shown(name), fix="leave it out")
