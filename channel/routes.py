"""Which resource a request is for: by path, else by host (behaviour §1.3).

A KafkaChannel of Knative has an address without a path, so its host is all there is; with a Broker it is the path. Both
work for every resource here, and hosts match however a client spells a service's name. The table is replaced as a whole,
so a request sees the old plan or the new one and nothing between.
"""

from __future__ import annotations

from eventing.plan.model import Ingress, Plan


class Routes:
    """The table; empty and not `loaded` until the first plan."""

    def __init__(self) -> None:
        self.loaded = False
        self._paths: dict[str, Ingress] = {}
        self._hosts: dict[str, Ingress] = {}

    def replace(self, plan: Plan) -> None:
        """Route by this plan from now on. Where two resources claim one address, the lower uid has it."""
        paths: dict[str, Ingress] = {}
        hosts: dict[str, Ingress] = {}
        for uid in sorted(plan.ingresses):
            ingress = plan.ingresses[uid]
            path = _without_slash(ingress.path)
            if path:
                paths.setdefault(path, ingress)
            for host in ingress.hosts:
                hosts.setdefault(normal_host(host), ingress)
        self._paths, self._hosts, self.loaded = paths, hosts, True

    def find(self, path: str, host: str) -> Ingress | None:
        """The resource at this path, else the one at this `Host` header, else None."""
        found = self._paths.get(path) or self._paths.get(_without_slash(path))
        return found or self._hosts.get(normal_host(host))


def normal_host(host: str) -> str:
    """A host in the one spelling in which hosts are compared.

    Lower case, without port and final dot, and the name of a service as `<service>.<namespace>`.
    """
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    name = name.partition(":")[0].removesuffix(".")
    return name.removesuffix(".cluster.local").removesuffix(".svc")


def _without_slash(path: str) -> str:
    return path.removesuffix("/")
