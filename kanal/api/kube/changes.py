"""The four ways in which a PATCH says what to change, told apart by the content type of its body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from kanal.api.kube.bodies import UnsupportedMediaType, from_json, from_yaml, media_type
from kanal.api.kube.patching import json_patched, merged, strategically
from kanal.api.kube.reading import BadRequest

Sort = Literal["merge", "json", "strategic", "apply"]
APPLY: Sort = "apply"
_SORTS: dict[str, Sort] = {
    "application/merge-patch+json": "merge",
    "application/json-patch+json": "json",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": APPLY,
}


@dataclass(frozen=True, slots=True)
class Patch:
    """What a body asks for."""

    sort: Sort
    body: Any

    @property
    def names_version(self) -> bool:
        """Whether it holds for one version of the object only; such a one is not tried again."""
        if self.sort == "json":
            return any(isinstance(one, dict) and one.get("path") == "/metadata/resourceVersion" for one in self.body)
        metadata = self.body.get("metadata") if isinstance(self.body, dict) else None
        return isinstance(metadata, dict) and bool(metadata.get("resourceVersion"))

    def on(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document after it; a server-side apply is none of these. Raises `Invalid` where it does not fit."""
        change = {"merge": merged, "json": json_patched, "strategic": strategically}[self.sort]
        found = change(document, self.body)
        if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
            raise BadRequest("what the patch leaves is no object any more")
        return found


def patch_of(body: bytes, content_type: str) -> Patch:
    """The patch in a body. Raises `UnsupportedMediaType` for another sort, `Invalid` for what can't be read."""
    sort = _SORTS.get(media_type(content_type))
    if sort is None:
        what = media_type(content_type) or "a body without a content type"
        raise UnsupportedMediaType(f"{what} is no patch", field="Content-Type", fix=f"send one of {', '.join(_SORTS)}")
    found = from_yaml(body) if sort == APPLY else from_json(body)
    if not isinstance(found, list if sort == "json" else dict):
        raise BadRequest("the body is no such patch", field=sort)
    return Patch(sort, found)
