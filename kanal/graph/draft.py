"""The picture while it is drawn: nodes and edges gather here, and references become nodes.

A reference that leads to a resource is drawn to it, whether it says so by kind and name or by the resource's URL. What is
part of something else (a KafkaChannel behind a Channel, the channels of a flow) is drawn as the whole to which it belongs.
What does not exist is a node too, a broken one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kanal.graph.documents import (
    Document,
    Library,
    Named,
    address_of,
    addresses_of,
    at,
    meant_by,
    name_of,
    same_url,
    text_at,
)
from kanal.graph.model import MEANINGS, ROLES, Edge, Graph, Group, Meaning, Node, Role, key_text
from kanal.graph.state import MISSING, OK, Judgement, judge

Kept = Callable[[str, str, str], str]
"""The dead letter topic of a reader, by its kind, namespace and name."""

_ROLES: Mapping[str, Role] = {
    "Broker": "broker",
    "Sequence": "flow",
    "Parallel": "flow",
    "Trigger": "trigger",
    "Subscription": "subscription",
}


def role_of(kind: str, document: Document | None = None) -> Role:
    """What an object does in the picture; whatever has a sink is a source."""
    if kind in _ROLES:
        return _ROLES[kind]
    if kind.endswith("Channel"):
        return "channel"
    return "source" if isinstance(at(document, "spec", "sink"), Mapping) else "subscriber"


class Draft:
    """Gathers; `folded` says, by the key of a part, the key of the node that stands for it."""

    def __init__(self, library: Library, folded: Mapping[str, str], kept: Kept, *, running: bool) -> None:
        self.library = library
        self.running = running
        self._folded = folded
        self._kept = kept
        self._nodes: dict[str, Node] = {}
        self._edges: dict[Edge, None] = {}
        self._groups: list[Group] = []
        self._heirs: set[str] = set()
        self._addresses: dict[str, Named] = {}
        for document in sorted(library, key=lambda one: name_of(one).key in folded):
            for url in addresses_of(document):
                self._addresses.setdefault(same_url(url), name_of(document))

    def add(self, node: Node) -> str:
        """Add a node unless one of its key is there; its key."""
        self._nodes.setdefault(node.key, node)
        return node.key

    def join(self, source: str, target: str, meaning: Meaning, text: str = "") -> None:
        """Add an edge."""
        self._edges[Edge(source, target, meaning, text)] = None

    def gather(self, group: Group) -> None:
        """Add a group, the members of which are there."""
        self._groups.append(group)

    def judged(self, document: Document) -> Judgement:
        """The state of a document."""
        return judge(document, running=self.running)

    def show(self, document: Document) -> str:
        """The node of a document as it is; its key."""
        named = name_of(document)
        return self._put(named, role_of(named.kind, document), self.judged(document), address_of(document))

    def refer(self, named: Named) -> str:
        """The node that a reference leads to; its key."""
        place = self._folded.get(named.key, named.key)
        for key in (place, named.key):
            if key in self._nodes:
                return key
        for key in (place, named.key):
            document = self.library.get(key)
            if document is not None:
                return self.show(document)
        lost = named.is_eventing or self.library.complains_of(named)
        return self._put(named, role_of(named.kind), MISSING if lost else OK, "")

    def reach(self, destination: Any, namespace: str) -> tuple[str, str] | None:
        """The node that a destination leads to, and the path behind its address; None where it leads nowhere."""
        ref, uri = at(destination, "ref"), text_at(destination, "uri")
        if isinstance(ref, Mapping):
            return self.refer(meant_by(ref, namespace)), uri
        if not uri:
            return None
        known = self._addresses.get(same_url(uri))
        if known is not None:
            return self.refer(known), ""
        return self.add(Node(key_text("URL", "", uri), "subscriber", "URL", "", uri, uri)), ""

    def send(self, source: str, destination: Any, namespace: str, meaning: Meaning, remark: str = "") -> None:
        """Draw to where a destination leads, if it leads anywhere."""
        found = self.reach(destination, namespace)
        if found is not None:
            target, path = found
            self.join(source, target, meaning, " ".join(filter(None, (path, remark))))

    def dead_letters(self, reader: str, named: Named, delivery: Any, hub: str, above: Any, namespace: str) -> None:
        """Draw what happens to what `reader` can't deliver: its own sink, the one of its hub, or its topic.

        `named` is the object whose topic it is. `delivery` are its options; `hub` is the key of what it reads, `above` the
        options there and `namespace` where they stand.
        """
        own = at(delivery, "deadLetterSink")
        if own:
            self.send(reader, own, named.namespace, "dead letter")
        elif at(above, "deadLetterSink"):
            self._heirs.add(hub)
            self.send(reader, at(above, "deadLetterSink"), namespace, "dead letter", "inherited")
        else:
            topic = self._kept(named.kind, named.namespace, named.name)
            self.join(reader, self._grave_of(self._nodes[hub]), "dead letter", topic)

    def _grave_of(self, hub: Node) -> str:
        """One node for the dead letter topics of all that read the hub: a hundred triggers would else bring a hundred."""
        name = f"{hub.kind}/{hub.name}"
        key = key_text("KeptDeadLetters", hub.namespace, name)
        return self.add(Node(key, "dead letters", "KeptDeadLetters", hub.namespace, name, f"of {hub.title}"))

    def is_inherited(self, hub: str) -> bool:
        """Whether some reader of the hub takes its dead letter sink."""
        return hub in self._heirs

    def graph(self) -> Graph:
        """What was drawn, in its lasting order."""
        nodes = sorted(self._nodes.values(), key=_rank)
        order = {node.key: index for index, node in enumerate(nodes)}
        edges = sorted(self._edges, key=lambda e: (order[e.source], MEANINGS.index(e.meaning), order[e.target], e.text))
        return Graph(tuple(nodes), tuple(edges), tuple(sorted(self._groups, key=lambda group: group.key)))

    def _put(self, named: Named, role: Role, judgement: Judgement, detail: str) -> str:
        kind, place = named.shown_kind, (named.namespace, named.name)
        return self.add(Node(named.key, role, kind, *place, named.name, *judgement, detail))


def _rank(node: Node) -> tuple[int, str, str, str, str]:
    return ROLES.index(node.role), node.namespace, node.group, node.kind, node.name
