"""What of a plan may run already."""

from __future__ import annotations

from eventing.plan.model import Plan
from eventing.plan.options import Observed


def runnable(plan: Plan, observed: Observed) -> Plan:
    """The plan without what Kafka is not prepared for: an ingress needs its topic, an egress its start offsets too.

    An egress that started without offsets would read its topic from the beginning, so it must not be known before.
    """

    def there(topic: str) -> bool:
        return observed.topics.get(topic, True) is None

    return Plan(
        {uid: i for uid, i in plan.ingresses.items() if there(i.topic)},
        {uid: e for uid, e in plan.egresses.items() if there(e.topic) and observed.groups.get(uid, True) is None},
        plan.topics,
    )
