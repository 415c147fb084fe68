"""Whether Kanal's plan for the same resources reads and writes what Knative's data plane has left in Kafka. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from eventing.kinds.condition import Condition
from eventing.kinds.key import Key
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.options import Foreign, Options, Snapshot
from eventing.plan.references import wanted
from kanal.migrate import held as knatives
from kanal.migrate import positions
from kanal.migrate.estate import Estate
from kanal.migrate.finding import Finding, problem
from kanal.migrate.held import Held, Templates
from kanal.migrate.naming import fix
from kanal.migrate.sight import Sight

_IN_CLUSTER = "http://{name}.{namespace}.svc.cluster.local"


@dataclass(frozen=True, slots=True)
class Row:
    """A topic or group as Knative has it, and how Kanal would call it; empty where it would not serve `held.owner`."""

    held: Held
    ours: str
    why: str = ""
    """What Kanal says of an owner that it would not serve."""

    @property
    def agrees(self) -> bool:
        return self.ours == self.held.name != ""


@dataclass(frozen=True, slots=True)
class Takeover:
    """Everything that is to be taken over."""

    topics: tuple[Row, ...]
    groups: tuple[Row, ...]


def compiled(estate: Estate, options: Options) -> Compiled:
    """Kanal's plan for these resources as they are, statuses kept. Whatever they refer to counts as there."""
    options = replace(options, service_template=options.service_template or _IN_CLUSTER)
    foreign = wanted(estate.resources, options.serves)
    elsewhere = {one.key: Foreign(_IN_CLUSTER.format(name=one.name, namespace=one.namespace)) for one in foreign}
    return compile_plan(Snapshot(estate.resources, options, elsewhere=elsewhere))


def takeover(estate: Estate, templates: Templates, plan: Compiled, sight: Sight | None) -> Takeover:
    """What is taken over, each name that only Kafka can tell taken from there."""
    topics = [
        Row(one, ingress.topic if ingress else "", "" if ingress else _why(plan, one.owner))
        for one in knatives.topics(estate, templates)
        for ingress in [plan.plan.ingresses.get(one.uid)]
    ]
    groups = []
    for one in knatives.groups(estate, templates):
        egress = plan.plan.egresses.get(one.uid)
        why = "" if egress else _why(plan, one.owner)
        groups.append(Row(_told(one, sight), egress.group if egress else "", why))
    return Takeover(tuple(topics), tuple(groups))


def findings(taken: Takeover, templates: Templates, sight: Sight | None, bootstrap: str) -> Iterator[Finding]:
    """What keeps the take-over from going on where Knative stops. Without `sight` Kafka has not been asked."""
    for row in (*taken.topics, *taken.groups):
        yield from _names(row, templates)
    if sight is None:
        yield problem("Kafka", "it has not been asked what is there and how far each group is", "name it with --kafka")
        return
    for topic in taken.topics:
        if topic.held.topic and sight.topics.get(topic.held.topic) is None:
            yield problem(
                topic.held.owner,
                f"the topic {topic.held.topic} is not in the Kafka at {bootstrap}",
                "name the Kafka that bootstrap.servers of its ConfigMap names; a topic that is lost is made anew, empty",
            )
    for group in taken.groups:
        one = group.held
        seen = sight.groups.get((one.group, one.topic))
        if seen is not None:
            yield from positions.findings(one.owner, one.group, one.topic, seen, bootstrap)


def _told(one: Held, sight: Sight | None) -> Held:
    """With the group that Kafka knows of the two that it may be."""
    if sight is None or not one.instead:
        return one
    usual, older = (sight.groups.get((name, one.topic)) for name in (one.group, one.instead))
    if older is not None and older.marks and not (usual is not None and usual.marks):
        return replace(one, group=one.instead, source="uid", instead="")
    return replace(one, instead="")


def _names(row: Row, templates: Templates) -> Iterator[Finding]:
    held, sort = row.held, "group" if row.held.group else "topic"
    if not held.name:
        yield problem(
            held.owner,
            f"its {sort} is not recorded and follows a template that Kanal does not understand",
            fix(held, "NAME", templates),
        )
    elif not row.ours:
        yield problem(held.owner, f"Kanal would not serve it, and its {sort} {held.name} would wait: {row.why}")
    elif not row.agrees:
        loses = (
            "begin with new events there" if held.group else "make that one, and leave behind what lies in the other"
        )
        yield problem(
            held.owner,
            f"its {sort} is {held.name} ({held.source}), and Kanal would take {row.ours}: it would {loses}",
            fix(held, held.name, templates),
        )
    elif held.instead:
        yield problem(
            held.owner,
            f"no group is recorded: it is {held.group}, or {held.instead} where the Trigger is older than the template",
            "name Kafka with --kafka, which knows",
        )


def _why(plan: Compiled, owner: Key) -> str:
    """What the plan says of one that gets nothing."""
    if owner in plan.left_alone:
        return plan.left_alone[owner]
    conditions = [Condition.model_validate(one) for one in plan.statuses.get(owner, {}).get("conditions", ())]
    told = [one.message for one in conditions if one.status == "False" and one.message]
    told += [one.message for one in conditions if one.message]
    return told[0] if told else "this installation does not serve it"
