"""Any set of resources that may be applied compiles, whatever they refer to: to nothing, to each other, to themselves."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventing.kinds.dependency import dependency_of
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Defaults, Features, Resource, stable_uid
from eventing.kinds.registry import KINDS, InvalidResource, parse
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.diff import runnable
from eventing.plan.options import Foreign, Observed, Options, Serves, Snapshot
from eventing.plan.references import wanted
from eventing.plan.status import ready_of

API = {kind.KIND: kind.full_version(kind.VERSIONS[0]) for kind in KINDS}
names = st.sampled_from(["x", "y", "x-kn-sequence-0", "x-kn-parallel", "n" * 63, "m" * 253])
namespaces = st.sampled_from(["default", "other"])
kinds = st.sampled_from([*API, "Service", "Unheard"])


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Fields that may each be missing."""
    return st.fixed_dictionaries({}, optional=fields)


def whole(kind: str, spec: st.SearchStrategy[Any], **annotations: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    slashed = {name.replace("__", ".").replace("_", "/"): values for name, values in annotations.items()}
    metadata = st.fixed_dictionaries({"name": names, "namespace": namespaces, "annotations": some(**slashed)})
    return st.fixed_dictionaries(
        {"apiVersion": st.just(API[kind]), "kind": st.just(kind), "metadata": metadata, "spec": spec}
    )


def merged(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(lambda found: {name: value for one in found for name, value in one.items()})


refs = st.builds(
    lambda kind, name, place: {"apiVersion": API.get(kind, "v1"), "kind": kind, "name": name, **place},
    kinds,
    names,
    some(namespace=namespaces),
)
targets = st.one_of(refs.map(lambda ref: {"ref": ref}), st.just({"uri": "http://127.0.0.1:8080/default/x"}))
deliveries = some(deadLetterSink=targets, retry=st.integers(0, 3))
to = st.fixed_dictionaries({"subscriber": targets}, optional={"delivery": deliveries})
channels = st.sampled_from(["Channel", "KafkaChannel", "Broker"])
dependencies = st.builds(
    lambda kind, name: json.dumps({"apiVersion": API[kind], "kind": kind, "name": name}),
    st.sampled_from(["Trigger", "Trigger", "Broker", "ConfigMap"]),
    names,
)
steps = merged(targets, some(delivery=deliveries))
branches = merged(to, some(filter=targets, reply=targets))
settings_ = st.dictionaries(
    st.sampled_from(
        ["default.topic.partitions", "default.topic.config.retention.ms", "default.topic.config.", "other"]
    ),
    st.sampled_from(["1", "0", "-1", " 3 ", "9" * 30, "٣", ""]),
)
entries = merged(
    st.fixed_dictionaries({"uid": st.sampled_from(["u1", "u2"]), "replyUri": st.just("http://r:1")}),
    some(
        name=names,
        generation=st.integers(1, 3),
        subscriberUri=st.sampled_from(["http://s:1", "s:1", ""]),
        delivery=deliveries,
    ),
)
resources = st.one_of(
    whole(
        "Broker",
        some(config=refs, delivery=deliveries),
        eventing__knative__dev_broker__class=st.sampled_from(["Kafka", "Other"]),
        kafka__eventing__knative__dev_external__topic=st.sampled_from(["t", "knative-broker-default-x"]),
        kanal__dev_validate=st.just("true"),
    ),
    whole("Trigger", merged(to, st.fixed_dictionaries({"broker": names})), knative__dev_dependency=dependencies),
    whole("Channel", some(delivery=deliveries)),
    whole("KafkaChannel", some(numPartitions=st.integers(1, 3), delivery=deliveries, subscribers=st.lists(entries))),
    whole(
        "Subscription",
        st.builds(
            lambda kind, name, more: {"channel": {"apiVersion": API[kind], "kind": kind, "name": name}, **more},
            channels,
            names,
            merged(to, some(reply=targets)),
        ),
    ),
    whole(
        "Sequence",
        merged(some(reply=targets), st.fixed_dictionaries({"steps": st.lists(steps, min_size=1, max_size=3)})),
    ),
    whole(
        "Parallel",
        merged(some(reply=targets), st.fixed_dictionaries({"branches": st.lists(branches, min_size=1, max_size=2)})),
    ),
    whole(
        "EventType",
        merged(
            st.just({"type": "t"}),
            some(source=st.just("/s"), schemaData=st.sampled_from(["true", '{"type": "object"}']), reference=refs),
        ),
    ),
    whole("ConfigMap", settings_).map(
        lambda one: {n: v for n, v in one.items() if n != "spec"} | {"data": one["spec"]}
    ),
)


def applied(documents: list[dict[str, Any]]) -> tuple[Resource, ...]:
    """Those that are valid, as a store would hold them."""
    found = {}
    for document in documents:
        try:
            one = parse(document, features=Features(cross_namespace_event_links=True)).defaulted(Defaults())
        except InvalidResource:
            continue
        uid = {"uid": stable_uid(*key_of(one)), "generation": 1}
        found[key_of(one)] = one.model_copy(update={"metadata": one.metadata.model_copy(update=uid)})
    return tuple(found.values())


def with_statuses(there: tuple[Resource, ...], found: Compiled) -> tuple[Resource, ...]:
    every = {key_of(one): one for one in (*there, *found.children)}
    return tuple(one.model_copy(update={"status": dict(found.statuses.get(key, {}))}) for key, one in every.items())


def waits_elsewhere(key: Key, found: Compiled, there: tuple[Resource, ...]) -> bool:
    """Whether it depends on what is not Kanal's to make ready."""
    one = next(one for one in there if key_of(one) == key)
    return dependency_of(one.metadata) in found.left_alone


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(resources, min_size=1, max_size=8), st.booleans())
def test_whatever_is_applied_compiles_and_comes_to_rest(documents: list[dict[str, Any]], any_class: bool) -> None:
    options = Options(any_broker_class=any_class, services={"x": "http://x:1"})
    there = first = applied(documents)
    found = compile_plan(Snapshot(first, options))
    plan = found.plan
    for one in (*first, *found.children):
        assert not one.DEPENDENTS or key_of(one) in found.statuses.keys() | found.left_alone.keys()
    for values in ([e.group for e in plan.egresses.values()], [i.path for i in plan.ingresses.values()]):
        assert len(values) == len(set(values))
    assert {one.topic for one in (*plan.ingresses.values(), *plan.egresses.values())} <= plan.topics.keys()
    observed = Observed(dict.fromkeys(plan.topics), dict.fromkeys(plan.egresses), dict.fromkeys(plan.ingresses))
    assert runnable(plan, observed, plan).egresses.keys() == plan.egresses.keys()
    for _ in range(10):
        there = with_statuses(there, found)
        before, found = found, compile_plan(Snapshot(there, options, observed))
        assert found.plan == plan
    assert found.statuses == before.statuses
    assert {key_of(one): one.spec for one in found.children} == {key_of(one): one.spec for one in before.children}
    # Everything has been looked at, and nothing waits for what will not come by itself.
    readies = [ready_of(status) for key, status in found.statuses.items() if not waits_elsewhere(key, found, there)]
    assert not [one for one in readies if one.status == "Unknown"]
    # At home nothing is recorded after a restart.
    assert compile_plan(Snapshot(first, options)).plan == plan


foreign = st.builds(
    Foreign,
    st.sampled_from(["", "http://there:1"]),
    st.sampled_from([{}, {"conditions": [{"type": "Ready", "status": "True"}]}, {"addresses": 1}]),
    st.sampled_from(["", "may not be read"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(resources, min_size=1, max_size=8), st.sampled_from(["everything", "kafka"]), st.data())
def test_whatever_a_cluster_does_to_it_compiles_and_comes_to_rest(
    documents: list[dict[str, Any]], serves: Serves, data: st.DataObject
) -> None:
    """Some of it is being deleted, and some of what it refers to is there."""
    options = Options(serves=serves, in_cluster=True, broker_url="http://brokers.kanal.svc/{namespace}/{name}")
    there = first = applied(documents)
    elsewhere = {one.key: data.draw(foreign) for one in sorted(wanted(first, serves))}
    found = compile_plan(Snapshot(first, options, elsewhere=elsewhere))
    there = with_statuses(there, found)
    going = data.draw(st.sets(st.sampled_from(sorted(key_of(one) for one in there))))
    update = {"deletion_timestamp": "2026-11-25T12:00:00Z"}
    there = tuple(
        one.model_copy(update={"metadata": one.metadata.model_copy(update=update)}) if key_of(one) in going else one
        for one in there
    )
    gone = {one.metadata.uid for one in there if key_of(one) in going and one.KIND != "ConfigMap"}
    found = compile_plan(Snapshot(there, options, elsewhere=elsewhere))
    assert gone.isdisjoint({*found.plan.ingresses, *found.plan.egresses, *found.alive} - {"u1", "u2"})
    assert found.plan.egresses.keys() <= found.alive
    assert {*found.plan.ingresses} == {one.uid for one in found.plan.ingresses.values()}
    again = compile_plan(Snapshot(with_statuses(there, found), options, elsewhere=elsewhere))
    assert again.plan == found.plan
    assert again.statuses == compile_plan(Snapshot(with_statuses(there, again), options, elsewhere=elsewhere)).statuses
