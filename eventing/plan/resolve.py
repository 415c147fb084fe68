"""References become URLs: a Destination among the objects of a snapshot (behaviour §11).

Nothing is fetched. A channel's address follows from the installation's options; a Service, Kubernetes' or Knative's, is
looked up in the options' table, then in their template, because at home there is no cluster to ask.
"""

from __future__ import annotations

from collections.abc import Mapping

from eventing.errors import Invalid, NotFound
from eventing.kinds.destination import Destination, join
from eventing.kinds.key import Key
from eventing.plan.names import filled
from eventing.plan.options import Options

LONGEST_URL = 8_192
"""Characters; URLs travel in the plan, whose rows are Kafka records, and one that is too large would hold up all others."""
_SERVICES = ("", "serving.knative.dev")


class Resolver:
    """Resolves destinations; `addresses` are the addressable objects of the snapshot and their URLs, "" for one that can't be reached."""

    def __init__(self, addresses: Mapping[Key, str], options: Options) -> None:
        self._addresses = addresses
        self._options = options

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
        return url.startswith(self._options.base_url.rstrip("/") + "/")

    def _url(self, destination: Destination, namespace: str, field: str) -> str:
        ref = destination.ref
        if ref is None:
            return destination.uri or ""
        key = Key(ref.kind_group, ref.kind, ref.namespace or namespace, ref.name)
        if key.kind == "Service" and key.group in _SERVICES:
            return join(self._service(key, field), destination.uri)
        if key not in self._addresses:
            raise NotFound(f"{key} does not exist", field=field)
        if not self._addresses[key]:
            raise Invalid(f"{key} has no address", field=field, fix="its own conditions say why")
        return join(self._addresses[key], destination.uri)

    def _service(self, key: Key, field: str) -> str:
        table, template = self._options.services, self._options.service_template
        found = table.get(f"{key.namespace}/{key.name}") or (
            table.get(key.name) if key.namespace == "default" else None
        )
        if found:
            return found
        if template:
            return filled(template, "resolve.service_template", name=key.name, namespace=key.namespace)
        place = key.name if key.namespace == "default" else f"{key.namespace}/{key.name}"
        raise NotFound(f"{key} does not exist", field=field, fix=f"name it with --service {place}=http://HOST:PORT")
