"""A real API server of Kubernetes with an etcd of its own, on free ports of the loopback, in a folder that goes afterwards."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kube_binaries

from eventing.kafka.embedded.process import free_port

TOKEN = "token-of-a-test"
DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """The text of a refusal."""
        return str(self.body.get("message", ""))


@dataclass(frozen=True, slots=True)
class ApiServer:
    """How it is reached."""

    port: int
    kubeconfig: Path

    def kubectl(self, *words: str, given: str = "") -> str:
        """What kubectl prints; `AssertionError` with its complaint where it fails."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *words]
        done = subprocess.run(command, input=given, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """One request; a field that no schema names is an error, as for `kubectl apply`."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it signs its own certificate at each start
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)
        sort = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": sort}
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return Answer(answer.status, json.loads(answer.read() or b"{}"))
        finally:
            connection.close()


@contextmanager
def running(folder: Path) -> Iterator[ApiServer]:
    """An API server for as long as the block runs; `AssertionError` with the end of its log where it does not start."""
    client, peer, port = (free_port("127.0.0.1") for _ in range(3))
    urls = [f"http://127.0.0.1:{one}" for one in (client, peer)]
    key, tokens, kubeconfig = folder / "sa.key", folder / "tokens.csv", folder / "kubeconfig"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    tokens.write_text(f'{TOKEN},admin,admin,"system:masters"\n', encoding="utf-8")
    kubeconfig.write_text(json.dumps(_kubeconfig(f"https://127.0.0.1:{port}")), encoding="utf-8")
    etcd = ["etcd", "--data-dir", folder / "etcd", "--listen-client-urls", urls[0], "--advertise-client-urls", urls[0]]
    etcd += ["--listen-peer-urls", urls[1], "--initial-advertise-peer-urls", urls[1]]
    etcd += ["--initial-cluster", f"default={urls[1]}", "--unsafe-no-fsync"]
    server = [
        kube_binaries.API_SERVER,
        f"--etcd-servers={urls[0]}",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certs'}",
    ]
    server += ["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]
    server += [f"--token-auth-file={tokens}", "--authorization-mode=RBAC", "--service-cluster-ip-range=10.99.0.0/16"]
    server += ["--service-account-issuer=https://kubernetes.default.svc", "--profiling=false"]
    server += [f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"]
    with _process(etcd, folder / "etcd.log"), _process(server, folder / "apiserver.log") as process:
        assert port is not None
        found = ApiServer(port, kubeconfig)
        _wait(found, process, folder / "apiserver.log")
        yield found


@contextmanager
def _process(command: list[Any], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _wait(server: ApiServer, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends and process.poll() is None:
        try:
            # What follows readiness by a moment: the namespace that every test uses.
            if server.ask("GET", "/api/v1/namespaces/default").status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        except json.JSONDecodeError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the API server is not there:\n{log.read_text(encoding='utf-8')[-3000:]}")


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "admin", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin", "namespace": "default"}}],
        "current-context": "test",
    }
