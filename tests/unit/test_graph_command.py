"""`kanal graph`: of what runs, and of files."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from eventing.errors import Invalid, Unavailable
from eventing.kafka.embedded.process import free_port
from eventing.kinds.key import key_of
from eventing.kinds.registry import parse
from eventing.store.memory import MemoryStore
from kanal import cli
from kanal.api.app import api
from kanal.cli.graph import graph
from kanal.graph.render import FORMATS
from kanal.serve import serving

ROOT = Path(__file__).parents[2]
GROUP = "messaging.knative.dev/v1"
CHANNEL = f"""
apiVersion: {GROUP}
kind: Channel
metadata: {{name: orders}}
"""
SUBSCRIPTION = f"""
apiVersion: {GROUP}
kind: Subscription
metadata: {{name: billing}}
spec:
  channel: {{apiVersion: {GROUP}, kind: Channel, name: orders}}
  subscriber: {{ref: {{apiVersion: v1, kind: Service, name: billing}}}}
"""


def drawn(capsys: pytest.CaptureFixture[str], *paths: Path, **more: Any) -> str:
    graph(
        **{
            "paths": list(paths),
            "output": "text",
            "namespace": None,
            "children": False,
            "server": "",
            "config": None,
            "set_": None,
        }
        | more
    )
    return capsys.readouterr().out


def written(folder: Path, *documents: str) -> Path:
    file = folder / "resources.yaml"
    file.write_text("---".join(documents), encoding="utf-8")
    return file


@asynccontextmanager
async def controller() -> AsyncIterator[str]:
    """The URL of an API that holds a Channel that is not ready and one that nobody has looked at."""
    store = MemoryStore(lambda: datetime.now(UTC))
    for name, namespace in (("torn", "one"), ("new", "two")):
        document = {
            "apiVersion": GROUP,
            "kind": "Channel",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {},
        }
        stored = await store.apply(parse(document))
        if name == "torn":
            ready = {"type": "Ready", "status": "False", "reason": "NoTopic", "message": "Kafka says no"}
            await store.set_status(key_of(stored), {"conditions": [ready]})
    app = api(store, ready=lambda: True, metrics=lambda: (b"text/plain", b""))
    async with serving(app, "127.0.0.1", 0, what="test") as port:
        yield f"http://127.0.0.1:{port}"


async def test_what_runs_is_drawn_with_the_states_that_the_controller_tells(capsys: pytest.CaptureFixture[str]) -> None:
    async with controller() as server:
        lines = (await asyncio.to_thread(drawn, capsys, server=server)).splitlines()
        assert "✗ Channel one/torn" in lines
        assert "   NoTopic: Kafka says no" in lines
        assert "? Channel two/new" in lines
        assert "Channel one/torn" not in await asyncio.to_thread(drawn, capsys, server=server, namespace="two")


def test_what_is_well_in_a_file_is_well_in_the_picture_though_nothing_runs(capsys: pytest.CaptureFixture[str]) -> None:
    lines = drawn(capsys, ROOT / "examples" / "quickstart").splitlines()
    assert lines[0].startswith("Channel default/quickstart")
    assert lines[-1] == "nothing is broken"
    assert [line for line in lines if line.startswith("KafkaChannel")] == []


def test_the_parts_made_for_the_resources_of_a_file_are_drawn_when_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = drawn(capsys, written(tmp_path, CHANNEL, SUBSCRIPTION), children=True)
    assert "sends to KafkaChannel default/orders" in text


def test_a_reference_in_a_file_that_leads_nowhere_is_broken_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = drawn(capsys, written(tmp_path, SUBSCRIPTION)).splitlines()
    assert lines[:2] == ["✗ Channel default/orders", "│  does not exist"]
    assert lines[2] == "└─ ✗ Subscription default/billing"
    assert lines[3].startswith("   │  ReferenceMissing: spec.channel: Channel default/orders does not exist")
    assert "   ├─ sends to Service default/billing" in lines


def test_a_url_in_a_file_that_is_a_channels_address_leads_to_the_channel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_url = SUBSCRIPTION.replace(
        "ref: {apiVersion: v1, kind: Service, name: billing}", "uri: http://in:9/default/orders"
    )
    file = written(tmp_path, CHANNEL, by_url)
    assert "sends to http://in:9/default/orders" in drawn(capsys, file)
    assert "sends to Channel default/orders" in drawn(capsys, file, set_=["ingress.public_url=http://in:9"])


def test_what_cannot_be_read_is_told_beside_the_picture_of_the_rest_and_in_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, CHANNEL, f"\napiVersion: {GROUP}\nkind: Chanel\nmetadata: {{name: x}}\n")
    monkeypatch.setattr(sys, "argv", ["kanal", "graph", str(file)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr()
    assert ended.value.code == Invalid.exit_code
    assert told.out.startswith("Channel default/orders")
    assert told.err.startswith(f"{file}:")
    assert "Chanel" in told.err


@pytest.mark.parametrize("output", list(FORMATS))
def test_every_format_comes_out_and_twice_the_same(output: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = drawn(capsys, ROOT / "examples" / "quickstart", output=output)
    assert "event" in first
    assert first == drawn(capsys, ROOT / "examples" / "quickstart", output=output)
    if output == "svg":
        ET.fromstring(first)


def test_a_topic_that_keeps_dead_letters_has_the_name_that_the_settings_give(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = drawn(capsys, ROOT / "examples" / "quickstart", set_=["names.dead_letter_topic=dl-{name}"])
    assert "dead letters kept in dl-display" in text


def test_mistakes_are_told_with_their_fix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Invalid, match=r"--output: 'png' is no format; use one of text, mermaid, dot, svg"):
        drawn(capsys, output="png")
    with pytest.raises(Invalid, match="there is no such file or folder"):
        drawn(capsys, tmp_path / "none.yaml")
    with pytest.raises(Unavailable, match="no controller answers"):
        drawn(capsys, server=f"http://127.0.0.1:{free_port('127.0.0.1')}")
