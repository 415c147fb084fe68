"""Topics and groups by Knative's names (behaviour §2), so that what Knative made can be taken over."""

from __future__ import annotations

import re

from eventing.errors import Invalid
from eventing.plan.options import Options

_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
MAX_SERVICE_NAME = 63
_SUFFIX = "-kn-channel"


def channel_topic(options: Options, namespace: str, name: str) -> str:
    """The topic of a channel."""
    return _topic(options.channel_topic, "names.channel_topic", namespace=namespace, name=name)


def broker_topic(options: Options, namespace: str, name: str) -> str:
    """The topic of a broker."""
    return _topic(options.broker_topic, "names.broker_topic", namespace=namespace, name=name)


def dead_letter_topic(options: Options, namespace: str, name: str) -> str:
    """The topic that keeps what a subscription could deliver to nobody."""
    return _topic(options.dead_letter_topic, "names.dead_letter_topic", namespace=namespace, name=name)


def trigger_dead_letter_topic(options: Options, namespace: str, name: str) -> str:
    """The topic that keeps what a trigger could deliver to nobody."""
    template = options.trigger_dead_letter_topic
    return _topic(template, "names.trigger_dead_letter_topic", namespace=namespace, name=name)


def trigger_group(options: Options, namespace: str, broker: str, uid: str, name: str) -> str:
    """The consumer group of a trigger."""
    facts = {"namespace": namespace, "broker": broker, "uid": uid, "name": name}
    return filled(options.trigger_group, "names.trigger_group", **facts)


def subscription_group(options: Options, namespace: str, channel: str, uid: str, name: str) -> str:
    """The consumer group of a subscription."""
    facts = {"namespace": namespace, "channel": channel, "uid": uid, "name": name}
    return filled(options.subscription_group, "names.subscription_group", **facts)


def channel_host(namespace: str, name: str) -> str:
    """The host name of a channel in its cluster (behaviour §1.3)."""
    return f"{channel_service(name)}.{namespace}.svc.cluster.local"


def channel_service(name: str) -> str:
    """The Service of a channel; the suffix goes where a Service name has no room."""
    service = name + _SUFFIX
    return service if len(service) <= MAX_SERVICE_NAME else name


def _topic(template: str, setting: str, **facts: str) -> str:
    topic = filled(template, setting, **facts)
    if _TOPIC.fullmatch(topic) is None or topic in (".", ".."):
        raise Invalid(
            f"{topic!r} is no name for a Kafka topic", where=setting, fix="use at most 249 of a-z A-Z 0-9 . _ -"
        )
    return topic


def filled(template: str, setting: str, **facts: str) -> str:
    """The template with its facts; `Invalid`, with their names, where it asks for others."""
    try:
        return template.format(**facts)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        fix = "use only " + ", ".join("{" + name + "}" for name in facts)
        raise Invalid(f"the template {template!r} can't be filled", where=setting, fix=fix) from error
