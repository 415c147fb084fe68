"""The chart's files say what the code says: definitions, values, settings, versions."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from eventing.plan.installation import BROKER_KEY, CHANNEL_KEY, NAMES
from eventing.settings import describe

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "kanal"
TEMPLATES = "\n".join(one.read_text(encoding="utf-8") for one in (CHART / "templates").rglob("*.*"))


def _generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("charts_generate", ROOT / "charts" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generate = _generate()
FILES = generate.files()
SCHEMA = generate.schema()
VALUES = [one for one in generate.values() if not one.group]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_generated_file_is_what_the_generator_writes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == FILES[path], "run: .venv/bin/python charts/generate.py"


def test_no_definition_is_left_of_a_kind_that_is_gone() -> None:
    assert list(generate.stale()) == []


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.path)
def test_a_value_has_a_text_a_type_and_a_line_in_the_docs(value: Any) -> None:
    found = SCHEMA
    for name in value.path.split("."):
        found = found["properties"][name]
    assert found["description"] == value.text != ""
    assert "type" in found
    assert f"| `{value.path}` |" in (ROOT / "docs" / "helm.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.path)
def test_a_value_is_used(value: Any) -> None:
    parts = value.path.split(".")
    if parts[-1] == "pod" or parts[0] in ("pods", "defaults"):
        # Looked up by name, one and all.
        assert f".Values.{parts[0]}" in TEMPLATES
        return
    assert re.search(rf"\.{re.escape(parts[-1])}\b", TEMPLATES)


def test_every_value_of_the_yaml_is_known_to_the_generator() -> None:
    def leaves(tree: dict[str, Any], before: str = "") -> set[str]:
        found = set()
        for name, value in tree.items():
            path = f"{before}{name}"
            whole = not isinstance(value, dict) or not value or name == "resources"
            found |= {path} if whole else leaves(value, f"{path}.")
        return found

    assert leaves(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))) == {v.path for v in VALUES}


def test_the_schema_lets_every_setting_be_set_once() -> None:
    schema = SCHEMA["properties"]["settings"]["properties"]
    free = {f"{group}.{name}" for group, part in schema.items() for name in part["properties"]}
    assert free | generate.DECIDED == {key for key, *_ in describe()}
    assert not free & generate.DECIDED


def test_the_chart_has_the_versions_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == chart["version"] == project["version"]


def test_the_config_maps_are_those_that_an_installation_reads() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["defaults"]
    assert set(defaults) == set(NAMES)
    texts = {value.path: value.text for value in VALUES}
    assert CHANNEL_KEY in texts["defaults.default-ch-webhook"]
    assert BROKER_KEY in texts["defaults.config-br-defaults"]


def test_nothing_names_a_namespace_of_its_own() -> None:
    written = re.findall(r"namespace: *([^\s,}]+)", TEMPLATES)
    assert [one for one in written if not one.startswith("{{")] == ["default"], "the one in the notes"


def test_the_files_of_definitions_hold_no_word_that_another_yaml_reads_as_a_boolean() -> None:
    for file in (CHART / "files" / "crds").glob("*.yaml"):
        words = re.findall(
            r"^[\s-]*(y|n|yes|no|on|off):|: (y|n|yes|no|on|off)$", file.read_text("utf-8"), re.MULTILINE | re.IGNORECASE
        )
        assert words == [], file.name


def test_the_schema_is_json_of_a_draft_that_every_helm_3_reads() -> None:
    found = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert found["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert found["additionalProperties"] is False
