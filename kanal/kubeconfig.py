"""Where a laptop's API is and who may ask it: a kubeconfig for `kubectl`, and the token alone for `kanal`'s own verbs.

The kubeconfig lies in the data directory, and stays where Kafka's data do; `~/.kube` is never touched. The token lies under the port of the
API, where any `kanal` verb of the same user finds it, and goes when the API ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from eventing.errors import Unavailable

VARIABLE = "KANAL_TOKEN"
TOKEN_PATH = "/token/"  # noqa: S105 - where a token stands, and none itself
"""Behind which the token may stand in a path, before the path proper."""
_NAME = "kanal"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def document(server: str, token: str) -> str:
    """The text of a kubeconfig with one context. The token is in the address, where any client sends it."""
    return (
        "apiVersion: v1\nkind: Config\n"
        f"clusters:\n- name: {_NAME}\n  cluster:\n    server: {server}{TOKEN_PATH}{token}\n"
        f"users:\n- name: {_NAME}\n  user: {{}}\n"
        f"contexts:\n- name: {_NAME}\n  context:\n    cluster: {_NAME}\n    user: {_NAME}\n    namespace: default\n"
        f"current-context: {_NAME}\n"
    )


def address(host: str, port: int) -> str:
    """The URL at which a client on this machine reaches what listens there."""
    name = _EVERYWHERE.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read. Raises `Unavailable` where it can't be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except OSError as error:
        raise Unavailable(
            f"can't be written: {error.strerror}", where=str(path), fix="choose another --data"
        ) from error


@contextmanager
def lent(path: Path, text: str) -> Iterator[None]:
    """Have such a file while inside; one that another process has written over it stays."""
    write(path, text)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if path.read_text(encoding="utf-8") == text:
                path.unlink()


def known(data: Path, port: int, token: str) -> AbstractContextManager[None]:
    """Let `kanal` verbs find the token while inside; `data` is the user's data directory."""
    return lent(_place(data, port), token)


def token_for(host: str, port: int, data: Path) -> str:
    """The token for this address: that of the environment, else what an API on this machine has written; else empty."""
    named = os.environ.get(VARIABLE, "")
    if named or host not in _LOOPBACK:
        return named
    try:
        return _place(data, port).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _place(data: Path, port: int) -> Path:
    return data / "tokens" / str(port)
