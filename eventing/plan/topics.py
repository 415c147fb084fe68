"""How many replicas a topic gets here, and what its condition says (case B58)."""

from __future__ import annotations

from eventing.kinds.condition import Fact
from eventing.plan.options import Observed, Options
from eventing.plan.status import seen


def replicas(asked: int, options: Options) -> int:
    """As many as are asked for, as far as this installation gives any topic so many."""
    return min(asked, options.most_replicas or asked)


def topic_ready(name: str, asked: int, options: Options, observed: Observed) -> Fact:
    """TopicReady of a topic for which `asked` replicas were asked; it says so where it has fewer."""
    fact = seen(name, observed.topics, f"the topic {name} has not been looked at yet")
    given = replicas(asked, options)
    if fact.status != "True" or given == asked:
        return fact
    message = f"{given} replica{'s'[: given != 1]}, not {asked}: the setting kafka.most_replicas allows no more here"
    return Fact("True", "FewerReplicas", message)
