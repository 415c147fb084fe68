"""What a path of the Kubernetes API is about, and the parameters of a request as far as they count here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from eventing.errors import Invalid
from eventing.kinds.key import Key
from kanal.api.kube.served import Served, find

Strictness = Literal["Strict", "Warn", "Ignore"]
_STRICTNESSES: tuple[Strictness, ...] = ("Strict", "Warn", "Ignore")
_STATUS = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A kind, in one namespace or (`namespace` is None) in all; one object where `name` is given."""

    served: Served
    namespace: str | None = None
    name: str = ""
    status: bool = False

    @property
    def key(self) -> Key:
        """The object in the store."""
        return Key(self.served.group, self.served.kind, self.namespace or "", self.name)

    @property
    def path(self) -> str:
        """The path again, as messages say it."""
        inside = f"/namespaces/{self.namespace}" if self.namespace is not None else ""
        root = f"/apis/{self.served.group}" if self.served.group else "/api"
        rest = "".join(f"/{part}" for part in (self.name, _STATUS if self.status else "") if part)
        return f"{root}/{self.served.version}{inside}/{self.served.plural}{rest}"


def target_of(group: str, version: str, steps: Sequence[str]) -> Target | None:
    """What follows `/apis/GROUP/VERSION/` (`/api/VERSION/` where the group is empty); None where nothing is there."""
    namespace = None
    if len(steps) >= 3 and steps[0] == "namespaces" and steps[2] != _STATUS:
        namespace, steps = steps[1], steps[2:]
    served = find(group, version, steps[0]) if steps and all(steps) else None
    if served is None or (namespace is not None and not served.namespaced):
        return None
    name, *below = steps[1:] or [""]
    if served.namespaced and name and namespace is None:
        return None
    if below and not (below == [_STATUS] and served.has_status):
        return None
    return Target(served=served, namespace=namespace, name=name, status=bool(below))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The query parameters that a verb acts on."""

    label_selector: str = ""
    field_selector: str = ""
    watch: bool = False
    resource_version: str = ""
    timeout_s: float | None = None
    limit: int = 0
    """The most objects in one part of a list; 0: all at once."""
    go_on: str = ""
    """Where a list goes on."""
    bookmarks: bool = False
    initial_events: bool | None = None
    dry_run: bool = False
    strictness: Strictness = "Warn"
    manager: str = ""
    force: bool = False
    orphan: bool = False
    include_object: str = "Metadata"


def asked(query: Mapping[str, str]) -> Asked:
    """The parameters as they came. Raises `Invalid` where one makes no sense; unknown ones are left alone."""
    initial = query.get("sendInitialEvents")
    return Asked(
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        watch=_flag(query.get("watch")),
        resource_version=query.get("resourceVersion", ""),
        timeout_s=_number(query, "timeoutSeconds", "seconds") or None,
        limit=_number(query, "limit", "objects"),
        go_on=query.get("continue", ""),
        bookmarks=_flag(query.get("allowWatchBookmarks")),
        initial_events=None if initial is None else _flag(initial),
        dry_run=_dry_run(query.get("dryRun", "")),
        strictness=_strictness(query.get("fieldValidation") or "Warn"),
        manager=query.get("fieldManager", ""),
        force=_flag(query.get("force")),
        orphan=query.get("propagationPolicy") == "Orphan",
        include_object=query.get("includeObject", "Metadata"),
    )


def _flag(text: str | None) -> bool:
    """A parameter that is there without a value is meant."""
    return text is not None and text.lower() not in ("false", "0")


def _strictness(text: str) -> Strictness:
    for one in _STRICTNESSES:
        if one == text:
            return one
    raise Invalid(f"{text!r} is not known", field="fieldValidation", fix=f"write one of {', '.join(_STRICTNESSES)}")


def _dry_run(text: str) -> bool:
    if text not in ("", "All"):
        raise Invalid(f"{text!r} is not known", field="dryRun", fix="write All")
    return text == "All"


def _number(query: Mapping[str, str], name: str, what: str) -> int:
    text = query.get(name) or "0"
    if not (text.isascii() and text.isdigit()):
        raise Invalid(f"{text!r} is no number of {what}", field=name)
    return int(text)
