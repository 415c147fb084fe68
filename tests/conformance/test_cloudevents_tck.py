"""The CloudEvents project's own vectors: Gherkin for two bindings, event documents, the schema of structured events.

The vectors are not ours to keep: `KANAL_TCK` names their folder, else it is looked for beside the repository.
"""

from __future__ import annotations

import json as stdlib_json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventing.codec import http, json, kafka
from eventing.event import Event

ROOT = Path(os.environ.get("KANAL_TCK") or Path(__file__).parents[2] / ".." / "shared" / "tck") / "cloudevents"

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=f"no CloudEvents vectors at {ROOT}; set KANAL_TCK")

DOCSTRING = re.compile(r'"""\n(.*?)\n\s*"""', re.DOTALL)
ROW = re.compile(r"^\s*\|(.+)\|\s*$", re.MULTILINE)


def dedent(text: str) -> str:
    margin = len(text) - len(text.lstrip(" "))
    return "\n".join(line[margin:] for line in text.split("\n"))


def table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in row.split("|")] for row in ROW.findall(text)]


def scenarios(feature: str) -> list[Any]:
    """Every scenario of a feature file, outlines once for each example."""
    path = ROOT / feature
    if not path.is_file():
        return []
    found = []
    for part in re.split(r"\n\s*(?=Scenario)", path.read_text("utf-8"))[1:]:
        text, _, examples = part.partition("Examples:")
        for (content_type,) in table(examples)[1:] or [[""]]:
            title = text.partition("\n")[0].replace("<contentType>", content_type).strip()
            found.append(pytest.param(text.replace("<contentType>", content_type), id=title))
    return found


def expected(text: str) -> tuple[dict[str, str], Any]:
    _, _, then = text.partition("Then the attributes are:")
    return dict(row for row in table(then.partition('"""')[0])[1:]), stdlib_json.loads(DOCSTRING.findall(then)[-1])


@pytest.mark.parametrize("text", scenarios("http-protocol-binding.feature"))
def test_http_binding(text: str) -> None:
    head, _, body = dedent(DOCSTRING.findall(text)[0]).partition("\n\n")
    headers = [tuple(line.encode().split(b": ", 1)) for line in head.split("\n")[1:]]
    (event,) = http.decode(headers, body.encode())  # type: ignore[arg-type]
    attributes, data = expected(text)
    assert event.attributes == attributes
    assert event.data is not None
    assert stdlib_json.loads(event.data) == data


@pytest.mark.parametrize("text", scenarios("kafka-protocol-binding.feature"))
def test_kafka_binding(text: str) -> None:
    given, _, _ = text.partition("When parsed")
    headers = [(name, value.encode()) for name, value in table(given.rpartition('"""')[2])[1:]]
    event = kafka.from_record(headers, dedent(DOCSTRING.findall(given)[0]).encode())
    attributes, data = expected(text)
    assert event.attributes == attributes
    assert event.data is not None
    assert stdlib_json.loads(event.data) == data


def documents() -> list[Any]:
    found = []
    for path in sorted(ROOT.glob("events/**/*.yaml")):
        for number, document in enumerate(yaml.load_all(path.read_text("utf-8"), yaml.BaseLoader), 1):
            if document:
                found.append(pytest.param(document, id=f"{path.relative_to(ROOT)}#{number}"))
    return found


def event_of(document: dict[str, Any]) -> Event:
    attributes = {name: value for name, value in document["ContextAttributes"].items() if name != "Extensions"}
    # The files write these values as block scalars; the line end that YAML adds is none that a String may hold.
    attributes |= {name: value.strip() for name, value in document["ContextAttributes"].get("Extensions", {}).items()}
    return Event(attributes, document["Data"].strip().encode())


@pytest.mark.parametrize("document", documents())
def test_event_documents_survive_every_mode(document: dict[str, Any]) -> None:
    event = event_of(document)
    headers, body = http.encode_binary(event)
    assert http.decode([*headers, (b"user-agent", b"foo")], body) == [event]
    assert http.decode([(b"content-type", b"application/cloudevents+json; charset=utf-8")], json.encode(event)) == [
        event
    ]
    _, value, stored = kafka.to_record(event)
    assert kafka.from_record(stored, value) == event


@pytest.mark.parametrize("document", documents())
def test_structured_output_follows_the_schema(document: dict[str, Any]) -> None:
    schema = stdlib_json.loads((ROOT / "cloudevents.schema.json").read_text("utf-8"))
    members = stdlib_json.loads(json.encode(event_of(document)))
    assert set(schema["required"]) <= set(members)
    for name in set(schema["properties"]) & set(members) - {"data"}:
        rule = schema["definitions"][schema["properties"][name]["$ref"].rpartition("/")[2]]
        assert isinstance(members[name], str)
        assert len(members[name]) >= rule.get("minLength", 0)
