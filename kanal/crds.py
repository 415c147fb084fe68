"""The text of CustomResourceDefinitions, as `kubectl apply -f -` takes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import yaml

from eventing.errors import Invalid
from eventing.kinds.crd import ConversionWebhook, crd
from eventing.kinds.meta import Resource
from eventing.kinds.registry import KINDS, named

FORMATS = ("yaml", "json")


class _Dumper(yaml.SafeDumper):
    """Writes every part out: anchors are hard to read, and some tools don't know them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - no value is an exception
        return True


def wanted(words: Sequence[str]) -> tuple[type[Resource], ...]:
    """The kinds that these words mean, all that need a definition where there are none. Raises `Invalid`."""
    found = [kind for word in words for kind in named(word)] if words else list(KINDS)
    defined = tuple(kind for kind in dict.fromkeys(found) if kind.GROUP)
    if not defined:
        raise Invalid(f"{found[0].KIND} is Kubernetes' own kind, so it needs no definition", where="kanal crds")
    return defined


def webhook(text: str, ca_bundle: str = "") -> ConversionWebhook:
    """The webhook that `NAMESPACE/NAME` means; the bundle is PEM in base64. Raises `Invalid`."""
    namespace, slash, name = text.partition("/")
    if not namespace or not name or "/" in name or not slash:
        raise Invalid(f"{text!r} names no Service", where="--webhook", fix="write NAMESPACE/NAME")
    return ConversionWebhook(namespace=namespace, name=name, ca_bundle=ca_bundle)


def text(kinds: Sequence[type[Resource]], output: str, conversion: ConversionWebhook | None = None) -> str:
    """The definitions of these kinds as YAML documents, or as one JSON list."""
    documents = [crd(kind, conversion) for kind in kinds]
    if output == "json":
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}, indent=2, ensure_ascii=False) + "\n"
    return "---\n".join(
        yaml.dump(one, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120) for one in documents
    )
