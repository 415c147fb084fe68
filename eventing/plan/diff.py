"""What of a plan may run already."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from eventing.plan.model import Plan
from eventing.plan.options import AWAY, Observed, Problem

_UNSEEN = Problem("NotLookedAt", "")


def runnable(plan: Plan, observed: Observed, running: Plan) -> Plan:
    """The plan without what Kafka is not prepared for: an ingress needs its topic, an egress its start offsets too.

    An egress that started without offsets would read its topic from the beginning, so it must not be known before. What
    is `running` goes on while Kafka can't be asked. Each egress is told which topic of that name it reads, so that
    offsets of one that is gone are not taken for its own.
    """

    def there(topic: str, uid: str, runs: Container[str]) -> bool:
        problem = observed.topics.get(topic, _UNSEEN)
        return problem is None or (problem.reason == AWAY and uid in runs)

    def settled(uid: str) -> bool:
        problem = observed.groups.get(uid, _UNSEEN)
        return problem is None or (problem.reason in (AWAY, _UNSEEN.reason) and uid in running.egresses)

    return Plan(
        {uid: i for uid, i in plan.ingresses.items() if there(i.topic, uid, running.ingresses)},
        {
            uid: replace(e, topic_id=observed.topic_ids.get(e.topic, ""))
            for uid, e in plan.egresses.items()
            if there(e.topic, uid, running.egresses) and settled(uid)
        },
        plan.topics,
    )
