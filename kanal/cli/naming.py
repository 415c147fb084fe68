"""How a verb names a subscription or trigger, and the paths under which the controller serves what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from eventing.errors import Invalid
from kanal.cli.server import ask

Namespace = Annotated[str, typer.Option("--namespace", "-n", help="The namespace of the subscription or trigger.")]
Reference = Annotated[
    str, typer.Argument(metavar="NAME", help="NAME, subscription/NAME or trigger/NAME; NAME finds either.")
]
ROOT = "/operations/v1"
PLURALS = {"Subscription": "subscriptions", "Trigger": "triggers"}
_WORDS = {
    "subscription": "Subscription", "subscriptions": "Subscription", "sub": "Subscription", "subs": "Subscription",
    "trigger": "Trigger", "triggers": "Trigger",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """A subscription or trigger."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    def path(self, what: str, **query: object) -> str:
        """The path of something about it; a query parameter that is None or empty is left out."""
        place = f"{_inside(self.namespace)}/{PLURALS[self.kind]}/{quote(self.name, safe='')}/{what}"
        given = [(name, value) for name, value in query.items() if value is not None and value not in ("", [])]
        return f"{place}?{urlencode(given, doseq=True)}" if given else place


def parted(text: str) -> tuple[str, str]:
    """Kind and name in `KIND/NAME`; the kind is empty in a bare `NAME`. Raises `Invalid` for another kind, or no name."""
    word, slash, name = text.rpartition("/")
    kind = _WORDS.get(word.lower(), "")
    if not name or (slash and not kind):
        fix = "write NAME, subscription/NAME or trigger/NAME"
        raise Invalid(f"{text!r} names no subscription and no trigger", fix=fix)
    return kind, name


def named(server: str, namespace: str, text: str) -> Named:
    """What `NAME` or `KIND/NAME` means. The controller is asked whose a bare name is, and refuses one that both kinds have."""
    kind, name = parted(text)
    if not kind:
        kind = ask(server, "GET", f"{_inside(namespace)}/named/{quote(name, safe='')}")["kind"]
    return Named(kind, namespace, name)


def _inside(namespace: str) -> str:
    return f"{ROOT}/namespaces/{quote(namespace, safe='')}"
