"""Objects as the API server writes them, and as it wants them written. Pure.

What is read is not refused for a field of the metadata that a newer server adds; `managedFields` are left out, because
nobody here reads them, they are as large as the rest, and a server keeps its own where an update names none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from eventing.errors import EventingError, Invalid
from eventing.kinds.key import Key
from eventing.kinds.meta import ObjectMeta, Resource
from eventing.store.rows import resource_of

_KNOWN = frozenset(field.alias or name for name, field in ObjectMeta.model_fields.items()) - {"managedFields"}
_SERVERS = (
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "selfLink",
)
"""What a server says and does not want to be told."""


class Head(NamedTuple):
    """Which object a document is, and which of its versions."""

    key: Key
    uid: str
    version: int
    generation: int


def head_of(kind: type[Resource], document: Mapping[str, Any]) -> Head:
    """The head of an object of this kind."""
    meta = document.get("metadata") or {}
    key = Key(kind.GROUP, kind.KIND, str(meta.get("namespace") or ""), str(meta.get("name") or ""))
    return Head(key, str(meta.get("uid") or ""), version_of(meta), int(meta.get("generation") or 0))


def version_of(metadata: Mapping[str, Any]) -> int:
    """The resourceVersion, which is etcd's number; 0 where there is none."""
    text = str(metadata.get("resourceVersion") or "")
    return int(text) if text.isascii() and text.isdigit() else 0


def read(kind: type[Resource], document: Mapping[str, Any]) -> Resource:
    """The object. Raises `Invalid` that names object, field and fix where our model refuses it."""
    metadata = {name: value for name, value in (document.get("metadata") or {}).items() if name in _KNOWN}
    # The entries of a list in Kubernetes' own groups don't say what they are.
    whole = {"apiVersion": kind.full_version(kind.VERSIONS[0]), "kind": kind.KIND, **document, "metadata": metadata}
    if not isinstance(whole.get("status"), dict):
        whole.pop("status", None)
    try:
        return resource_of(whole)
    except EventingError:
        raise
    except Exception as error:
        # Whatever lies on a server must not end the reading of everything else.
        fix = "change it so that it is as the documentation of its kind says"
        where = str(head_of(kind, document).key)
        raise Invalid(f"it can't be read: {type(error).__name__}: {error}", where=where, fix=fix) from error


def written(resource: Resource, version: str, **metadata: str) -> dict[str, Any]:
    """The object for the server in this version of its API, without its status; `metadata` overrides, "" leaves out."""
    document = resource.document_in(version)
    document.pop("status", None)
    meta = {name: value for name, value in document["metadata"].items() if name not in _SERVERS} | metadata
    return {**document, "metadata": {name: value for name, value in meta.items() if value != ""}}
