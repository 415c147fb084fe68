"""Who gets an address and a topic: one of each, for a Broker and a KafkaChannel alike.

Both are reached under `/namespace/name`, and a template may give two of them one topic. Whoever is asked for first gets
it, and the others are told who has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from eventing.errors import Invalid
from eventing.kinds.condition import TRUE, Fact
from eventing.kinds.key import key_of
from eventing.kinds.meta import Resource
from eventing.plan.addresses import address
from eventing.plan.model import Ingress, TopicSpec
from eventing.plan.options import NOT_PUBLISHED, Observed, Options, Problem
from eventing.plan.status import Facts, Status, false, status_of

TOPIC_ANNOTATION = "default.topic"
ADDRESS_NAME = "http"
"""The name of the one address that a channel or Broker has."""
EVERYONE = Fact("True", "NoEventPolicy", "no EventPolicy applies; everyone may send")


Claim = Ingress | Problem
"""What a channel or broker gets, or why it gets nothing."""


class Claims:
    """The claims so far, in the order in which they were made."""

    def __init__(self) -> None:
        self.routes: dict[str, Ingress] = {}
        self.topics: dict[str, TopicSpec] = {}
        self._paths: dict[str, Ingress] = {}
        self._owners: dict[str, Ingress] = {}

    def claim(self, wanted: Callable[[], tuple[Ingress, TopicSpec]]) -> Claim:
        """Take what is wanted, or say why it can't be had: it is taken, or `wanted` raises `Invalid`."""
        try:
            route, topic = wanted()
            self._take(route, topic)
        except Invalid as error:
            return Problem(error.reason, str(error))
        return route

    def _take(self, route: Ingress, topic: TopicSpec) -> None:
        path, owner = self._paths.get(route.path), self._owners.get(topic.name)
        if path is not None:
            raise Invalid(
                f"the address {route.path} belongs to {_title(path)} already", fix="give one of the two another name"
            )
        # Two brokers may share a topic that is neither's.
        if owner is not None and not (topic.external and self.topics[topic.name].external):
            fix = "delete one of the two, or let the templates of the settings names.* tell them apart"
            raise Invalid(f"the topic {topic.name} belongs to {_title(owner)} already", fix=fix)
        self.routes[route.uid] = self._paths[route.path] = route
        self._owners.setdefault(topic.name, route)
        self.topics.setdefault(topic.name, topic)


def told(route: Ingress, observed: Observed) -> Fact:
    """ConfigMapUpdated: whether the data plane could be told of this route, for which Knative writes a ConfigMap."""
    problem = observed.routes.get(route.uid)
    return false(problem) if problem is not None and problem.reason == NOT_PUBLISHED else TRUE


def recorded_topic(resource: Resource) -> str | None:
    """The topic that a channel or broker has already, whatever the template says now."""
    annotations: Mapping[str, str] = resource.status.get("annotations", {})
    return annotations.get(TOPIC_ANNOTATION)


def refused(resource: Resource, condition: str, problem: Problem) -> Status:
    """The status of one that gets nothing: `condition` is False. A topic that it had holds events, so its name outlasts that."""
    recorded = recorded_topic(resource)
    kept = {TOPIC_ANNOTATION: recorded} if recorded else {}
    return status_of(resource, {condition: false(problem)}, annotations=kept)


def served(
    resource: Resource,
    facts: Facts,
    route: Ingress,
    options: Options,
    dead_letter: str | None,
    recorded: Mapping[str, str] | None = None,
) -> Status:
    """The status of one that has this route; `recorded` are annotations beside that of its topic."""
    url = {"name": ADDRESS_NAME, "url": address(options, key_of(resource))}
    annotations = {**(recorded or {}), TOPIC_ANNOTATION: route.topic}
    return status_of(
        resource, facts, address=url, addresses=[url], annotations=annotations, deadLetterSinkUri=dead_letter
    )


def _title(route: Ingress) -> str:
    return f"{route.kind} {route.namespace}/{route.name}"
