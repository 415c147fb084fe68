"""Documents of every kind as hypothesis draws them from the models: most are sound, some are odd, some wrong."""

from __future__ import annotations

import typing
from typing import Any

from hypothesis import strategies as st

from eventing.kinds.meta import Resource
from eventing.kinds.model import Model
from eventing.kinds.typeparts import bare, fields, model_of

DURATIONS = [
    "PT5S",
    "PT0.2S",
    "P1DT2H",
    "P0",
    "PT,5S",
    "-PT1M",
    "P1Y2M3W4D",
    "PT1H1H",
    "PT1.5M3S",
    "5s",
    "P",
    "PT",
    "P1DT",
    "",
]
URIS = [
    "http://a",
    "HTTPS://a:1/b?c",
    "/c",
    "c/d",
    "",
    "//",
    "///x",
    "//x",
    "?q",
    "#f",
    "a:b",
    "http:",
    "http:/x",
    "http:///x",
]
URIS += [
    ":",
    "1:b",
    "mailto:a@b",
    "http://[::1]:80/",
    "http://u:p@h",
    "[x]",
    "a b",
    "http://é",
    "h+t.t-p:x",
    "a_b:c",
    "%41:b",
    ".",
]
URIS += ["/%2f//", "//?x", "/.//x", "http://a\n", "\n", "/\n", "/a\nb", "~x"]
REFS = [
    {"kind": "Service", "name": "a", "apiVersion": "v1"},
    {"kind": "Broker", "name": "b", "group": "eventing.knative.dev"},
]
SINKS: list[Any] = [{"uri": "http://a"}, {"ref": REFS[0]}, {"ref": REFS[1], "uri": "/b"}]
SOUND: dict[str, list[Any]] = {
    "KReference": REFS,
    "Destination": SINKS,
    "Step": [*SINKS, {"uri": "http://a", "delivery": {"retry": 1}}],
    "Branch": [{"subscriber": SINKS[0]}, {"subscriber": SINKS[1], "filter": SINKS[0], "reply": SINKS[2]}],
    "SubscriberSpec": [{"uid": "a", "subscriberUri": "http://a"}, {"uid": "b", "replyUri": "http://b", "delivery": {}}],
    "BrokerReference": [{"name": "b"}, {"name": "b", "namespace": "default"}],
    "ChannelTemplate": [{"apiVersion": "messaging.knative.dev/v1", "kind": "InMemoryChannel", "spec": {"a": 1}}],
    "DeliverySpec": [{"retry": 1}, {"deadLetterSink": SINKS[1]}],
}
NAMES = ("type", "source", "specversion", "id")
FILTERS: list[Any] = [
    {"exact": {"type": "a"}},
    {"prefix": {"a": "b"}},
    {"cesql": "type = 'a'"},
    {},
    {"exact": {}},
    {"is": {}},
]
FILTERS += [{"exact": {"type": ""}}, {"exact": {"type": "a"}, "suffix": {"a": "b"}}, {"cesql": 1}, {"exact": {"a": 1}}]
POOLS: dict[str, list[Any]] = {
    "uri": URIS,
    "timeout": DURATIONS,
    "backoffDelay": DURATIONS,
    "retryAfterMax": DURATIONS,
    "retentionDuration": DURATIONS,
    "apiVersion": ["messaging.knative.dev/v1", "v1", ""],
    "kind": ["Channel", "Broker", "InMemoryChannel", " ", "\u2003"],
    "CACerts": ["-----BEGIN CERTIFICATE-----\nx", "x"],
    "schemaData": ['{"type": "object"}', "true", "{", "[]"],
    "name": ["dataschema", "x", ""],
}
ODD: list[Any] = [None, 1, 1.5, True, "1", [], {}, ["x"], {"x": 1}]


def documents(kind: type[Resource], version: str) -> st.SearchStrategy[dict[str, Any]]:
    """Whole documents of a kind in one of its versions."""
    shape = kind.SHAPES.get(version, kind)
    spec = _model(bare(shape.model_fields["spec"].annotation)[0])
    head = {"apiVersion": st.just(kind.full_version(version)), "kind": st.just(kind.KIND)}
    return st.fixed_dictionaries({**head, "metadata": st.just({"name": "x"}), "spec": spec})


def _model(model: type[Model]) -> st.SearchStrategy[Any]:
    required, optional = {}, {}
    for name, info in fields(model):
        values = _value(name, info.annotation)
        if info.is_required():
            required[name] = values
        else:
            optional[name] = values
    found = st.fixed_dictionaries(required, optional=optional)
    sound = st.sampled_from(SOUND.get(model.__name__, [None]))
    return found if model.__name__ not in SOUND else st.one_of(sound, sound, sound, found)


def _value(name: str, annotation: Any) -> st.SearchStrategy[Any]:
    kind, _ = bare(annotation)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if name == "filters":
        nested = st.recursive(
            st.sampled_from(FILTERS),
            lambda inner: st.one_of(
                inner.map(lambda one: {"not": one}),
                st.tuples(st.sampled_from(["all", "any"]), st.lists(inner, max_size=2)).map(lambda pair: dict([pair])),
            ),
        )
        return st.lists(nested, max_size=2)
    if name == "attributes" and origin is list:
        extra = st.lists(_model(model_of(annotation)), max_size=1)
        return extra.map(lambda found: [*({"name": one, "value": "x"} for one in NAMES), *found])
    if name in POOLS:
        return st.one_of(
            st.sampled_from(POOLS[name]), st.sampled_from(POOLS[name]), st.sampled_from([*POOLS[name], *ODD])
        )
    if origin is typing.Literal:
        return st.sampled_from(parts)
    if isinstance(kind, type) and issubclass(kind, Model):
        return _model(kind)
    if origin is list:
        return st.lists(_value("", parts[0]), max_size=4)
    if origin is dict:
        return st.dictionaries(
            st.sampled_from(["a", "type", "numPartitions"]), st.sampled_from(["x", "", 1]), max_size=1
        )
    plain = {str: ["x", "y"], int: [1, 0, -1, 2**31, 2**63], bool: [True, False]}[kind]
    return st.one_of(st.sampled_from(plain), st.sampled_from(plain), st.sampled_from([*plain, *ODD]))
