"""Under which URLs and host names channels and Brokers are reached (behaviour §1.3).

At home all of them are paths of one base URL. On a cluster a template makes the address of each kind: a channel has a host
of its own there, a Broker a path of the ingress that all Brokers share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from eventing.kinds.broker import Broker
from eventing.kinds.key import Key
from eventing.plan import names
from eventing.plan.options import Options

_IN_CLUSTER = re.compile(r"\.svc(\..*)?$")


def path(key: Key) -> str:
    """The path under which every ingress knows it."""
    return f"/{key.namespace}/{key.name}"


def address(options: Options, key: Key) -> str:
    """The URL to which events for this channel or Broker are POSTed. Raises `Invalid` where the template makes none."""
    broker = key.kind == Broker.KIND
    template = options.broker_url if broker else options.channel_url
    if not template:
        return _base(options) + path(key)
    facts = {"namespace": key.namespace, "name": key.name}
    if not broker:
        facts["service"] = names.channel_service(key.name)
    return names.filled(template, f"the address of a {key.kind}", **facts)


def hosts(options: Options, key: Key) -> tuple[str, ...]:
    """The host names under which a KafkaChannel is known without a path."""
    found = [names.channel_host(key.namespace, key.name)]
    parts = urlsplit(address(options, key))
    if options.channel_url and parts.hostname and parts.path in ("", "/"):
        found.insert(0, parts.hostname)
    return tuple(dict.fromkeys(found))


class Home:
    """Tells the URLs of this installation from others; `urls` are the addresses that it has given."""

    def __init__(self, options: Options, urls: Iterable[str]) -> None:
        self._base = _base(options) + "/"
        self._hosts = {_host(url) for url in urls if not url.startswith(self._base)} - {""}

    def has(self, url: str) -> bool:
        """Whether this leads to a channel or Broker of this installation, however the host of a Service is spelled."""
        return url.startswith(self._base) or (bool(self._hosts) and _host(url) in self._hosts)


def _base(options: Options) -> str:
    return options.base_url.rstrip("/")


def _host(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return _IN_CLUSTER.sub("", host.removesuffix("."))
