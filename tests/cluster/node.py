"""What the parts of a single node are told: containerd, kubelet, kube-proxy and the DNS server.

The node is this machine. It is reached at the gateway of a bridge of its own, so that nothing listens where others could
reach it; pods get their addresses on the same bridge and have no way out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certificates import Pair

NAME = "kanal-test"
BRIDGE = "kanaltest0"
ADDRESS = "10.244.0.1"
PODS = "10.244.0.0/24"
SERVICES = "10.99.0.0/16"
API_SERVICE = "10.99.0.1"
DNS_SERVICE = "10.99.0.10"
DNS_PORT = 10053
DOMAIN = "cluster.local"
PAUSE = "localhost/pause:3"


@dataclass(frozen=True, slots=True)
class Files:
    """Where a node keeps what it is told and what it makes."""

    folder: Path

    @property
    def socket(self) -> Path:
        """containerd answers here."""
        return self.folder / "containerd.sock"

    def write(self, name: str, content: Any) -> Path:
        """A file in the node's folder; what is no text is written as JSON, which YAML is too."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path


def kubeconfig(server: str, authority: Path, pair: Pair) -> dict[str, Any]:
    """How one client reaches the API server."""
    cluster = {"server": server, "certificate-authority": str(authority)}
    user = {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }


def containerd(files: Files) -> str:
    """containerd with folders, socket and network of its own."""
    return f"""
version = 2
root = "{files.folder}/containerd"
state = "{files.folder}/containerd-run"
[grpc]
address = "{files.socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{files.folder}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def network(files: Files) -> dict[str, Any]:
    """A pod's network: an address on the bridge, this machine as its gateway."""
    subnet = {"subnet": PODS, "rangeStart": "10.244.0.10", "gateway": ADDRESS}
    addresses = {
        "type": "host-local",
        "dataDir": str(files.folder / "addresses"),
        "ranges": [[subnet]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "hairpinMode": True, "ipam": addresses}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": NAME, "plugins": [bridge, ports]}


def kubelet(files: Files, authority: Path, served: Pair) -> dict[str, Any]:
    """kubelet: no limit of its own for the node, which others share, and no image is ever thrown away."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(served.certificate),
        "tlsPrivateKeyFile": str(served.key),
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "containerRuntimeEndpoint": f"unix://{files.socket}",
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": DOMAIN,
        "resolvConf": str(files.write("resolv.conf", f"nameserver {DNS_SERVICE}\n")),
        "healthzPort": 0,
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
        "evictionHard": {"memory.available": "200Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        # What a pod has printed is counted by tests, and only the newest file would be shown.
        "containerLogMaxSize": "500Mi",
    }


def proxy(config: Path) -> dict[str, Any]:
    """kube-proxy: Services are rules of iptables."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "bindAddress": ADDRESS,
        "healthzBindAddress": f"{ADDRESS}:10256",
        "metricsBindAddress": f"{ADDRESS}:10249",
        "clientConnection": {"kubeconfig": str(config)},
        "clusterCIDR": PODS,
        "hostnameOverride": NAME,
        "conntrack": {"maxPerCore": 0},
        "nodePortAddresses": [f"{ADDRESS}/32"],
    }


def corefile(config: Path) -> str:
    """The DNS server, which runs beside the pods: names of the cluster, and nothing else."""
    return f"""
.:{DNS_PORT} {{
  bind {ADDRESS}
  errors
  kubernetes {DOMAIN} in-addr.arpa {{
    kubeconfig {config} test
    pods insecure
  }}
  cache 5
}}
"""


def dns() -> dict[str, Any]:
    """The Service that pods ask for names, and the slice that leads it to the DNS server."""
    ports = [("dns", "UDP"), ("dns-tcp", "TCP")]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {
            "clusterIP": DNS_SERVICE,
            "ports": [{"name": n, "port": 53, "protocol": p, "targetPort": DNS_PORT} for n, p in ports],
        },
    }
    slices = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "addressType": "IPv4",
        "ports": [{"name": n, "port": DNS_PORT, "protocol": p} for n, p in ports],
        "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}}],
    }
    return {"apiVersion": "v1", "kind": "List", "items": [service, slices]}
