"""`kanal pause` and `kanal resume`: a subscription or trigger that rests, its place kept."""

from __future__ import annotations

from kanal.cli.naming import Namespace, Reference, named
from kanal.cli.server import LOCAL, Server, ask


def pause(name: Reference, namespace: Namespace = "default", server: Server = LOCAL) -> None:
    """Deliver nothing more to a subscriber until `kanal resume`; its events wait in Kafka, its place in them is kept."""
    _set(server, namespace, name, paused=True)


def resume(name: Reference, namespace: Namespace = "default", server: Server = LOCAL) -> None:
    """Deliver again what waited during the pause, and what comes."""
    _set(server, namespace, name, paused=False)


def _set(server: str, namespace: str, name: str, *, paused: bool) -> None:
    one = named(server, namespace, name)
    answer = ask(server, "PUT", one.path("pace"), {"paused": paused})
    word = "paused" if paused else "resumed"
    was = "" if answer["changed"] else f" already: it was {'paused' if paused else 'not paused'}"
    print(f"{one} {word}{was}")
