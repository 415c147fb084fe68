"""A real API server of Kubernetes with an etcd and a controller manager of its own, on free ports of the loopback.

Controllers run, nodes do not: Deployments make ReplicaSets and Pods that stay Pending, what an owner leaves behind is
collected, service accounts get tokens, ClusterRoles are aggregated.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kube_binaries
from daemons import Daemon

from eventing.kafka.embedded.process import free_port

TOKEN = "token-of-a-test"
DEADLINE_S = 60.0
# With watches open it would wait for a minute; what it holds is in etcd.
LEAVES_WITHIN_S = 1.0
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """The text of a refusal."""
        return str(self.body.get("message", ""))


class ApiServer:
    """How it is reached, and how it goes away and comes back."""

    def __init__(self, folder: Path) -> None:
        client, peer, self.port = (free() for _ in range(3))
        self.kubeconfig = folder / "kubeconfig"
        self.authority = folder / "certs" / "apiserver.crt"
        self._key, self._tokens = folder / "sa.key", folder / "tokens.csv"
        self._etcd = Daemon(etcd_command(folder, client, peer), folder / "etcd.log")
        self._server = Daemon(self._served(folder, client), folder / "apiserver.log")
        self._manager = Daemon(self._managed(), folder / "controller-manager.log")

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://{HOST}:{self.port}"

    @property
    def token(self) -> str:
        """The token of an administrator."""
        return TOKEN

    def kubectl(self, *words: str, given: str = "") -> str:
        """What kubectl prints; `AssertionError` with its complaint where it fails."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *words]
        done = subprocess.run(command, input=given, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> Answer:
        """One request; a field that no schema names is an error, as for `kubectl apply`."""
        context = ssl.create_default_context(cafile=self.authority)
        connection = http.client.HTTPSConnection(HOST, self.port, context=context, timeout=30)
        sort = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": sort}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return Answer(answer.status, json.loads(answer.read() or b"{}"))
        finally:
            connection.close()

    def stop(self) -> None:
        """Take the API server away; its data stay, and the controller manager waits for it."""
        self._server.stop(LEAVES_WITHIN_S)

    def start(self) -> None:
        """Bring the API server back at the same address with the same data."""
        self._server.start()
        # What follows readiness by a moment: the namespace that every test uses.
        self._server.until(lambda: self._has("/api/v1/namespaces/default"), "the API server is not there", DEADLINE_S)

    def restart(self) -> None:
        """Whoever watches loses the connection, and every version seen before is too old to watch from."""
        self.stop()
        self.start()

    @contextmanager
    def away(self) -> Iterator[None]:
        """No API server for as long as the block runs."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def manage_anew(self) -> None:
        """Let the controllers look at once at definitions that are new; they look every 30 s by themselves."""
        self._manager.stop()
        self._manager.start()

    @contextmanager
    def running(self) -> Iterator[None]:
        """All of it for as long as the block runs; `AssertionError` with the end of a log where it does not start."""
        subprocess.run(["openssl", "genrsa", "-out", self._key, "2048"], check=True, capture_output=True)
        self._tokens.write_text(f'{TOKEN},admin,admin,"system:masters"\n', encoding="utf-8")
        with ExitStack() as stack:
            for daemon in (self._etcd, self._server, self._manager):
                stack.callback(daemon.stop)
            self._etcd.start()
            self.start()
            self.kubeconfig.write_text(json.dumps(self._named()), encoding="utf-8")
            self._manager.start()
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._manager.until(lambda: self._has(account), "the controller manager does nothing", DEADLINE_S)
            yield

    def _has(self, path: str) -> bool:
        try:
            return self.ask("GET", path).status == 200
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return False

    def _served(self, folder: Path, etcd: int) -> list[str | Path]:
        return [
            kube_binaries.found("kube-apiserver"),
            f"--etcd-servers=http://{HOST}:{etcd}",
            f"--secure-port={self.port}",
            f"--cert-dir={self.authority.parent}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            "--endpoint-reconciler-type=none",
            f"--token-auth-file={self._tokens}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.99.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._key}",
            f"--service-account-signing-key-file={self._key}",
            "--profiling=false",
        ]

    def _managed(self) -> list[str | Path]:
        return [
            kube_binaries.found("kube-controller-manager"),
            f"--kubeconfig={self.kubeconfig}",
            "--leader-elect=false",
            f"--service-account-private-key-file={self._key}",
            f"--root-ca-file={self.authority}",
            "--controllers=*,-node-ipam-controller,-cloud-node-lifecycle-controller",
            f"--bind-address={HOST}",
            f"--secure-port={free()}",
            "--profiling=false",
        ]

    def _named(self) -> dict[str, Any]:
        trusted = base64.b64encode(self.authority.read_bytes()).decode()
        cluster = {"server": self.url, "certificate-authority-data": trusted}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin", "namespace": "default"}}],
            "current-context": "test",
        }


@contextmanager
def running(folder: Path) -> Iterator[ApiServer]:
    """An API server for as long as the block runs."""
    server = ApiServer(folder)
    with server.running():
        yield server


def etcd_command(folder: Path, client: int, peer: int) -> list[str | Path]:
    """etcd on two ports of the loopback, with its data in `folder`."""
    mine, theirs = f"http://{HOST}:{client}", f"http://{HOST}:{peer}"
    words: list[str | Path] = ["etcd", "--data-dir", folder / "etcd", "--unsafe-no-fsync"]
    words += ["--listen-client-urls", mine, "--advertise-client-urls", mine]
    return [
        *words,
        "--listen-peer-urls",
        theirs,
        "--initial-advertise-peer-urls",
        theirs,
        "--initial-cluster",
        f"default={theirs}",
    ]


def free() -> int:
    """A port of the loopback that nobody listens on."""
    port = free_port(HOST)
    assert port is not None
    return port
