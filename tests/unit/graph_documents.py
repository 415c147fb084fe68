"""Resources as the API gives them, for tests of the graph."""

from __future__ import annotations

from typing import Any

from kanal.graph.build import graph_of
from kanal.graph.model import Graph

Document = dict[str, Any]
BASE = "http://127.0.0.1:8080"
READY = ("True", "", "")
_GROUPS = {
    "Broker": "eventing.knative.dev/v1",
    "Trigger": "eventing.knative.dev/v1",
    "Channel": "messaging.knative.dev/v1",
    "Subscription": "messaging.knative.dev/v1",
    "KafkaChannel": "messaging.knative.dev/v1beta1",
    "Sequence": "flows.knative.dev/v1",
    "Parallel": "flows.knative.dev/v1",
    "PingSource": "sources.knative.dev/v1",
    "Service": "v1",
}
_ADDRESSABLE = ("Broker", "Channel", "KafkaChannel", "Sequence", "Parallel")


def ref(kind: str, name: str, **more: Any) -> Document:
    """A destination."""
    return {"ref": {"apiVersion": _GROUPS[kind], "kind": kind, "name": name}, **more}


def resource(
    kind: str,
    name: str,
    *,
    namespace: str = "default",
    ready: tuple[str, str, str] | None = READY,
    owner: tuple[str, str] | None = None,
    **spec: Any,
) -> Document:
    """A resource with one condition, Ready; None: it has no status."""
    metadata: Document = {"name": name, "namespace": namespace, "generation": 1}
    if owner:
        of = {"apiVersion": _GROUPS[owner[0]], "kind": owner[0], "name": owner[1], "uid": "u", "controller": True}
        metadata["ownerReferences"] = [of]
    document: Document = {"apiVersion": _GROUPS[kind], "kind": kind, "metadata": metadata, "spec": spec}
    if ready:
        condition = dict(zip(("type", "status", "reason", "message"), ("Ready", *ready), strict=True))
        document["status"] = {"observedGeneration": 1, "conditions": [condition]}
        if kind in _ADDRESSABLE:
            document["status"]["address"] = {"url": f"{BASE}/{namespace}/{name}"}
    return document


def trigger(name: str, broker: str = "mesh", to: str = "worker", **more: Any) -> Document:
    """A Trigger whose subscriber is a Service."""
    return resource("Trigger", name, **{"broker": broker, "subscriber": ref("Service", to), **more})


def subscription(name: str, channel: str = "orders", to: str = "worker", **more: Any) -> Document:
    """A Subscription of a Channel whose subscriber is a Service."""
    return resource(
        "Subscription", name, **{"channel": ref("Channel", channel)["ref"], "subscriber": ref("Service", to), **more}
    )


def kept(kind: str, namespace: str, name: str) -> str:
    """A dead letter topic's name."""
    return f"kept-{kind.lower()}.{namespace}.{name}"


def drawn(*documents: Document, **how: Any) -> Graph:
    """The graph of these documents."""
    return graph_of(documents, kept, **how)


def edges_of(graph: Graph) -> set[tuple[str, str, str]]:
    """Source, meaning and target of every edge, by what the nodes are called."""
    title = {node.key: node.title for node in graph.nodes}
    return {(title[edge.source], edge.meaning, title[edge.target]) for edge in graph.edges}


def town() -> list[Document]:
    """Something of everything, and several things that are broken."""
    missing = (
        "False",
        "SubscriberMissing",
        "spec.subscriber: Service default/shipping does not exist; name it with --service shipping=http://HOST:PORT",
    )
    return [
        resource("PingSource", "every-minute", sink=ref("Broker", "mesh")),
        resource("PingSource", "by-url", sink={"uri": f"{BASE}/default/orders/"}),
        resource("Broker", "mesh", delivery={"deadLetterSink": ref("Service", "graveyard")}),
        trigger("billing", to="billing", filter={"attributes": {"type": "com.example.order.created"}}),
        trigger(
            "audit", to="audit", filters=[{"any": [{"prefix": {"type": "com.example."}}, {"cesql": "amount > 100"}]}]
        ),
        trigger("shipping", to="shipping", ready=missing),
        trigger("to-flow", subscriber=ref("Sequence", "enrich")),
        trigger("own-sink", to="billing", delivery={"deadLetterSink": ref("Channel", "orders")}),
        trigger(
            "lost", broker="nowhere", ready=("False", "BrokerDoesNotExist", "Broker default/nowhere does not exist")
        ),
        resource("Channel", "orders"),
        resource("KafkaChannel", "orders", owner=("Channel", "orders")),
        subscription("display", reply=ref("Channel", "answers")),
        {
            **subscription("resting", to="billing"),
            "status": {
                "conditions": [
                    {"type": "Ready", "status": "True"},
                    {"type": "Paused", "status": "True", "reason": "Paused", "message": "nothing is delivered"},
                ]
            },
        },
        resource("Channel", "answers"),
        subscription("far", channel="answers", subscriber={"uri": 'https://example.com/hook?x=<1>&y="2"'}),
        resource("Channel", "idle", ready=None),
        resource(
            "Sequence",
            "enrich",
            steps=[
                ref("Service", "one"),
                {**ref("Service", "two", uri="/v2"), "delivery": {"deadLetterSink": ref("Service", "graveyard")}},
                ref("Service", "three"),
            ],
            reply=ref("Broker", "mesh"),
        ),
        *(
            resource(
                "Subscription",
                f"enrich-kn-sequence-{i}",
                owner=("Sequence", "enrich"),
                ready=READY
                if i != 1
                else ("False", "ReferenceMissing", "spec.subscriber: Service default/two does not exist"),
            )
            for i in range(3)
        ),
        *(resource("KafkaChannel", f"enrich-kn-sequence-{i}", owner=("Sequence", "enrich")) for i in range(3)),
        resource(
            "Parallel",
            "split",
            branches=[
                {"filter": ref("Service", "is-red"), "subscriber": ref("Service", "red")},
                {"subscriber": ref("Service", "rest"), "reply": ref("Channel", "answers")},
            ],
            reply=ref("Channel", "orders"),
        ),
        *(
            resource("Subscription", f"split-kn-parallel-{x}", owner=("Parallel", "split"))
            for x in ("0", "1", "filter-0", "filter-1")
        ),
        *(resource("KafkaChannel", f"split-kn-parallel{x}", owner=("Parallel", "split")) for x in ("", "-0", "-1")),
        resource("PingSource", "to-parallel", sink=ref("Parallel", "split")),
    ]
