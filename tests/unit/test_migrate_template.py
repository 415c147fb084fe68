"""Knative's name templates are read as far as anybody uses them, and an odd one is never guessed at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.settings import Names
from kanal.migrate.naming import findings, settings
from kanal.migrate.template import BROKER_TOPIC, CHANNEL_TOPIC, TRIGGER_GROUP, template, templates

PLACE = ("shop", "orders", "u-1")


@pytest.mark.parametrize(
    ("go", "ours"),
    [
        ("knative-broker-{{ .Namespace }}-{{ .Name }}", "knative-broker-{namespace}-{name}"),
        ("{{.Namespace}}.{{.Name}}.{{.UID}}", "{namespace}.{name}.{uid}"),
        ("a-{{- .Name -}}-b", "a-{name}-b"),
        ("plain", "plain"),
        ("with {braces} of its own", "with {{braces}} of its own"),
    ],
)
def test_a_template_is_written_as_a_setting(go: str, ours: str) -> None:
    assert template(go).ours == ours


@pytest.mark.parametrize(
    "go",
    ["{{ .Labels.team }}", "{{ .Name | upper }}", "{{ if .Name }}x{{ end }}", "{{ .Name", '{{ index .Labels "a" }}'],
)
def test_a_template_with_anything_else_names_nothing(go: str) -> None:
    found = template(go)
    assert found.ours is None
    assert found.fill(*PLACE) is None


@given(st.text(alphabet=st.sampled_from("ab-._{}% \n")).filter(lambda text: "{{" not in text))
def test_text_without_actions_is_the_name_as_it_stands(text: str) -> None:
    assert template(text).fill(*PLACE) == text


def test_keys_are_spelled_with_dots_or_with_dashes_and_default_to_what_knative_ships() -> None:
    found = templates({"brokers-topic-template": "b.{{ .Name }}", "triggers.consumergroup.template": "t.{{ .UID }}"})
    assert found[BROKER_TOPIC].fill(*PLACE) == "b.orders"
    assert found[TRIGGER_GROUP].fill(*PLACE) == "t.u-1"
    assert found[CHANNEL_TOPIC].fill(*PLACE) == "knative-messaging-kafka.shop.orders"


def test_settings_are_told_where_they_differ_from_the_templates_and_can_say_them() -> None:
    usual = templates({})
    assert settings(usual, Names()) == []
    assert findings(usual, Names()) == []
    other = templates({BROKER_TOPIC: "b.{{ .Namespace }}.{{ .Name }}", TRIGGER_GROUP: "t.{{ .UID }}"})
    assert settings(other, Names()) == [
        ("names.broker_topic", "b.{namespace}.{name}"),
        ("names.trigger_group", "t.{uid}"),
    ]


def test_a_topic_named_by_uid_is_told_to_be_beyond_any_setting() -> None:
    known = templates({CHANNEL_TOPIC: "c.{{ .UID }}"})
    assert settings(known, Names()) == []
    (one,) = findings(known, Names())
    assert one.severity == "difference"
    assert "no setting can say 'c.{{ .UID }}' (channels.topic.template)" in one.message
