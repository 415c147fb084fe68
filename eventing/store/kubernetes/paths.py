"""Where an object is in the API: paths, and what a path means in a message. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """What a path leads to. `plural` is empty for discovery, `namespace` for what is in none or in all."""

    group: str
    plural: str
    namespace: str
    name: str
    part: str

    @property
    def resource(self) -> str:
        """As a ClusterRole writes it: `brokers.eventing.knative.dev`, with `/status` where only that is meant."""
        resource = f"{self.plural}.{self.group}" if self.plural and self.group else self.plural
        return f"{resource}/{self.part}" if self.part else resource

    def __str__(self) -> str:
        name = "/".join(filter(None, (self.namespace, self.name)))
        return " ".join(filter(None, (self.resource, name))) or "the API"


def path_of(api_version: str, plural: str, namespace: str = "", name: str = "", part: str = "") -> str:
    """`/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL/NAME/PART`; what is empty is left out, `v1` is the core group."""
    place = ["namespaces", namespace] if namespace else []
    return "/".join([root_of(api_version), *place, *filter(None, (plural, name, part))])


def root_of(api_version: str) -> str:
    """Where a version of a group lists its resources."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def place_of(path: str) -> Place:
    """What a path leads to."""
    words = path.strip("/").split("/")
    group, rest = (words[1], words[3:]) if words[0] == "apis" and len(words) > 1 else ("", words[2:])
    namespace = ""
    # `namespaces/x` itself is an object too, in no namespace.
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    plural, name, part = (*rest, "", "", "")[:3]
    return Place(group, plural, namespace, name, part)
