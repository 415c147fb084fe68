"""References become URLs: a Destination among the objects of a snapshot (behaviour §11).

Nothing is fetched. A channel's address follows from the installation's options; what somebody else keeps has been looked up
on a cluster, and stands in the snapshot. A Service, Kubernetes' or Knative's, that is not there is looked up in the
options' table, then in their template, because at home there is no cluster to ask.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from eventing.errors import Invalid, NotFound
from eventing.kinds.destination import Destination, join
from eventing.kinds.key import Key
from eventing.kinds.service import URL_ANNOTATION
from eventing.kinds.translate import field_errors
from eventing.plan.addresses import Home
from eventing.plan.claims import ADDRESS_NAME
from eventing.plan.names import filled
from eventing.plan.options import Foreign, Options
from eventing.plan.status import url_of

LONGEST_URL = 8_192
"""Characters; URLs travel in the plan, whose rows are Kafka records, and one that is too large would hold up all others."""
_SERVICES = ("", "serving.knative.dev")
_CONDITIONS_SAY = "its own conditions say why"


class Resolver:
    """Resolves destinations.

    `addresses` are the addressable objects of the snapshot and their URLs, "" for one that can't be reached; `elsewhere` is
    what was looked up of other kinds.
    """

    def __init__(self, addresses: Mapping[Key, str], options: Options, elsewhere: Mapping[Key, Foreign]) -> None:
        self._addresses = addresses
        self._options = options
        self._elsewhere = elsewhere
        self._home = Home(options, addresses.values())

    def url(self, destination: Destination, namespace: str, field: str) -> str:
        """The URL of a destination that stands in `field` of an object in `namespace`.

        Raises `NotFound` that names the missing object by kind, namespace and name; `Invalid` where it has no address, or
        one that nobody could use.
        """
        url = self._url(destination, namespace, field)
        if len(url) > LONGEST_URL:
            raise Invalid(f"the URL has {len(url)} characters, more than {LONGEST_URL}", field=field, fix="shorten it")
        return url

    def is_ours(self, url: str) -> bool:
        """Whether this leads to a channel or broker of this installation."""
        return self._home.has(url)

    def require(self, key: Key, field: str) -> None:
        """Raise `Invalid` unless there is such an object that has been looked up."""
        foreign = self._elsewhere.get(key)
        if foreign is None:
            raise NotFound(f"{key} does not exist", field=field, fix=self._apply_it)
        if foreign.problem and not foreign.url and not foreign.status:
            raise Invalid(f"{key} can't be looked up: {foreign.problem}", field=field)

    @property
    def _apply_it(self) -> str:
        return "apply it, or correct the reference" if self._options.in_cluster else ""

    def _url(self, destination: Destination, namespace: str, field: str) -> str:
        ref = destination.ref
        if ref is None:
            return destination.uri or ""
        key = Key(ref.kind_group, ref.kind, ref.namespace or namespace, ref.name)
        if key in self._addresses:
            base = self._own(key, ref.address, field)
        elif key.kind == "Service" and key.group in _SERVICES:
            base = self._service(key, ref.address, field)
        else:
            base = self._foreign(key, ref.address, field)
        return join(base, destination.uri)

    def _own(self, key: Key, name: str | None, field: str) -> str:
        if not self._addresses[key]:
            raise Invalid(f"{key} has no address", field=field, fix=_CONDITIONS_SAY)
        if name not in (None, ADDRESS_NAME):
            raise _nameless(key, str(name), [ADDRESS_NAME], field)
        return self._addresses[key]

    def _foreign(self, key: Key, name: str | None, field: str) -> str:
        """The address of somebody else's object: that of the name that the reference asks for, or the first."""
        self.require(key, field)
        foreign = self._elsewhere[key]
        if name is not None:
            named = _named(foreign)
            if name not in named:
                raise _nameless(key, name, list(named), field)
            return _usable(named[name], key, field)
        if not foreign.url:
            raise Invalid(f"{key} has no address", field=field, fix=_CONDITIONS_SAY)
        return _usable(foreign.url, key, field)

    def _service(self, key: Key, name: str | None, field: str) -> str:
        foreign = self._elsewhere.get(key)
        if foreign is not None and foreign.url:
            return self._foreign(key, name if key.group else None, field)
        table, template = self._options.services, self._options.service_template
        found = table.get(f"{key.namespace}/{key.name}") or (
            table.get(key.name) if key.namespace == "default" else None
        )
        external = "" if foreign is None else url_of(foreign.status)
        if found or external:
            return found or external
        if template:
            return filled(template, "resolve.service_template", name=key.name, namespace=key.namespace)
        if self._options.in_cluster or (foreign is not None and foreign.problem):
            return self._foreign(key, None, field)
        place = key.name if key.namespace == "default" else f"{key.namespace}/{key.name}"
        fix = f"name it with --service {place}=http://HOST:PORT"
        if foreign is None:
            raise NotFound(f"{key} does not exist", field=field, fix=fix)
        fix = f"annotate it with {URL_ANNOTATION}, or {fix}"
        raise Invalid(f"nothing says where {key} is reached from here", field=field, fix=fix)


def _usable(url: str, key: Key, field: str) -> str:
    """The URL that somebody else's object tells, if a person might write it too: anything at all may stand in its status."""
    try:
        Destination(uri=url)
    except ValidationError as error:
        message = field_errors(Destination, error)[0].message
        raise Invalid(
            f"{key} has an address that can't be used: {message}", field=field, fix=_CONDITIONS_SAY
        ) from error
    return url


def _named(foreign: Foreign) -> dict[str, str]:
    """The URLs of an object by the names of its addresses; whatever else somebody wrote there is left out."""
    found = foreign.status.get("addresses")
    addresses = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    texts = ((one.get("name"), one.get("url")) for one in addresses)
    return {name: url for name, url in texts if isinstance(name, str) and isinstance(url, str)}


def _nameless(key: Key, name: str, known: list[str], field: str) -> Invalid:
    fix = f"its addresses are called {', '.join(known)}" if known else "take address out of the reference"
    return Invalid(f"{key} has no address that is called {name}", field=field, fix=fix)
