"""What this installation has made in Kafka, and what of it nobody wants any more. Pure: plans in, names out.

It is learnt from the plan that was told last, so a controller that starts knows what was deleted while none was there, and
no object needs a finalizer: its deletion is over at once, whatever of its config, its topic or Kafka has gone first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from eventing.plan.model import Egress, Plan, Remnant


class Remains:
    """Groups and topics that were made and are still there, by name."""

    def __init__(self) -> None:
        self.groups: dict[str, Remnant] = {}
        self.topics: dict[str, Remnant] = {}

    def recall(self, told: Plan) -> None:
        """Know what the plan that was told last had, or left over."""
        self.groups = {**told.idle_groups, **{e.group: _of(e) for e in told.egresses.values()}, **self.groups}
        self.topics = {**told.idle_topics, **_made(told, told.topics), **self.topics}

    def note_topics(self, plan: Plan, there: Collection[str]) -> None:
        """Know that these topics of a plan are there; an external one is not ours."""
        self.topics.update(_made(plan, there))

    def note_group(self, egress: Egress) -> None:
        """Know that the group of this egress has its start."""
        self.groups[egress.group] = _of(egress)

    def idle_groups(self, plan: Plan) -> Mapping[str, Remnant]:
        """What is known and not in use in this plan."""
        used = {egress.group for egress in plan.egresses.values()}
        return {name: one for name, one in self.groups.items() if name not in used}

    def idle_topics(self, plan: Plan) -> Mapping[str, Remnant]:
        """What is known and not in use in this plan."""
        return {name: one for name, one in self.topics.items() if name not in plan.topics}

    def successors(self, egresses: Iterable[Egress]) -> set[str]:
        """Groups that were somebody else's of the same name: what that one left undelivered is not for its successor."""
        return {e.group for e in egresses if e.group in self.groups and self.groups[e.group].uid != e.uid}

    def behind(self, uids: Collection[str]) -> set[str]:
        """The uids of those whose groups read the topics that were made for these."""
        topics = {name for name, one in self.topics.items() if one.uid in uids}
        return {one.uid for one in self.groups.values() if one.topic in topics}

    def over_groups(self, plan: Plan, alive: Collection[str]) -> set[str]:
        """The groups that nobody wants any more.

        An egress whose uid is `alive` may be out of the plan for a while (a reference is missing); its group holds what it
        has yet to deliver, and stays.
        """
        waiting = {name for name, one in self.groups.items() if one.uid in alive and one.uid not in plan.egresses}
        return self.idle_groups(plan).keys() - waiting

    def over_topics(self, plan: Plan, alive: Collection[str]) -> Mapping[str, Remnant]:
        """The topics that nobody wants any more; that of a Broker whose config is missing is not among them."""
        read = {name for e in plan.egresses.values() for name in (e.topic, e.reply_topic, e.dead_letter_topic)}
        return {
            name: one
            for name, one in self.idle_topics(plan).items()
            if name not in read and (one.uid not in alive or one.uid in plan.ingresses)
        }


def _of(egress: Egress) -> Remnant:
    return Remnant(egress.uid, topic=egress.topic)


def _made(plan: Plan, topics: Collection[str]) -> dict[str, Remnant]:
    return {
        route.topic: Remnant(route.uid, path=route.path)
        for route in plan.ingresses.values()
        if route.topic in topics and route.topic in plan.topics and not plan.topics[route.topic].external
    }
