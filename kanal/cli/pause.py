"""`kanal pause` and `kanal resume`: a subscription that rests, its place kept."""

from __future__ import annotations

from kanal.cli.naming import Namespace, Reference, named, path
from kanal.cli.server import LOCAL, Server, ask


def pause(subscription: Reference, namespace: Namespace = "default", server: Server = LOCAL) -> None:
    """Deliver nothing more to a subscriber until `kanal resume`; its events wait in Kafka, its place in them is kept."""
    _set(server, namespace, subscription, paused=True)


def resume(subscription: Reference, namespace: Namespace = "default", server: Server = LOCAL) -> None:
    """Deliver again what waited while the subscription was paused, and what comes."""
    _set(server, namespace, subscription, paused=False)


def _set(server: str, namespace: str, subscription: str, *, paused: bool) -> None:
    answer = ask(server, "PUT", path(namespace, subscription, "pace"), {"paused": paused})
    word = "paused" if paused else "resumed"
    was = "" if answer["changed"] else f" already: it was {'paused' if paused else 'not paused'}"
    print(f"{namespace}/{named(subscription)} {word}{was}")
