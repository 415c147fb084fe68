"""What a cluster changes on the machine that is its node, and how all of it is taken back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import kube_binaries
import node

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
BRIDGED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
SPACES = Path("/var/run/netns")
GROUPS = Path("/sys/fs/cgroup")


def said(*words: str | Path) -> str:
    """What a command prints, whatever becomes of it."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout


def done(*words: str | Path, timeout_s: float = 120.0) -> str:
    """What a command prints; `AssertionError` with its complaint where it fails."""
    ended = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False, timeout=timeout_s)
    assert ended.returncode == 0, f"{' '.join(str(w) for w in words)}:\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@contextmanager
def bridged() -> Iterator[None]:
    """A bridge for pods, and packets that pass between its ports and beyond; both as before when the block ends."""
    switches = {path: path.read_text(encoding="ascii") for path in (FORWARD, BRIDGED) if path.exists()}
    spaces, groups = _spaces(), _groups()
    said("ip", "link", "delete", node.BRIDGE)
    done("ip", "link", "add", node.BRIDGE, "type", "bridge")
    try:
        done("ip", "address", "add", f"{node.ADDRESS}/24", "dev", node.BRIDGE)
        done("ip", "link", "set", node.BRIDGE, "up")
        for path in switches:
            path.write_text("1", encoding="ascii")
        yield
    finally:
        said("ip", "link", "delete", node.BRIDGE)
        for path, before in switches.items():
            path.write_text(before, encoding="ascii")
        for name in _spaces() - spaces:
            said("ip", "netns", "delete", name)
        for path in sorted(_groups() - groups, reverse=True):
            with suppress(OSError):
                path.rmdir()


def forget_rules() -> None:
    """Take away the chains of iptables that kube-proxy and kubelet have made."""
    said(kube_binaries.found("kube-proxy"), "--cleanup")
    for tables in ("iptables", "ip6tables"):
        for chain in ("INPUT", "OUTPUT"):
            said(tables, "-D", chain, "-j", "KUBE-FIREWALL")
        said(tables, "-F", "KUBE-FIREWALL")
        said(tables, "-X", "KUBE-FIREWALL")
        for table in ("mangle", "nat", "filter"):
            for chain in ("KUBE-KUBELET-CANARY", "KUBE-IPTABLES-HINT", "KUBE-MARK-DROP", "KUBE-POSTROUTING"):
                said(tables, "-t", table, "-F", chain)
                said(tables, "-t", table, "-X", chain)


def unmount(folder: Path) -> None:
    """Unmount all that is mounted below a folder, the innermost first."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for place in sorted((one for one in mounted if one.startswith(f"{folder}/")), reverse=True):
        said("umount", "--lazy", place)


def end_containers(socket: Path) -> None:
    """End, by force, what containerd still runs; a pod that was deleted in time is gone already."""
    ctr = ("ctr", "--address", socket, "--namespace", "k8s.io")
    for task in said(*ctr, "tasks", "list", "--quiet").split():
        said(*ctr, "tasks", "delete", "--force", task)
    for container in said(*ctr, "containers", "list", "--quiet").split():
        said(*ctr, "containers", "delete", container)


def end_orphans(socket: Path) -> None:
    """End what a containerd that was killed has left: its shims, each with the processes of one pod below it."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
    shims = {pid for pid in parents if {"-address", str(socket)} <= _words(pid)}
    below = {pid for pid, parent in parents.items() if parent in shims}
    for pid in (*below, *shims):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for name in _spaces():
        if not said("ip", "netns", "pids", name):
            said("ip", "netns", "delete", name)


def _words(pid: int) -> set[str]:
    with suppress(OSError):
        return set(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0"))
    return set()


def _parent(process: Path) -> int:
    with suppress(OSError):
        return int((process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    return 0


def _spaces() -> set[str]:
    return {path.name for path in SPACES.glob("cni-*")}


def _groups() -> set[Path]:
    return {path for top in GROUPS.glob("**/kubepods") for path in (top, *top.rglob("*")) if path.is_dir()}
