"""How a verb names a subscription, and the path under which the controller serves what can be done with it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlencode

import typer

from eventing.errors import Invalid

Namespace = Annotated[str, typer.Option("--namespace", "-n", help="The namespace of the subscription.")]
Reference = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="NAME or subscription/NAME.")]
ROOT = "/operations/v1"
_KINDS = ("subscription", "subscriptions", "sub", "subs")


def named(text: str) -> str:
    """The name in `NAME` or `subscription/NAME`. Raises `Invalid` for another kind, or none."""
    kind, slash, name = text.rpartition("/")
    if not name or (slash and kind.lower() not in _KINDS):
        raise Invalid(f"{text!r} names no subscription", fix="write NAME or subscription/NAME")
    return name


def path(namespace: str, text: str, what: str, **query: object) -> str:
    """The path of something about one subscription; a query parameter that is None or empty is left out."""
    place = f"{ROOT}/namespaces/{quote(namespace, safe='')}/subscriptions/{quote(named(text), safe='')}/{what}"
    given = [(name, value) for name, value in query.items() if value is not None and value not in ("", [])]
    return f"{place}?{urlencode(given, doseq=True)}" if given else place
