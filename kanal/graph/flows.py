"""Sequences and Parallels as what they mean: a group with its steps or branches, in the place of the children made for them.

The children's names follow from the flow's (behaviour §10.6, §10.7); each step's node has the key of the child Subscription
that delivers to it, so its state is that of the child.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kanal.graph.documents import Document, Library, Named, address_of, at, list_at, name_of, owner_of
from kanal.graph.draft import Draft
from kanal.graph.model import Group, Node, key_text
from kanal.graph.state import Judgement, worst

_CHANNELS = {"Channel": "messaging.knative.dev", "KafkaChannel": "messaging.knative.dev"}
_INFIX = {"Sequence": "-kn-sequence", "Parallel": "-kn-parallel"}


def folding(library: Library) -> dict[str, str]:
    """The node that stands for each part of a Channel or flow, by the part's key."""
    places: dict[str, str] = {}
    owners = [(name_of(document), owner_of(document)) for document in library]
    owned = [(part, owner) for part, owner in owners if owner is not None and library.get(owner.key) is not None]
    for part, owner in owned:
        if owner.kind in _INFIX:
            first = part.name in (owner.name + "-kn-sequence-0", owner.name + "-kn-parallel")
            is_head = first and part.kind != "Subscription"
            places[part.key] = owner.key if is_head else _delivery_key(part.namespace, part.name)
    for part, owner in owned:
        if owner.kind == "Channel":
            places[part.key] = places.get(owner.key, owner.key)
    return places


def draw_flow(draft: Draft, document: Document) -> None:
    """A Sequence or Parallel as a group."""
    members = _PARTS[name_of(document).kind](draft, document)
    named = name_of(document)
    draft.gather(Group(named.key, f"{named.kind} {named.namespace}/{named.name}", tuple(members)))


def _sequence(draft: Draft, document: Document) -> Iterator[str]:
    named, steps = name_of(document), list_at(document, "spec", "steps")
    before = head = _head(draft, document, f"{named.name}-kn-sequence-0")
    yield head
    for index, step in enumerate(steps):
        child = f"{named.name}-kn-sequence-{index}"
        key = _step(draft, document, child, f"step {index + 1}", channel=child if index else "")
        draft.join(before, key, "reply" if index else "reads from")
        draft.send(key, step, named.namespace, "sends to")
        _dead_letters(draft, document, key, child, at(step, "delivery"), child)
        before = key
        yield key
    if steps:
        draft.send(before, at(document, "spec", "reply"), named.namespace, "reply")


def _parallel(draft: Draft, document: Document) -> Iterator[str]:
    named, ingress = name_of(document), f"{name_of(document).name}-kn-parallel"
    head = _head(draft, document, ingress)
    yield head
    for index, branch in enumerate(list_at(document, "spec", "branches")):
        child, sieve = f"{ingress}-{index}", f"{ingress}-filter-{index}"
        filtered = isinstance(at(branch, "filter"), Mapping)
        also = () if filtered else (sieve,)
        key = _step(draft, document, child, f"branch {index + 1}", *also, channel=child)
        if filtered:
            before = _step(draft, document, sieve, f"filter {index + 1}")
            draft.join(head, before, "reads from")
            draft.send(before, at(branch, "filter"), named.namespace, "sends to")
            draft.join(before, key, "reply")
            _dead_letters(draft, document, before, sieve, None, ingress)
            yield before
        else:
            draft.join(head, key, "reads from")
        draft.send(key, at(branch, "subscriber"), named.namespace, "sends to")
        draft.send(key, at(branch, "reply") or at(document, "spec", "reply"), named.namespace, "reply")
        _dead_letters(draft, document, key, child, at(branch, "delivery"), child)
        yield key


_PARTS: Mapping[str, Callable[[Draft, Document], Iterator[str]]] = {"Sequence": _sequence, "Parallel": _parallel}


def _head(draft: Draft, document: Document, channel: str) -> str:
    """The flow's own node: its address and the channel behind it."""
    named = name_of(document)
    judgement = worst([draft.judged(document), *_of_channels(draft, named.namespace, channel)])
    place = (named.kind, named.namespace, named.name, named.name)
    return draft.add(Node(named.key, "flow", *place, *judgement, address_of(document), named.key))


def _step(draft: Draft, document: Document, child: str, label: str, *also: str, channel: str = "") -> str:
    """One step: the Subscription `child`, further ones that only serve it, and the channel from which it reads."""
    namespace = name_of(document).namespace
    parts = [_of_subscription(draft, namespace, name) for name in (child, *also)]
    judgement = worst([*parts, *(_of_channels(draft, namespace, channel) if channel else ())])
    key = _delivery_key(namespace, child)
    return draft.add(
        Node(key, "step", "Subscription", namespace, child, label, *judgement, group=name_of(document).key)
    )


def _of_subscription(draft: Draft, namespace: str, name: str) -> Judgement:
    document = draft.library.get(_delivery_key(namespace, name))
    if document is not None:
        return draft.judged(document)
    return (
        Judgement("unknown", f"Subscription {namespace}/{name} is not there yet") if draft.running else Judgement("ok")
    )


def _of_channels(draft: Draft, namespace: str, name: str) -> Iterator[Judgement]:
    for document in _channels(draft, namespace, name):
        yield draft.judged(document)


def _channels(draft: Draft, namespace: str, name: str) -> Iterator[Document]:
    for kind, group in _CHANNELS.items():
        document = draft.library.get(Named(group, kind, namespace, name).key)
        if document is not None:
            yield document


def _dead_letters(draft: Draft, flow: Document, key: str, child: str, delivery: Any, channel: str) -> None:
    """`channel` is the name of the one that the child reads; until it is there, the template says what it will have."""
    named = name_of(flow)
    above = at(next(_channels(draft, named.namespace, channel), None), "spec", "delivery")
    above = above or at(flow, "spec", "channelTemplate", "spec", "delivery")
    draft.dead_letters(
        key, named._replace(kind="Subscription", name=child), delivery, named.key, above, named.namespace
    )


def _delivery_key(namespace: str, name: str) -> str:
    return key_text("Subscription", namespace, name)
