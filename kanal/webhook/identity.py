"""The TLS side of the server: one context whose certificate can be changed while connections are open."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kanal.webhook.certificates import Certificate


class Identity:
    """Who the server is; connections that begin after `take` are shown the new certificate."""

    def __init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2

    def take(self, certificate: Certificate) -> None:
        """Show this certificate from here on."""
        with _readable(certificate.chain + certificate.key) as path:
            self.context.load_cert_chain(path)


@contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """A path under which OpenSSL, which takes nothing else, can read this; in memory where the system has that."""
    if hasattr(os, "memfd_create"):
        # A pod's file system is read-only, and a key has no business on any.
        descriptor = os.memfd_create("certificate")
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "certificate")
        path.touch(0o600)
        path.write_bytes(content)
        yield str(path)
