"""`kanal crds` prints what `kubectl apply -f -` takes: each kind under Knative's names, in Knative's versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from eventing.errors import Invalid
from eventing.kinds.crd import ConversionWebhook, crd
from eventing.kinds.eventtype import EventType, EventTypeByAttributes
from eventing.kinds.registry import KINDS
from kanal.cli import app

DEFINED = [kind for kind in KINDS if kind.GROUP]


def printed(*words: str) -> str:
    result = CliRunner().invoke(app, ["crds", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def refused(*words: str) -> str:
    with pytest.raises(Invalid) as error:
        CliRunner().invoke(app, ["crds", *words], catch_exceptions=False)
    return str(error.value)


def versions(document: dict[str, Any]) -> list[tuple[str, bool, bool]]:
    return [(one["name"], one["served"], one["storage"]) for one in document["spec"]["versions"]]


def test_every_kind_but_those_of_kubernetes_itself_is_printed_once() -> None:
    documents = list(yaml.safe_load_all(printed()))
    assert [one["spec"]["names"]["kind"] for one in documents] == [kind.KIND for kind in DEFINED]
    assert {one["kind"] for one in documents} == {"CustomResourceDefinition"}


def test_yaml_and_json_say_the_same_and_the_same_each_time() -> None:
    text = printed()
    assert (
        json.loads(printed("-o", "json"))["items"] == list(yaml.safe_load_all(text)) == [crd(kind) for kind in DEFINED]
    )
    assert printed() == text


def test_yaml_has_no_anchors_which_not_every_tool_knows() -> None:
    events = yaml.parse(printed())
    assert not any(isinstance(one, yaml.AliasEvent) or getattr(one, "anchor", None) for one in events)


def test_no_definition_comes_near_the_size_that_kubectl_apply_can_annotate() -> None:
    assert {kind.KIND for kind in DEFINED if len(json.dumps(crd(kind))) > 200_000} == set()


def test_kinds_are_chosen_by_the_names_that_kubectl_has_for_them() -> None:
    chosen = [one["metadata"]["name"] for one in yaml.safe_load_all(printed("kch", "flows", "kafkachannels"))]
    assert chosen == [
        "kafkachannels.messaging.knative.dev",
        "sequences.flows.knative.dev",
        "parallels.flows.knative.dev",
    ]


def test_what_can_not_be_printed_is_refused_with_what_to_do() -> None:
    assert "did you mean" in refused("chanel")
    assert "Kubernetes' own" in refused("configmap")
    assert "yaml, json" in refused("-o", "toml")
    for word in ("kanal", "/a", "a/", "a/b/c"):
        assert "write NAMESPACE/NAME" in refused("--webhook", word)


@pytest.mark.parametrize("kind", DEFINED, ids=lambda kind: kind.KIND)
def test_a_definition_has_the_names_labels_and_columns_of_its_kind(kind: Any) -> None:
    document = crd(kind)
    spec = document["spec"]
    assert document["metadata"]["name"] == f"{kind.PLURAL}.{kind.GROUP}"
    assert document["metadata"]["labels"].items() >= kind.CRD_LABELS.items()
    assert (spec["group"], spec["scope"]) == (kind.GROUP, "Namespaced")
    names = spec["names"]
    assert (names["kind"], names["plural"], names["singular"]) == (kind.KIND, kind.PLURAL, kind.SINGULAR)
    assert names.get("shortNames", []) == list(kind.SHORT_NAMES)
    assert names["categories"] == list(kind.CATEGORIES)
    assert [one["name"] for one in spec["versions"]] == list(kind.VERSIONS)
    assert [one["storage"] for one in spec["versions"]].count(True) == 1
    for version in spec["versions"]:
        shape = kind.SHAPES.get(version["name"], kind)
        columns = [(one["name"], one["jsonPath"]) for one in version["additionalPrinterColumns"]]
        assert columns == [(one.name, one.path) for one in shape.PRINTER_COLUMNS]
        assert all(path.startswith(".") for _, path in columns)
        assert version["subresources"] == {"status": {}}


def test_versions_that_are_written_alike_need_no_conversion() -> None:
    (document,) = yaml.safe_load_all(printed("kafkachannel"))
    assert versions(document) == [("v1beta1", True, True), ("v1", True, False)]
    assert document["spec"]["conversion"] == {"strategy": "None"}


def test_a_version_that_is_written_in_another_way_is_served_only_with_a_webhook() -> None:
    alone, served = crd(EventType), crd(EventType, ConversionWebhook(namespace="k", name="hook", ca_bundle="Q0E="))
    assert versions(alone) == [("v1beta2", True, True), ("v1beta1", True, False), ("v1beta3", False, False)]
    assert versions(served)[2] == ("v1beta3", True, False)
    assert alone["spec"]["conversion"] == {"strategy": "None"}
    client = served["spec"]["conversion"]["webhook"]["clientConfig"]
    assert client == {
        "service": {"namespace": "k", "name": "hook", "path": "/convert", "port": 443},
        "caBundle": "Q0E=",
    }
    assert (
        "attributes" in served["spec"]["versions"][2]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    )
    assert EventType.SHAPES["v1beta3"] is EventTypeByAttributes


def test_the_webhook_of_the_command_line_converts_only_kinds_that_need_it() -> None:
    found = {
        one["spec"]["names"]["kind"]: one["spec"]["conversion"]["strategy"]
        for one in yaml.safe_load_all(printed("--webhook", "kanal/kanal-webhook"))
    }
    assert {kind for kind, strategy in found.items() if strategy == "Webhook"} == {"EventType"}
