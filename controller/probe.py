"""Asks every ingress whether it has a route already: Knative's network probe (behaviour §1.3).

A channel is Ready only after each ingress has said yes, so what is sent after Ready finds its way.
"""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import SplitResult, urlsplit

from eventing.plan.model import Ingress
from eventing.plan.options import Problem
from eventing.threads import in_thread

TIMEOUT_S = 2.0


class Prober:
    """Probes the ingresses under these base URLs."""

    def __init__(self, base_urls: Sequence[str]) -> None:
        self._bases = base_urls

    async def probe(self, ingresses: Sequence[Ingress]) -> Mapping[str, Problem | None]:
        """By uid: None where every base URL knows the route."""
        found: dict[str, Problem | None] = dict.fromkeys(i.uid for i in ingresses)
        if ingresses:
            for answers in await asyncio.gather(*(in_thread(partial(_ask, b, ingresses)) for b in self._bases)):
                found.update({uid: problem for uid, problem in answers.items() if problem is not None})
        return found


def _ask(base: str, ingresses: Sequence[Ingress]) -> dict[str, Problem | None]:
    """Ask one ingress for all routes over one connection."""
    found: dict[str, Problem | None] = {}
    connection: http.client.HTTPConnection | None = None
    try:
        parts = urlsplit(base)
        connection = _connection(parts)
        for ingress in ingresses:
            headers = {"K-Network-Probe": "probe", "K-Network-Hash": ingress.uid}
            connection.request("GET", parts.path.rstrip("/") + ingress.path, headers=headers)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                text = f"{base} answers the probe of {ingress.path} with {response.status}"
                found[ingress.uid] = Problem("ProbeFailed", text)
            elif response.getheader("K-Network-Hash") != ingress.uid:
                found[ingress.uid] = Problem("ProbeFailed", f"{base} is no Kanal ingress")
            else:
                found[ingress.uid] = None
    # A host or port that can't be is a ValueError or an InvalidURL, and must not end the controller.
    except (OSError, ValueError, http.client.InvalidURL) as error:
        problem = Problem("IngressUnreachable", f"{base} does not answer: {error}")
        found.update({i.uid: problem for i in ingresses if i.uid not in found})
    except http.client.HTTPException as error:
        problem = Problem("IngressUnreachable", f"{base} answers no HTTP: {error!r}")
        found.update({i.uid: problem for i in ingresses if i.uid not in found})
    finally:
        if connection is not None:
            connection.close()
    return found


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_S, context=ssl.create_default_context())
    return http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
