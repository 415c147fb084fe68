"""In which form a client wants an answer: the objects themselves, only their metadata, or a table; and discovery in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

META = "meta.k8s.io"
_DISCOVERY = "apidiscovery.k8s.io"
_JSON = ("application/json", "application/*", "*/*")
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """What `Accept` asks for; `version` is that of the group in which a table or metadata are written."""

    sort: Literal["object", "metadata", "table"] = "object"
    version: str = "v1"


def form_of(accept: str) -> Form:
    """The first of the accepted forms that is known here; the objects as they are where none is."""
    for media_type, parameters in _offers(accept):
        if media_type not in _JSON:
            continue
        wanted, version = parameters.get("as", ""), parameters.get("v", "")
        if not wanted:
            return Form()
        if parameters.get("g") != META or version not in ("v1", "v1beta1"):
            continue
        if wanted == "Table":
            return Form("table", version)
        if wanted in ("PartialObjectMetadata", "PartialObjectMetadataList"):
            return Form("metadata", version)
    return Form()


def discovery_version(accept: str) -> str | None:
    """The version in which discovery is wanted aggregated; None where it is wanted a group at a time."""
    for media_type, parameters in _offers(accept):
        if media_type in _JSON and parameters.get("as") == "APIGroupDiscoveryList":
            if parameters.get("g") == _DISCOVERY and parameters.get("v") in ("v2", "v2beta1"):
                return parameters["v"]
        elif media_type in _JSON:
            return None
    return None


def discovery_type(version: str) -> str:
    """The content type of an aggregated discovery document."""
    return f"application/json;g={_DISCOVERY};v={version};as=APIGroupDiscoveryList"


def only_metadata(document: Document, version: str = "v1") -> dict[str, Any]:
    """An object, or a list of them, as a PartialObjectMetadata."""
    kind = "PartialObjectMetadata"
    if "items" in document:
        items = [only_metadata(one, version) for one in document["items"]]
        return {
            "kind": f"{kind}List",
            "apiVersion": f"{META}/{version}",
            "metadata": document["metadata"],
            "items": items,
        }
    return {"kind": kind, "apiVersion": f"{META}/{version}", "metadata": document["metadata"]}


def _offers(accept: str) -> list[tuple[str, dict[str, str]]]:
    """Each media type of the header with its parameters, the most wanted first."""
    found = []
    for part in accept.split(","):
        media_type, *rest = (piece.strip() for piece in part.split(";"))
        if media_type:
            pairs = (piece.partition("=") for piece in rest)
            found.append((media_type.lower(), {name.strip(): value.strip().strip('"') for name, _, value in pairs}))
    return sorted(found, key=lambda offer: -_quality(offer[1].get("q", "1")))


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
