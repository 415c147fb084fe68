"""`kanal up` in one terminal, plain kubectl in another, on a real Kafka: what was applied is there at the next start."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from answering import KANAL
from kubectl_stand import KUBECTL, Kubectl

from eventing.kafka.embedded.process import free_port
from eventing.store.memory import MemoryStore

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not on this machine")
PATIENCE_S = 60.0
CHANNEL = "apiVersion: messaging.knative.dev/v1\nkind: Channel\nmetadata: {name: %s}\n"


async def line(process: Process, beginning: str) -> str:
    """The rest of the first line with this beginning."""
    assert process.stdout is not None
    seen = []
    async with asyncio.timeout(PATIENCE_S):
        async for one in process.stdout:
            seen.append(one.decode())
            if seen[-1].startswith(beginning):
                return seen[-1].removeprefix(beginning).strip()
    raise AssertionError("".join(seen))


@asynccontextmanager
async def up(kafka: str, topic: str, folder: Path, *files: str) -> AsyncIterator[tuple[Kubectl, str]]:
    """A running stack, a kubectl that knows of it what the stack's own output said, and its address."""
    names = {
        "channel_topic": f"{topic}.{{namespace}}.{{name}}",
        "resources_topic": f"{topic}.resources",
        "outcome_topic": f"{topic}.outcomes",
    }
    named = [part for name, value in names.items() for part in ("--set", f"names.{name}={value}")]
    environment = {**os.environ, "XDG_DATA_HOME": str(folder), "HOME": str(folder)}
    ports = ("--kafka", kafka, "--port", "0", "--api-port", "0")
    process = await asyncio.create_subprocess_exec(
        KANAL, "up", *files, *ports, *named, stdout=PIPE, stderr=STDOUT, env=environment
    )
    try:
        server = (await line(process, "state")).split()[-1]
        export = await line(process, "kubectl")
        name, _, path = shlex.split(export)[-1].partition("=")
        yield Kubectl(MemoryStore(lambda: pytest.fail("unused")), folder, {**environment, name: path}), server
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_what_kubectl_applied_is_run_and_is_there_at_the_next_start(
    kafka: str, topic: str, tmp_path: Path
) -> None:
    patience = f"--timeout={PATIENCE_S:.0f}s"
    file = tmp_path / "file.yaml"
    file.write_text(CHANNEL % "filed")
    async with up(kafka, topic, tmp_path, str(file)) as (kubectl, server):
        await kubectl("apply", "-f", kubectl.file("typed.yaml", CHANNEL % "typed"))
        await kubectl("wait", "--for=condition=Ready", "channel/typed", "channel/filed", patience)
        url = await kubectl("get", "channel", "typed", "-o", "jsonpath={.status.address.url}")
        assert url.endswith("/default/typed")
        assert "Normal" in (await kubectl("describe", "channel", "typed")).partition("Events:")[2]
        asked = await asyncio.create_subprocess_exec(
            KANAL, "get", "channel", "--server", server, stdout=PIPE, env=kubectl.environment
        )
        out, _ = await asked.communicate()
        assert "typed" in out.decode()
        outsider = {**kubectl.environment, "XDG_DATA_HOME": str(tmp_path / "other")}
        refused = await asyncio.create_subprocess_exec(
            KANAL, "get", "channel", "--server", server, stderr=PIPE, env=outsider
        )
        _, err = await refused.communicate()
        assert (refused.returncode, "KANAL_TOKEN" in err.decode()) == (4, True)
    async with up(kafka, topic, tmp_path) as (kubectl, _):
        found = (await kubectl("get", "channels", "-o", "name")).split()
        assert found == ["channel.messaging.knative.dev/filed", "channel.messaging.knative.dev/typed"]
        await kubectl("delete", "channel", "filed")
        await kubectl("wait", "--for=condition=Ready", "channel/typed", patience)
    assert list((tmp_path / "kanal").rglob("*[0-9]")) == [], "tokens and kubeconfigs of what has ended"


async def test_a_controller_by_itself_lets_kubectl_in_as_the_page_on_containers_says(
    kafka: str, topic: str, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "containers.md").read_text(encoding="utf-8")
    typed = [line for line in page.splitlines() if line.startswith("kubectl ")]
    assert [line.split()[1] for line in typed] == ["config", "config", "config", "get"]
    environment = {**os.environ, "HOME": str(tmp_path), "KANAL_TOKEN": "of-a-test", "KANAL_CONTROL__TOKEN": "of-a-test"}
    environment["KUBECONFIG"] = str(tmp_path / "kanal.kubeconfig")
    port = free_port("127.0.0.1")
    names = ("--set", f"names.resources_topic={topic}.resources", "--set", f"names.plan_topic={topic}.plan")
    words = ("controller", "--local-api", "--kafka", kafka, "--port", str(port), *names)
    process = await asyncio.create_subprocess_exec(KANAL, *words, stderr=PIPE, env=environment)
    try:
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            said = ""
            while "controller ready" not in said:
                said = (await process.stderr.readline()).decode()
                assert said, "it ended"
            script = "\n".join([*typed, "kubectl create configmap made"]).replace(":8081/", f":{port}/")
            asked = await asyncio.create_subprocess_exec(
                "bash", "-euc", script, stdout=PIPE, stderr=PIPE, env=environment
            )
            out, err = await asked.communicate()
        assert out.decode().splitlines()[-1] == "configmap/made created", err.decode()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
