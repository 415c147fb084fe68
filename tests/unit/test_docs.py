"""The documentation says what the code does: pages made from it are current, links lead somewhere, examples are valid."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from eventing.manifest import combine, read
from eventing.settings import describe, load
from kanal import reference
from kanal.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
VALUES = yaml.safe_load((ROOT / "charts" / "kanal" / "values.yaml").read_text(encoding="utf-8"))
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)?(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("name", reference.pages())
def test_a_generated_page_is_what_make_docs_writes(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == reference.pages()[name], "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for path, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in path:
            continue
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {path}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_every_page_is_listed_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in text] == []


def test_the_first_screen_of_the_readme_says_what_it_is_and_the_two_commands() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:24]
    assert any("Knative Eventing on Apache Kafka" in line for line in first)
    assert any(line.startswith("make demo") for line in first)
    assert any(line.startswith("make test") for line in first)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_setting_that_a_page_names_exists(page: Path) -> None:
    groups = {key.partition(".")[0] for key, *_ in describe()}
    names = {key for key, *_ in describe()}
    text = page.read_text(encoding="utf-8")
    named = {f"{group}.{field}" for group, field in re.findall(r"`([a-z]+)\.([a-z_]+)`", text) if group in groups}
    # A page about the chart names its values as well.
    values = VALUES if "helm" in page.name else {}
    assert {one for one in named - names if one.split(".")[1] not in values.get(one.split(".")[0], ())} == set()
    variables = set(re.findall(r"KANAL_([A-Z]+__[A-Z_]+[A-Z])", text))
    assert {variable.lower().replace("__", ".", 1) for variable in variables} - names == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_that_a_page_names_exists(page: Path) -> None:
    verbs = {one.name for one in (*app.registered_commands, *app.registered_groups)}
    found = set(re.findall(r"\bkanal (up|[a-z-]+)(?: [A-Z\[]|`)", page.read_text(encoding="utf-8")))
    assert found <= verbs


def test_the_toml_of_the_docs_is_a_valid_configuration() -> None:
    for page in PAGES:
        for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            tomllib.loads(block)
            load({}, block, file=page.name)


@pytest.mark.parametrize("file", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda file: file.name)
def test_every_example_is_valid(file: Path) -> None:
    manifest = combine([read(file.read_text(encoding="utf-8"), str(file))])
    assert [str(problem) for problem in manifest.problems] == []
    assert manifest.resources
