"""Everything that is to be said of a take-over, as one value: what is told on a screen and as JSON is made of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eventing.kinds.crd import crd
from eventing.kinds.registry import KINDS
from eventing.plan.options import Options
from eventing.settings import Names
from kanal.migrate import behaviour, installation, naming, unserved
from kanal.migrate import takeover as taking
from kanal.migrate.estate import Estate, mapping
from kanal.migrate.finding import Finding, difference, once, problem
from kanal.migrate.held import Templates
from kanal.migrate.knative import FEATURES
from kanal.migrate.sight import Sight
from kanal.migrate.steps import Step, steps
from kanal.migrate.switch import Switch, stored_elsewhere
from kanal.migrate.takeover import Row, Takeover
from kanal.migrate.template import templates

_SERVED = {
    f"{kind.PLURAL}.{kind.GROUP}": [version["name"] for version in crd(kind)["spec"]["versions"]]
    for kind in KINDS
    if kind.GROUP
}
"""The versions of our definitions."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is taken over, what stands in the way, what will be otherwise, and how it is done. `sight` is None: Kafka was not asked."""

    switch: Switch
    taken: Takeover
    sight: Sight | None
    findings: tuple[Finding, ...]
    steps: tuple[Step, ...]

    @property
    def problems(self) -> Sequence[Finding]:
        """What stands in the way."""
        return [one for one in self.findings if one.severity == "problem"]

    @property
    def differences(self) -> Sequence[Finding]:
        """What will be otherwise."""
        return [one for one in self.findings if one.severity == "difference"]

    @property
    def waiting(self) -> Sequence[str]:
        """The groups that have members: somebody delivers."""
        seen = self.sight.groups if self.sight is not None else {}
        return [
            row.held.group
            for row in self.taken.groups
            if (key := (row.held.group, row.held.topic)) in seen and seen[key].members
        ]


def report(
    estate: Estate, unread: Sequence[Finding], sight: Sight | None, options: Options, names: Names, switch: Switch
) -> Report:
    """The report; `unread` is what could not be read before."""
    known = templates_of(estate, switch.system)
    plan = taking.compiled(estate, options)
    taken = taking.takeover(estate, known, plan, sight)
    switch = _with_names(switch, known, names)
    found = [
        *unread,
        *unserved.findings(estate, switch.serves),
        *taking.findings(taken, known, sight, switch.bootstrap),
        *(_definitions(estate) if switch.serves == "everything" else ()),
        *naming.findings(known, names),
        *installation.findings(estate, switch.system, switch.bootstrap),
        *behaviour.findings(estate),
    ]
    if not taken.topics:
        found.append(
            difference("Knative", "no KafkaChannel and no Broker of the class Kafka was seen: nothing is taken over")
        )
    return Report(switch, taken, sight, once(found), tuple(steps(estate, switch)))


def templates_of(estate: Estate, system: str) -> Templates:
    """Knative's templates for names here."""
    return templates(estate.data(system, FEATURES) or {})


def document(one: Report) -> dict[str, Any]:
    """The report for a program."""
    return {
        "clean": not one.problems,
        "serves": one.switch.serves,
        "kafka": one.switch.bootstrap if one.sight is not None else None,
        "topics": [_topic(row, one.sight) for row in one.taken.topics],
        "groups": [_group(row, one.sight) for row in one.taken.groups],
        "problems": [_finding(each) for each in one.problems],
        "differences": [_finding(each) for each in one.differences],
        "steps": [{"title": each.title, "text": each.text, "commands": list(each.commands)} for each in one.steps],
    }


def _topic(row: Row, sight: Sight | None) -> dict[str, Any]:
    seen = None if sight is None else sight.topics.get(row.held.topic)
    facts = {} if seen is None else {"partitions": seen.partitions, "replicas": seen.replicas}
    return {**_named(row), "topic": row.held.topic, "exists": None if sight is None else seen is not None, **facts}


def _group(row: Row, sight: Sight | None) -> dict[str, Any]:
    found = {**_named(row), "topic": row.held.topic, "group": row.held.group}
    seen = None if sight is None else sight.groups.get((row.held.group, row.held.topic))
    if seen is None or seen.error:
        return {**found, "exists": None if sight is None or seen is not None else False}
    committed = {str(number): mark.offset for number, mark in sorted(seen.marks.items())}
    starts = {str(number): offset for number, offset in sorted(seen.starts.items())}
    return {
        **found,
        "exists": bool(seen.marks or seen.members),
        "members": list(seen.members),
        "committed": committed,
        "starts": starts,
        "lag": seen.lag,
    }


def _named(row: Row) -> dict[str, Any]:
    owner = row.held.owner
    return {
        "object": {"group": owner.group, "kind": owner.kind, "namespace": owner.namespace, "name": owner.name},
        "source": row.held.source,
        "kanal": row.ours,
        "agrees": row.agrees,
    }


def _finding(one: Finding) -> dict[str, str]:
    return {"object": one.object, "message": one.message, "fix": one.fix}


def _with_names(switch: Switch, known: Templates, names: Names) -> Switch:
    wanted = [*switch.settings, *naming.settings(known, names)]
    return Switch(switch.serves, switch.system, switch.namespace, switch.bootstrap, switch.domain, tuple(wanted))


def _definitions(estate: Estate) -> list[Finding]:
    """Definitions that Kanal's can't take the place of."""
    found = []
    for one in estate.foreign(("apiextensions.k8s.io", "CustomResourceDefinition")):
        name = str(mapping(one.get("metadata")).get("name"))
        lost = stored_elsewhere(one, _SERVED[name]) if name in _SERVED else []
        if lost:
            kept = json.dumps({"status": {"storedVersions": _SERVED[name][:1]}}, separators=(",", ":"))
            fix = (
                f"write all objects anew (kubectl get {name} -A -o json | kubectl replace -f -), then "
                f"kubectl patch crd {name} --subresource=status --type=merge -p '{kept}'"
            )
            found.append(
                problem(
                    f"CustomResourceDefinition {name}",
                    f"objects may be stored as {', '.join(lost)}, which Kanal's has not",
                    fix,
                )
            )
    return found
