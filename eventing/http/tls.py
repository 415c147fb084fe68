"""Which certificates an https destination is trusted with.

The system's roots always; a destination may name more of its own (Knative's `CACerts`), which count for that destination
alone. Contexts are made once per set of roots, because reading the system's takes tens of milliseconds.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from eventing.errors import Invalid


class Trust:
    """TLS contexts by origin (`https://host:port`); `ca_certs` maps an origin to further roots in PEM."""

    def __init__(self, ca_certs: Mapping[str, str] | None = None) -> None:
        self._ca_certs = dict(ca_certs or {})
        self._contexts: dict[str, ssl.SSLContext] = {}

    def context(self, origin: str) -> ssl.SSLContext:
        """The context for connections to `origin`. Raises `Invalid` where its roots are no PEM certificates."""
        pem = self._ca_certs.get(origin, "")
        context = self._contexts.get(pem)
        if context is None:
            context = ssl.create_default_context()
            try:
                if pem:
                    context.load_verify_locations(cadata=pem)
            except (ssl.SSLError, ValueError) as error:
                raise Invalid(f"no PEM certificates: {error}", where=origin, field="CACerts") from error
            self._contexts[pem] = context
        return context
