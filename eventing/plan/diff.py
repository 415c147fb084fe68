"""What of a plan may run already."""

from __future__ import annotations

from dataclasses import replace

from eventing.plan.model import Plan
from eventing.plan.options import Observed


def runnable(plan: Plan, observed: Observed) -> Plan:
    """The plan without what Kafka is not prepared for: an ingress needs its topic, an egress its start offsets too.

    An egress that started without offsets would read its topic from the beginning, so it must not be known before. Each
    egress is told which topic of that name it reads, so that offsets of one that is gone are not taken for its own.
    """

    def there(topic: str) -> bool:
        return observed.topics.get(topic, True) is None

    return Plan(
        {uid: i for uid, i in plan.ingresses.items() if there(i.topic)},
        {
            uid: replace(e, topic_id=observed.topic_ids.get(e.topic, ""))
            for uid, e in plan.egresses.items()
            if there(e.topic) and observed.groups.get(uid, True) is None
        },
        plan.topics,
    )
