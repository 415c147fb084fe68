"""A true Kubernetes cluster of one node, which is this machine: pods run, Services and their names lead to them.

Everything is started and ended here, in a folder that goes afterwards; it takes root. Nothing can be pulled: an image is
loaded from an archive before a pod names it.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shutil import which
from typing import IO, Any

import archives
import kube_binaries
import machine
import node
from certificates import Authority
from daemons import Daemon
from kube_server import etcd_command, free

PATIENCE_S = 90.0
STOPPED_WITHIN_S = 60.0
API_PORT = 6443
# Two clusters on one machine would share a bridge and the rules of iptables.
LOCK = Path("/tmp/kanal-test-cluster.lock")
# Whom the parts that serve metrics ask about those who want them.
_DELEGATED = ("authentication-kubeconfig", "authorization-kubeconfig")
_TOOLS = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "conntrack": "conntrack",
    "iptables": "iptables",
    "ip": "iproute2",
}


def missing() -> str:
    """What has to be there before a cluster can run here; empty where all is."""
    if not sys.platform.startswith("linux") or os.geteuid():
        return "a cluster needs Linux and root"
    for tool, package in _TOOLS.items():
        if which(tool) is None:
            return f"there is no {tool}: apt-get install {package}"
    if not Path("/usr/lib/cni/bridge").exists():
        return "there is no /usr/lib/cni/bridge: apt-get install containernetworking-plugins"
    reason: str = kube_binaries.missing(kube_binaries.CLUSTER)
    return reason


class Cluster:
    """How it is used, once it runs."""

    def __init__(self, folder: Path) -> None:
        self._files = node.Files(folder)
        self.url = f"https://{node.ADDRESS}:{API_PORT}"
        self.authority = Authority(folder)
        self.kubeconfig = self._client("admin", "admin", "system:masters")

    def kubectl(self, *words: str, given: str = "", timeout_s: float = 120.0) -> str:
        """What kubectl prints; `AssertionError` with its complaint where it fails."""
        return self._typed("kubectl", *words, given=given, timeout_s=timeout_s)

    def helm(self, *words: str, timeout_s: float = 300.0) -> str:
        """What helm prints; `AssertionError` with its complaint where it fails."""
        return self._typed(str(kube_binaries.found("helm")), *words, timeout_s=timeout_s)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change objects."""
        self.kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))

    def get(self, *words: str) -> dict[str, Any]:
        """An object, or a list of them."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "-o", "json"))
        return found

    def load(self, archive: IO[bytes]) -> None:
        """Make the images of an archive known to the node."""
        ctr = ("ctr", "--address", str(self._files.socket), "--namespace", "k8s.io", "images", "import", "-")
        done = subprocess.run(ctr, stdin=archive, capture_output=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr.decode()

    def load_program(self, tag: str, program: Path, place: str = "") -> None:
        """Make an image that holds nothing but a program, at `place`."""
        with tempfile.TemporaryFile() as archive:
            archives.write(archive, tag, program, place)
            archive.seek(0)
            self.load(archive)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The cluster for as long as the block runs; `AssertionError` with the end of a log where it does not start."""
        with ExitStack() as stack:
            stack.enter_context(_alone(self._files))
            stack.enter_context(machine.bridged())
            stack.callback(machine.unmount, self._files.folder)
            stack.callback(machine.forget_rules)
            self._control(stack)
            self._node(stack)
            # While all of it still runs, so that kubelet takes pods down as it should.
            stack.callback(self._empty)
            yield

    def _control(self, stack: ExitStack) -> None:
        """etcd, the API server and what runs beside it."""
        client, peer = free(), free()
        self._start(stack, "etcd", etcd_command(self._files.folder, client, peer))
        accounts = self.authority.account_key()
        server = self._start(stack, "kube-apiserver", self._served(client, accounts))
        server.until(lambda: self._answers("get", "--raw", "/readyz"), "the API server is not ready", PATIENCE_S)
        signing = self.authority.pair
        manager: list[str | Path] = [
            "--use-service-account-credentials",
            f"--service-account-private-key-file={accounts}",
            f"--root-ca-file={signing.certificate}",
            f"--cluster-signing-cert-file={signing.certificate}",
            f"--cluster-signing-key-file={signing.key}",
        ]
        for name, more in (("kube-controller-manager", manager), ("kube-scheduler", [])):
            config = self._client(name, f"system:{name}")
            words = [f"--{one}={config}" for one in ("kubeconfig", *_DELEGATED)]
            fixed = ["--leader-elect=false", f"--bind-address={node.ADDRESS}", "--profiling=false"]
            self._start(stack, name, [kube_binaries.found(name), *words, *fixed, *more])

    def _node(self, stack: ExitStack) -> None:
        """containerd, kubelet, kube-proxy and the DNS server."""
        files, authority = self._files, self.authority.pair.certificate
        files.write("cni/10-bridge.conflist", node.network(files))
        runtime = ["containerd", "--config", files.write("containerd.toml", node.containerd(files))]
        running = self._start(stack, "containerd", runtime)
        stack.callback(machine.end_containers, files.socket)
        answers = ("ctr", "--address", str(files.socket), "version")
        running.until(lambda: "Server" in machine.said(*answers), "containerd does not answer", PATIENCE_S)
        self.load_program(node.PAUSE, kube_binaries.found("pause"))

        served = self.authority.signed("kubelet", node.NAME, hosts=[node.NAME, node.ADDRESS])
        told = files.write("kubelet.json", node.kubelet(files, authority, served))
        words = [f"--config={told}", f"--kubeconfig={self._client('node', f'system:node:{node.NAME}', 'system:nodes')}"]
        words += [f"--root-dir={files.folder / 'kubelet'}", f"--cert-dir={files.folder / 'kubelet-pki'}"]
        words += [f"--hostname-override={node.NAME}", f"--node-ip={node.ADDRESS}"]
        kubelet = self._start(stack, "kubelet", [kube_binaries.found("kubelet"), *words])
        proxy = files.write("proxy.json", node.proxy(self._client("kube-proxy", "system:kube-proxy")))
        self._start(stack, "kube-proxy", [kube_binaries.found("kube-proxy"), f"--config={proxy}"])
        corefile = files.write("Corefile", node.corefile(self.kubeconfig))
        self._start(stack, "coredns", [kube_binaries.found("coredns"), "-conf", corefile])
        self.apply(*node.dns()["items"])
        kubelet.until(self._node_ready, "the node is not ready", PATIENCE_S)
        # Without it no pod may be made.
        account = ("get", "serviceaccount", "default")
        kubelet.until(lambda: self._answers(*account), "there is no account for pods", PATIENCE_S)

    def _served(self, etcd: int, accounts: Path) -> Sequence[str | Path]:
        authority = self.authority
        names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        names += [f"kubernetes.default.svc.{node.DOMAIN}", node.ADDRESS, node.API_SERVICE]
        served = authority.signed("apiserver", "kube-apiserver", hosts=names)
        kubelet = authority.signed("apiserver-kubelet", "apiserver-kubelet", "system:masters")
        return [
            kube_binaries.found("kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            f"--bind-address={node.ADDRESS}",
            f"--advertise-address={node.ADDRESS}",
            f"--secure-port={API_PORT}",
            f"--tls-cert-file={served.certificate}",
            f"--tls-private-key-file={served.key}",
            f"--client-ca-file={authority.pair.certificate}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--service-cluster-ip-range={node.SERVICES}",
            f"--service-account-issuer=https://kubernetes.default.svc.{node.DOMAIN}",
            f"--service-account-key-file={accounts}",
            f"--service-account-signing-key-file={accounts}",
            "--allow-privileged",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-certificate-authority={authority.pair.certificate}",
            f"--kubelet-client-certificate={kubelet.certificate}",
            f"--kubelet-client-key={kubelet.key}",
        ]

    def _client(self, file: str, name: str, group: str = "") -> Path:
        pair = self.authority.signed(file, name, group)
        config = node.kubeconfig(self.url, self.authority.pair.certificate, pair)
        return self._files.write(f"{file}.kubeconfig", config)

    def _start(self, stack: ExitStack, name: str, command: Sequence[str | Path]) -> Daemon:
        daemon = Daemon(command, self._files.folder / f"{name}.log")
        stack.callback(daemon.stop, 5.0)
        daemon.start()
        return daemon

    def _empty(self) -> None:
        """Delete all that makes pods and wait until they are gone; what stays is ended by force later."""
        kinds = "deployments,statefulsets,daemonsets,replicasets,jobs,cronjobs"
        words = ("--all-namespaces", "--all", "--ignore-not-found", "--wait=false")
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.kubectl("delete", kinds, *words)
            self.kubectl("delete", "pods", *words, "--grace-period=3")
            ends = time.monotonic() + STOPPED_WITHIN_S
            while self.get("pods", "--all-namespaces")["items"] and time.monotonic() < ends:
                time.sleep(0.2)

    def _node_ready(self) -> bool:
        shown = self._answers(
            "get", "node", node.NAME, "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        )
        return shown == "True"

    def _answers(self, *words: str) -> str:
        try:
            return self.kubectl(*words)
        except AssertionError:
            return ""

    def _typed(self, *words: str, given: str = "", timeout_s: float = 120.0) -> str:
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            words, input=given, env=environment, check=False, capture_output=True, text=True, timeout=timeout_s
        )
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """A cluster for as long as the block runs."""
    cluster = Cluster(folder)
    with cluster.running():
        yield cluster


@contextmanager
def _alone(files: node.Files) -> Iterator[None]:
    """One cluster at a time; what the one before has left, because it was killed, is taken away first."""
    with LOCK.open("a+", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        before = lock.read()
        if before:
            machine.end_orphans(node.Files(Path(before)).socket)
            machine.unmount(Path(before))
            machine.forget_rules()
        lock.truncate(0)
        lock.write(str(files.folder))
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)
