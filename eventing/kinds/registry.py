"""Which kinds there are, how a document becomes one, and what a person may call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from eventing.errors import Invalid
from eventing.kinds import sequence
from eventing.kinds.broker import Broker
from eventing.kinds.channel import Channel
from eventing.kinds.configmap import ConfigMap
from eventing.kinds.eventtype import EventType
from eventing.kinds.field_error import FieldError
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.meta import DEFAULT_NAMESPACE, Defaults, Features, Resource
from eventing.kinds.parallel import Parallel
from eventing.kinds.secret import Secret
from eventing.kinds.service import Service
from eventing.kinds.subscription import Subscription
from eventing.kinds.translate import Spelling, field_errors
from eventing.kinds.trigger import Trigger
from eventing.kinds.wording import either, nearest, printable, shown

KINDS: tuple[type[Resource], ...] = (
    Broker,
    Trigger,
    Channel,
    KafkaChannel,
    Subscription,
    sequence.Sequence,
    Parallel,
    EventType,
    ConfigMap,
)
AT_HOME: tuple[type[Resource], ...] = (Service, Secret)
"""Kubernetes' own kinds that are kept where there is no cluster that has them."""
_ALL = (*KINDS, *AT_HOME)

_DEFAULTS = Defaults()
_NO_FEATURES = Features()


class InvalidResource(Invalid):
    """A document is no resource that we take; `errors` holds every finding."""

    def __init__(self, where: str, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(map(str, errors)), where=where)
        self.errors = tuple(errors)


def find(api_version: str, kind: str) -> type[Resource] | None:
    """The model of a kind in a served version."""
    group, _, version = api_version.rpartition("/")
    return next((k for k in _ALL if (group, kind) == (k.GROUP, k.KIND) and version in k.VERSIONS), None)


def named(word: str) -> tuple[type[Resource], ...]:
    """The kinds that a person means by `channels`, `sub`, `kafkachannel.messaging.knative.dev`, `messaging` or `all`.

    Raises `Invalid` with the nearest word where there is no such kind.
    """
    short, _, group = word.lower().partition(".")
    words = {kind: (kind.PLURAL, kind.SINGULAR, *kind.SHORT_NAMES) for kind in _ALL}
    found = tuple(kind for kind in _ALL if short in words[kind] and group in ("", kind.GROUP))
    found = found or tuple(kind for kind in KINDS if word.lower() in kind.CATEGORIES)
    if found:
        return found
    near = nearest(short, [name for names in words.values() for name in names])
    known = either([kind.PLURAL for kind in KINDS], "and")
    fix = f"did you mean {near}?" if near else f"the kinds are {known}"
    raise Invalid(f"{shown(word)} is no kind of resource", fix=fix)


def parse(
    document: Mapping[str, Any], *, features: Features = _NO_FEATURES, spelling: Spelling = lambda _path: None
) -> Resource:
    """The resource that a document (as YAML or JSON gives it) describes, its defaults not yet filled in.

    Raises `InvalidResource` with everything that is wrong with it. `spelling` tells how the file wrote a scalar.
    """
    model = _model_of(document)
    if isinstance(model, FieldError):
        raise InvalidResource(title(document), [model])
    try:
        resource = model.model_validate(_without_nulls(document), by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidResource(title(document), field_errors(model, error, spelling)) from error
    errors = resource.faults(features)
    if errors:
        raise InvalidResource(resource.title, errors)
    return resource.stored()


def check_update(old: Resource, new: Resource, defaults: Defaults = _DEFAULTS) -> list[FieldError]:
    """What the new version of a resource changes and may not; a default that is written out is no change."""
    kind = type(old)
    if not isinstance(new, kind):
        return [FieldError(("kind",), f"a {old.KIND} can't become a {new.KIND}")]
    return kind.check_update(old.defaulted(defaults), new.defaulted(defaults))


def _model_of(document: Mapping[str, Any]) -> type[Resource] | FieldError:
    kind, api_version = document.get("kind"), document.get("apiVersion")
    kinds = list(dict.fromkeys(model.KIND for model in KINDS))
    if not isinstance(kind, str) or not kind:
        return FieldError(("kind",), "the document does not say what kind it is", f"add kind: {either(kinds)}")
    served = [model.full_version(one) for model in _ALL if kind == model.KIND for one in model.VERSIONS]
    if not served:
        near = nearest(kind, kinds)
        fix = f"did you mean {near}?" if near else f"the kinds are {either(kinds, 'and')}"
        return FieldError(("kind",), f"{shown(kind)} is not known", fix)
    if not isinstance(api_version, str) or not api_version:
        return FieldError(("apiVersion",), "the field is missing", f"add apiVersion: {either(served)}")
    model = find(api_version, kind)
    if model is None:
        message = f"{shown(api_version)} is not served for {kind}"
        return FieldError(("apiVersion",), message, f"write {either(served)}")
    return model.SHAPES.get(api_version.rpartition("/")[2], model)


def title(document: Any) -> str:
    """`Subscription default/s1`, as far as a document says it."""
    kind, metadata = (document.get("kind"), document.get("metadata")) if isinstance(document, Mapping) else ("", None)
    name, namespace = (metadata.get(key) if isinstance(metadata, Mapping) else None for key in ("name", "namespace"))
    if not isinstance(kind, str):
        return ""
    if not isinstance(name, str) or not name:
        return printable(kind)
    return printable(f"{kind} {namespace if isinstance(namespace, str) else DEFAULT_NAMESPACE}/{name}")


def _without_nulls(value: Any) -> Any:
    """A field that is null is a field that is not there, as in Kubernetes."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value
