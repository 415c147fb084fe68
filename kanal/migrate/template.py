"""Knative's Go templates for names (`config-kafka-features`), filled in, and as the settings `names.*` would write them. Pure.

Of Go's template language those three fields are understood that everybody uses; a template with anything else names no object
that has no name recorded yet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_FIELDS = {".Namespace": "namespace", ".Name": "name", ".UID": "uid"}

BROKER_TOPIC, CHANNEL_TOPIC, TRIGGER_GROUP = (
    "brokers.topic.template",
    "channels.topic.template",
    "triggers.consumergroup.template",
)
_DEFAULTS = {
    BROKER_TOPIC: "knative-broker-{{ .Namespace }}-{{ .Name }}",
    CHANNEL_TOPIC: "knative-messaging-kafka.{{ .Namespace }}.{{ .Name }}",
    TRIGGER_GROUP: "knative-trigger-{{ .Namespace }}-{{ .Name }}",
}


@dataclass(frozen=True, slots=True)
class Template:
    """One template. `ours` is the same for a setting, None where that can't say it; `text` is Knative's own."""

    text: str
    ours: str | None

    def fill(self, namespace: str, name: str, uid: str) -> str | None:
        """The name for an object; None where the template is not understood."""
        return None if self.ours is None else self.ours.format(namespace=namespace, name=name, uid=uid)


def template(text: str) -> Template:
    """The template that a text is."""
    parts: list[str] = []
    place = 0
    for found in _ACTION.finditer(text):
        field = _FIELDS.get(found[1])
        if field is None:
            return Template(text, None)
        parts += [_plain(text[place : found.start()]), f"{{{field}}}"]
        place = found.end()
    rest = text[place:]
    return Template(text, None if "{{" in rest else "".join([*parts, _plain(rest)]))


def templates(features: Mapping[str, str]) -> Mapping[str, Template]:
    """The three templates that count with this `config-kafka-features`, which spells their keys with dots or with dashes."""
    return {key: template(features.get(key) or features.get(_dashed(key)) or usual) for key, usual in _DEFAULTS.items()}


def _dashed(key: str) -> str:
    return key.replace(".", "-")


def _plain(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
