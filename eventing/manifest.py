"""The YAML of one file becomes resources, and everything that is wrong with it a problem with file, line and fix.

Pure: reading the file is its caller's business. A bad document never hides the others. What only a server sets (uid,
status, ...) is dropped, because a file says what is wanted and not what is. What is not Kanal's to run, as a Deployment that
stands beside its Trigger, is left alone, which is a remark and no problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventing.kinds.field_error import FieldError, Path
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Features, ObjectMeta, Resource
from eventing.kinds.registry import AT_HOME, KINDS, InvalidResource, parse, title
from eventing.kinds.wording import sort_of
from eventing.yamltext import documents
from eventing.yamltree import Document, Flaw

_NO_FEATURES = Features()
_OUR_GROUPS = {*(kind.GROUP for kind in KINDS if kind.GROUP), "sources.knative.dev"}
_LISTS = {"List", *(f"{kind.KIND}List" for kind in KINDS)}
_WRITTEN = ("name", "namespace", "labels", "annotations", "finalizers", "owner_references")


@dataclass(frozen=True, slots=True)
class Located:
    """A resource and where it is written."""

    resource: Resource
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to mend; prints as `FILE:LINE: OBJECT: FIELD: MESSAGE; FIX`, without the parts that are not known."""

    file: str
    line: int
    object: str
    field: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        text = ": ".join(filter(None, (f"{self.file}:{self.line}", self.object, self.field, self.message)))
        return f"{text}; {self.fix}" if self.fix else text


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one file, or several, hold; all lists in the order of the text."""

    resources: list[Located] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)
    """What was left alone."""


def read(data: str | bytes, file: str, features: Features = _NO_FEATURES) -> Manifest:
    """Read the text of `file`. Never raises: whatever the text is, what can't be used of it is in `problems`."""
    manifest = Manifest()
    for found in documents(data):
        if isinstance(found, Flaw):
            manifest.problems.append(Problem(file, found.line, "", "", found.message, found.fix))
        else:
            part = _read_document(found, file, features)
            manifest.resources.extend(part.resources)
            manifest.problems.extend(sorted(part.problems, key=lambda one: one.line))
            manifest.remarks.extend(part.remarks)
    return combine([manifest])


def combine(manifests: Iterable[Manifest]) -> Manifest:
    """Several files as one; of resources that are there twice the first stays, and each other one is a problem."""
    together = Manifest()
    first: dict[Key, Located] = {}
    for manifest in manifests:
        together.problems.extend(manifest.problems)
        together.remarks.extend(manifest.remarks)
        for located in manifest.resources:
            key = key_of(located.resource)
            before = first.setdefault(key, located)
            if before is located:
                together.resources.append(located)
                continue
            message = f"the same resource is in {before.file}:{before.line} already, and that one is used"
            fix = "take one of the two out, or give it another name"
            together.problems.append(Problem(located.file, located.line, str(key), "", message, fix))
    return together


def _read_document(found: Document, file: str, features: Features) -> Manifest:
    """The resources of one document, none where the document itself has flaws, and all that is to be said of it."""
    items = list(_items(found.value, ()))
    where = title(items[0][0]) if len(items) == 1 else ""
    manifest = Manifest(problems=[Problem(file, flaw.line, where, "", flaw.message, flaw.fix) for flaw in found.flaws])
    for value, path in items:
        if _is_foreign(value):
            remark = f"left alone: a {value['kind']} of {value['apiVersion']} is not Kanal's to run"
            manifest.remarks.append(Problem(file, found.line_of(path), title(value), "", remark))
            continue
        resource, errors = _resource(value, path, found, features)
        manifest.problems.extend(
            Problem(file, found.line_of(path + one.path), title(value), one.field, one.message, one.fix)
            for one in errors
        )
        if resource is not None and not errors and not found.flaws:
            manifest.resources.append(Located(_as_written(resource), file, found.line_of(path)))
    return manifest


def _is_foreign(value: Any) -> bool:
    """Whether this is a resource of somebody else's kind, in somebody else's group."""
    kind, version = (value.get("kind"), value.get("apiVersion")) if isinstance(value, Mapping) else (None, None)
    if not isinstance(kind, str) or not isinstance(version, str) or not kind or not version:
        return False
    group = version.rpartition("/")[0]
    if (group, kind) in ((one.GROUP, one.KIND) for one in AT_HOME):
        return False
    return group not in _OUR_GROUPS and kind not in (one.KIND for one in KINDS)


def _items(value: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    """The value itself, or the items of a `kind: List`, however deep lists stand in lists."""
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if isinstance(kind, str) and kind in _LISTS and isinstance(value.get("items"), list):
        for index, item in enumerate(value["items"]):
            yield from _items(item, (*path, "items", index))
    elif value is not None:
        yield value, path


def _resource(
    value: Any, path: Path, found: Document, features: Features
) -> tuple[Resource | None, Sequence[FieldError]]:
    if not isinstance(value, Mapping):
        fix = "begin with apiVersion: and kind:"
        return None, [FieldError((), f"a resource is needed here, not {sort_of(value)}", fix)]
    try:
        resource = parse(value, features=features, spelling=lambda inner: found.spelled(path + inner))
    except InvalidResource as invalid:
        return None, invalid.errors
    if not resource.metadata.name:
        return None, [FieldError(("metadata", "generateName"), "a file needs names that stay", "write name instead")]
    return resource, ()


def _as_written(resource: Resource) -> Resource:
    wanted = {name: getattr(resource.metadata, name) for name in _WRITTEN}
    return resource.model_copy(update={"metadata": ObjectMeta(**wanted), "status": {}})
