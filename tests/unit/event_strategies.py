"""Hypothesis strategies for events: everything that CloudEvents allows, and nothing else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from eventing.event import Event

CORE = frozenset(
    (
        "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "schemaurl",
        "datacontentencoding", "data", "partitionkey",
    )
)  # fmt: skip

# The String type: no control characters, no surrogates, no noncharacters (CloudEvents §2.4).
_noncharacters = [chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)]
_noncharacters += [chr(code) for code in range(0xFDD0, 0xFDF0)]
characters = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters=_noncharacters)
texts = st.text(characters, max_size=30) | st.sampled_from(
    ["100%", 'a"b', '"quoted"', " edge ", "Euro € 😀", "%41", "\\"]
)
filled = texts.filter(bool)

names = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(lambda name: name not in CORE)
sources = st.from_regex(r"(?:https://example\.com)?/[A-Za-z0-9._~!$&'()*+,;=:@/%-]{1,30}", fullmatch=True)
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1970, 1, 2), datetime(9990, 1, 1), timezones=zones)  # noqa: DTZ001 - they get one


@st.composite
def times(draw: st.DrawFn) -> str:
    """RFC 3339 with 0 to 9 fractional digits, in any zone, in either case."""
    moment = draw(moments).replace(microsecond=0)
    text = moment.isoformat()
    fraction = draw(st.text("0123456789", max_size=9))
    text = f"{text[:19]}{'.' if fraction else ''}{fraction}{text[19:]}"
    return text.replace("+00:00", "Z")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_texts = st.builds(
    lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode(),
    json_values, st.booleans(), st.none() | st.just(1),
)  # fmt: skip
payloads = st.one_of(
    st.tuples(st.sampled_from(["application/json", "application/vnd.a+json; charset=utf-8", "text/json"]), json_texts),
    st.tuples(st.sampled_from(["text/plain", "application/xml", "text/plain; charset=utf-8"]), texts.map(str.encode)),
    st.tuples(
        st.sampled_from(["application/octet-stream", "application/json", "image/png", None]), st.binary(max_size=40)
    ),
    st.tuples(st.sampled_from(["application/json", "text/plain", None]), st.none()),
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any valid event, 1.0 or 0.3."""
    version = draw(st.sampled_from(["1.0", "0.3"]))
    attributes = {"specversion": version, "id": draw(filled), "source": draw(sources), "type": draw(filled)}
    if draw(st.booleans()):
        attributes["time"] = draw(times())
    for name in ("subject", "partitionkey"):
        if draw(st.booleans()):
            attributes[name] = draw(filled)
    content_type, data = draw(payloads)
    if content_type is not None:
        attributes["datacontenttype"] = content_type
    attributes |= draw(st.dictionaries(names, texts, max_size=4))
    return Event(attributes, data)
