"""From documents to the picture."""

from __future__ import annotations

from collections.abc import Iterable

from kanal.graph.documents import Document, Library, Named, at, name_of
from kanal.graph.draft import Draft, Kept, role_of
from kanal.graph.flows import draw_flow, folding
from kanal.graph.model import Graph
from kanal.graph.readers import draw_subscription, draw_trigger

_MESSAGING = "messaging.knative.dev"


def graph_of(documents: Iterable[Document], kept: Kept, *, running: bool = True, children: bool = False) -> Graph:
    """Draw the documents; kinds that take no part in the way of events are passed over.

    `kept` names the dead letter topic of a reader. Not `running`: nobody has looked at Kafka or the ingresses, so only what
    the documents themselves get wrong is broken. With `children` flows and Channels are drawn as the parts made for them.
    """
    library = Library(documents)
    folded = {} if children else folding(library)
    draft = Draft(library, folded, kept, running=running)
    shown = [document for document in library if name_of(document).key not in folded]
    for document in shown:
        if role_of(name_of(document).kind) == "flow":
            (_lead_to_first if children else draw_flow)(draft, document)
    hubs = [document for document in shown if role_of(name_of(document).kind) in ("broker", "channel")]
    for document in hubs:
        draft.show(document)
        if children:
            _lead_to_backing(draft, document)
    for document in shown:
        _draw_rest(draft, document)
    for document in hubs:
        _draw_unused_sink(draft, document)
    return draft.graph()


def _draw_rest(draft: Draft, document: Document) -> None:
    match role_of(name_of(document).kind, document):
        case "trigger":
            draw_trigger(draft, document)
        case "subscription":
            draw_subscription(draft, document)
        case "source":
            _draw_source(draft, document)


def _draw_source(draft: Draft, document: Document) -> None:
    key, namespace = draft.show(document), name_of(document).namespace
    draft.send(key, at(document, "spec", "sink"), namespace, "sends to")
    draft.send(key, at(document, "spec", "delivery", "deadLetterSink"), namespace, "dead letter")


def _draw_unused_sink(draft: Draft, document: Document) -> None:
    """A dead letter sink that no reader takes is drawn from its hub, so that one which leads nowhere is seen."""
    named = name_of(document)
    if not draft.is_inherited(named.key):
        draft.send(named.key, at(document, "spec", "delivery", "deadLetterSink"), named.namespace, "dead letter")


def _lead_to_first(draft: Draft, document: Document) -> None:
    named, key = name_of(document), draft.show(document)
    infix = "-kn-sequence-0" if named.kind == "Sequence" else "-kn-parallel"
    for kind in ("Channel", "KafkaChannel"):
        first = Named(_MESSAGING, kind, named.namespace, named.name + infix)
        if draft.library.get(first.key) is not None:
            draft.join(key, draft.refer(first), "sends to")
            return


def _lead_to_backing(draft: Draft, document: Document) -> None:
    named = name_of(document)
    behind = Named(_MESSAGING, "KafkaChannel", named.namespace, named.name)
    if named.kind == "Channel" and draft.library.get(behind.key) is not None:
        draft.join(named.key, draft.refer(behind), "sends to")
