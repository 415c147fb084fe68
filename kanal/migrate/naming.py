"""How a name of Knative's is made known to Kanal: a setting where a template says it, a recorded name else. Pure."""

from __future__ import annotations

import json

from eventing.kinds.broker import Broker
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.plan.claims import TOPIC_ANNOTATION
from eventing.plan.linking import GROUP_ANNOTATION
from eventing.settings import Names
from kanal.migrate.finding import Finding, difference
from kanal.migrate.held import Held, Templates
from kanal.migrate.template import BROKER_TOPIC, CHANNEL_TOPIC, TRIGGER_GROUP

_SETTINGS = {BROKER_TOPIC: "broker_topic", CHANNEL_TOPIC: "channel_topic", TRIGGER_GROUP: "trigger_group"}
_RESOURCES = {
    "Broker": "brokers.eventing.knative.dev",
    "Trigger": "triggers.eventing.knative.dev",
    "KafkaChannel": "kafkachannels.messaging.knative.dev",
    "Subscription": "subscriptions.messaging.knative.dev",
}


def fix(held: Held, name: str, templates: Templates) -> str:
    """What to do so that Kanal calls the topic or group of an object `name`."""
    key = _template_of(held)
    template = templates[key] if key else None
    owner = held.owner
    if held.source == "template" and key and template is not None and _can_say(key, template.ours):
        return f"set names.{_SETTINGS[key]}={template.ours}"
    return f"record it: {record(owner.kind, owner.namespace, owner.name, name, group=bool(held.group))}"


def record(kind: str, namespace: str, name: str, value: str, *, group: bool) -> str:
    """The command that records a topic, or a group, in the status of an object."""
    patch = {"status": {"annotations": {GROUP_ANNOTATION if group else TOPIC_ANNOTATION: value}}}
    what = f"kubectl -n {namespace} patch {_RESOURCES.get(kind, kind.lower())} {name}"
    return f"{what} --subresource=status --type=merge -p '{json.dumps(patch, separators=(',', ':'))}'"


def settings(templates: Templates, names: Names) -> list[tuple[str, str]]:
    """The settings `names.*` that differ from Knative's templates, with what they should be."""
    found = []
    for key, setting in _SETTINGS.items():
        ours = templates[key].ours
        if ours is not None and ours != getattr(names, setting) and _can_say(key, ours):
            found.append((f"names.{setting}", ours))
    return found


def findings(templates: Templates, names: Names) -> list[Finding]:
    """What would be called otherwise if it were made after the switch."""
    found = [
        difference(setting, "new objects would be called otherwise than with Knative", f"set {setting}={ours}")
        for setting, ours in settings(templates, names)
    ]
    for key, template in templates.items():
        if not _can_say(key, template.ours):
            message = (
                f"no setting can say {template.text!r} ({key}): new objects are called as names.{_SETTINGS[key]} says"
            )
            found.append(difference("config-kafka-features", message, "what has a recorded name keeps it"))
    return found


def _template_of(held: Held) -> str | None:
    if held.group:
        return TRIGGER_GROUP if held.owner.kind == "Trigger" else None
    return {Broker.KIND: BROKER_TOPIC, KafkaChannel.KIND: CHANNEL_TOPIC}.get(held.owner.kind)


def _can_say(key: str, ours: str | None) -> bool:
    """Whether a setting takes this: topics have no uid in theirs."""
    return ours is not None and (key == TRIGGER_GROUP or "{uid}" not in ours)
