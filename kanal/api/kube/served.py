"""What the API serves: each kind in each of its versions, and those of Kubernetes' own kinds that clients count on.

Discovery, OpenAPI and routes are made of this one list, so none of them can name what another does not know.
"""

from __future__ import annotations

from dataclasses import dataclass

from eventing.kinds.meta import Resource
from eventing.kinds.registry import AT_HOME, KINDS

WRITABLE = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
READABLE = ("get", "list", "watch")
STATUS_VERBS = ("get", "patch", "update")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One kind in one version, in the words of discovery; `model` is None where no resource of ours stands behind it."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = WRITABLE
    namespaced: bool = True
    has_status: bool = False
    model: type[Resource] | None = None

    @property
    def group_version(self) -> str:
        """`GROUP/VERSION`; the version alone in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`channels.messaging.knative.dev`, as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def shape(self) -> type[Resource] | None:
        """The model as this version is written."""
        return None if self.model is None else self.model.SHAPES.get(self.version, self.model)


_KINDS = (*KINDS, *AT_HOME)
_NAMES = {name for kind in _KINDS for name in (kind.PLURAL, kind.SINGULAR, *kind.SHORT_NAMES)}


def _of_kind(kind: type[Resource], version: str) -> Served:
    return Served(
        group=kind.GROUP,
        version=version,
        kind=kind.KIND,
        plural=kind.PLURAL,
        singular=kind.SINGULAR,
        short_names=kind.SHORT_NAMES,
        # `kubectl get channel NAME` finds no object where `channel` is a category, too, as it is in Knative's own CRDs.
        categories=tuple(one for one in kind.CATEGORIES if one not in _NAMES),
        has_status=bool(kind.DEPENDENTS),
        model=kind,
    )


NAMESPACE = Served(
    group="",
    version="v1",
    kind="Namespace",
    plural="namespaces",
    singular="namespace",
    short_names=("ns",),
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    namespaced=False,
)
EVENT = Served(
    group="",
    version="v1",
    kind="Event",
    plural="events",
    singular="event",
    short_names=("ev",),
    verbs=READABLE,
)
DEFINITION = Served(
    group="apiextensions.k8s.io",
    version="v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    singular="customresourcedefinition",
    short_names=("crd", "crds"),
    verbs=READABLE,
    namespaced=False,
)
SERVED: tuple[Served, ...] = (
    NAMESPACE,
    EVENT,
    DEFINITION,
    *(_of_kind(kind, version) for kind in _KINDS for version in kind.VERSIONS),
)


def find(group: str, version: str, plural: str) -> Served | None:
    """The one of this path."""
    return next((one for one in SERVED if (one.group, one.version, one.plural) == (group, version, plural)), None)


def versions(group: str) -> tuple[str, ...]:
    """The versions of a group, the one that most of its kinds prefer first."""
    order: dict[str, int] = {}
    for one in SERVED:
        if one.group == group:
            preferred = one.model is None or one.model.VERSIONS[0] == one.version
            order[one.version] = order.get(one.version, 0) + preferred
    return tuple(sorted(order, key=lambda version: (-order[version], version)))


def groups() -> tuple[str, ...]:
    """Every named group, in the order of the kinds."""
    return tuple(dict.fromkeys(one.group for one in SERVED if one.group))


def within(group: str, version: str) -> tuple[Served, ...]:
    """What one version of a group holds."""
    return tuple(one for one in SERVED if (one.group, one.version) == (group, version))
