"""Asks every ingress whether it has a route already: Knative's network probe (behaviour §1.3).

A channel is Ready only after each ingress has said yes, so what is sent after Ready finds its way.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from urllib.parse import SplitResult, urlsplit

from eventing.plan.model import Ingress
from eventing.plan.options import Problem
from eventing.threads import in_thread

TIMEOUT_S = 2.0
UNREACHABLE = "IngressUnreachable"


class _Silent(Problem):
    """What can't be reached and may be there all the same."""


class Prober:
    """Probes the ingresses under these base URLs; one whose name has several addresses stands for each of them."""

    def __init__(self, base_urls: Sequence[str]) -> None:
        self._bases = base_urls

    async def probe(self, ingresses: Sequence[Ingress]) -> Mapping[str, Problem | None]:
        """By uid: None where every ingress knows the route."""
        found: dict[str, Problem | None] = dict.fromkeys(i.uid for i in ingresses)
        for answers in await self._ask({i.uid: i.path for i in ingresses}):
            found.update({uid: problem for uid, problem in answers.items() if problem is not None})
        return found

    async def unrouted(self, paths: Mapping[str, str]) -> Collection[str]:
        """Of these paths by uid, the uids of those that no ingress knows any more. One where nobody listens knows nothing."""
        known = {
            uid
            for answers in await self._ask(paths)
            for uid, problem in answers.items()
            if problem is None or isinstance(problem, _Silent)
        }
        return paths.keys() - known

    async def _ask(self, paths: Mapping[str, str]) -> list[dict[str, Problem | None]]:
        """What each ingress says."""
        if not paths:
            return []
        places = await asyncio.gather(*(in_thread(partial(_places, base)) for base in self._bases))
        flat = [(base, place) for base, found in zip(self._bases, places, strict=True) for place in found]
        return await asyncio.gather(*(in_thread(partial(_ask, base, place, paths)) for base, place in flat))


def _places(base: str) -> list[str]:
    """The addresses of the ingresses behind this URL; an empty one is its name, looked up by whoever connects.

    A name that has an address of either family is one ingress, which need not listen on both.
    """
    try:
        parts = urlsplit(base)
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return [""]
    for family in (socket.AF_INET, socket.AF_INET6):
        addresses = sorted({str(address[0]) for kind, _, _, _, address in found if kind == family})
        if len(addresses) > 1:
            return addresses
    return [""]


def _ask(base: str, place: str, paths: Mapping[str, str]) -> dict[str, Problem | None]:
    """Ask one ingress for all routes over one connection."""
    found: dict[str, Problem | None] = {}
    title = f"{base} ({place})" if place else base
    connection: http.client.HTTPConnection | None = None
    try:
        parts = urlsplit(base)
        connection = _connection(parts, place)
        for uid, path in paths.items():
            headers = {"K-Network-Probe": "probe", "K-Network-Hash": uid}
            connection.request("GET", parts.path.rstrip("/") + path, headers=headers)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                text = f"{title} answers the probe of {path} with {response.status}"
                found[uid] = Problem("ProbeFailed", text)
            elif response.getheader("K-Network-Hash") != uid:
                found[uid] = Problem("ProbeFailed", f"{title} is no Kanal ingress")
            else:
                found[uid] = None
    except (ConnectionRefusedError, socket.gaierror) as error:
        _fill(found, paths, Problem(UNREACHABLE, f"{title} does not answer: {error}"))
    # A host or port that can't be is a ValueError or an InvalidURL, and must not end the controller.
    except (OSError, ValueError, http.client.InvalidURL) as error:
        _fill(found, paths, _Silent(UNREACHABLE, f"{title} does not answer: {error}"))
    except http.client.HTTPException as error:
        _fill(found, paths, _Silent(UNREACHABLE, f"{title} answers no HTTP: {error!r}"))
    finally:
        if connection is not None:
            connection.close()
    return found


def _fill(found: dict[str, Problem | None], paths: Mapping[str, str], problem: Problem) -> None:
    found.update({uid: problem for uid in paths if uid not in found})


class _Plain(http.client.HTTPConnection):
    """A connection to one address of a name; the Host header says the name."""

    def __init__(self, netloc: str, place: str) -> None:
        super().__init__(netloc, timeout=TIMEOUT_S)
        self.place = place

    def connect(self) -> None:
        self.sock = socket.create_connection((self.place or self.host, self.port), TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Secure(_Plain):
    """As before over TLS; the certificate has to be that of the name."""

    default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _connection(parts: SplitResult, place: str) -> http.client.HTTPConnection:
    return (_Secure if parts.scheme == "https" else _Plain)(parts.netloc, place)
