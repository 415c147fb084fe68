"""The control plane's question whether an address is routed yet: a GET with `K-Network-Probe: probe` (behaviour §1.3).

A controller asks it of every ingress before it says Ready, and again when it deletes; `K-Network-Hash` comes back so that
it knows that its own question was answered. Liveness and readiness of the process are other questions (`channel.app`).
"""

from __future__ import annotations

from channel.answer import Answer, RawHeaders, header


def is_probe(method: str, headers: RawHeaders) -> bool:
    """Whether this is the control plane's probe and not a sender's request."""
    return method == "GET" and header(headers, b"k-network-probe").lower() == b"probe"


def probe(headers: RawHeaders, *, found: bool) -> Answer:
    """200 with the hash echoed where the address has a route, 404 where it has none."""
    if not found:
        return Answer(404, "no resource has this address yet")
    echoed = header(headers, b"k-network-hash")
    return Answer(200, headers=((b"k-network-hash", echoed),) if echoed else ())
