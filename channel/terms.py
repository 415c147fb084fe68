"""What an address asks of each event beyond being one: passes left (`knativebrokerttl`), and data that fits its type's schema.

Made anew with each plan and kept by resource, so that an event meets schemas that are compiled, and an address that asks for
nothing has no terms at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from eventing import ttl
from eventing.codec.json import element
from eventing.errors import Invalid
from eventing.event import Event
from eventing.plan.model import Ingress
from eventing.schemas import Schema, compiled


class Terms:
    """The terms of one address; `ttl` is None where events may pass without limit, `schemas` are by event type."""

    __slots__ = ("_schemas", "_ttl")

    def __init__(self, limit: int | None, schemas: Mapping[str, Schema]) -> None:
        self._ttl = limit
        self._schemas = schemas

    def admitted(self, events: Sequence[Event]) -> list[Event]:
        """The events of one request as they are stored. Raises `Invalid`, which says which one, where any is refused."""
        if len(events) == 1:
            return [self._admitted(events[0])]
        found = []
        for number, event in enumerate(events, 1):
            with element(number):
                found.append(self._admitted(event))
        return found

    def _admitted(self, event: Event) -> Event:
        schema = self._schemas.get(event.type)
        if schema is not None:
            schema.check(event)
        return event if self._ttl is None else ttl.entering(event, self._ttl)


class Rules:
    """The terms of a plan, by uid of the ingress; only of those that have any."""

    def __init__(self) -> None:
        self.terms: dict[str, Terms] = {}
        self.broken: dict[str, str] = {}
        """By text of a schema, why it can't be used; the data of its types is not looked at."""
        self._compiled: dict[str, Schema] = {}

    def replace(self, ingresses: Iterable[Ingress]) -> None:
        """Go by these from now on; a schema that was there before is not compiled again."""
        asking = [one for one in ingresses if one.ttl is not None or one.schemas]
        texts = {text for one in asking for text in one.schemas.values()}
        self.broken = {text: why for text, why in self.broken.items() if text in texts}
        known = {text: schema for text, schema in self._compiled.items() if text in texts}
        for text in texts - known.keys() - self.broken.keys():
            try:
                known[text] = compiled(text)
            except Invalid as error:
                self.broken[text] = str(error)
        self._compiled = known
        self.terms = {
            one.uid: Terms(one.ttl, {type_: known[text] for type_, text in one.schemas.items() if text in known})
            for one in asking
        }
