"""The webhook's own server: reviews over TLS, probes, and an end that loses no answer."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from raw_http import free_port, until
from structlog.testing import capture_logs
from webhook_stand import review, sent

from channel.server import Server
from eventing.errors import Invalid
from eventing.settings import Kubernetes, Settings
from kanal import kubeconfig
from kanal.webhook import app as webhook_app
from kanal.webhook import serve
from kanal.webhook.app import create_app
from kanal.webhook.certificates import made
from kanal.webhook.configurations import DEFAULTING, VALIDATION, asked_about, configurations
from kanal.webhook.identity import Identity
from kanal.webhook.review import Rules
from kanal.webhook.serve import serve_webhook


@dataclass
class Webhook:
    """A running server; `missing` is what it says it waits for."""

    server: Server
    context: ssl.SSLContext
    missing: str = ""

    async def __call__(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.server.port, ssl=self.context, server_hostname="localhost"
            )
            writer.write(head.encode() + body)
            answer = await reader.read()
        writer.close()
        return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]

    async def asked(self, path: str, body: Any) -> dict[str, Any]:
        code, answer = await self("POST", path, json.dumps(body).encode())
        assert code == 200, answer
        found: dict[str, Any] = json.loads(answer)
        return found


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    identity, certificate = Identity(), made(("localhost",), datetime.now(UTC))
    identity.take(certificate)
    app = create_app(Rules, lambda: found.missing)
    server = await Server.start(app, "127.0.0.1", 0, where="test", tls=identity.context)
    found = Webhook(server, ssl.create_default_context(cadata=certificate.authorities.decode()))
    yield found
    await server.aclose(1)


async def test_each_path_answers_its_sort_of_review(webhook: Webhook) -> None:
    filled = await webhook.asked("/default", review(sent("Channel")))
    assert filled["response"]["patchType"] == "JSONPatch"
    checked = await webhook.asked("/validate", review(sent("Trigger", {})))
    assert checked["response"]["status"]["code"] == 422
    request = {"uid": "u", "desiredAPIVersion": "eventing.knative.dev/v1beta3", "objects": [sent("EventType")]}
    asked = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}
    assert (await webhook.asked("/convert", asked))["response"]["result"] == {"status": "Success"}


async def test_the_probes_tell_what_is_missing(webhook: Webhook) -> None:
    assert await webhook("GET", "/healthz") == (200, b"ok\n")
    assert await webhook("GET", "/readyz") == (200, b"ok\n")
    webhook.missing = "no certificate"
    assert await webhook("GET", "/readyz") == (503, b"no certificate\n")
    assert (await webhook("GET", "/healthz"))[0] == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"request": {"uid": 1}}'])
@pytest.mark.parametrize("path", ["/default", "/validate", "/convert"])
async def test_what_is_no_review_is_refused_in_one_line(webhook: Webhook, path: str, body: bytes) -> None:
    code, answer = await webhook("POST", path, body)
    assert code == 400
    assert answer.count(b"\n") == 1


async def test_a_body_without_end_is_not_kept(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_app, "MOST_BYTES", 1_000)
    assert (await webhook("POST", "/default", b" " * 2_000))[0] == 413


async def test_who_speaks_no_tls_gets_nothing_and_disturbs_nobody(
    webhook: Webhook, capfd: pytest.CaptureFixture[str]
) -> None:
    for greeting in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", webhook.server.port)
        writer.write(greeting)
        writer.write_eof()
        async with asyncio.timeout(10):
            assert b"HTTP" not in await reader.read()
        writer.close()
    assert (await webhook("GET", "/healthz"))[0] == 200
    assert capfd.readouterr() == ("", "")


async def test_a_defect_is_an_answer_and_a_line_in_the_log(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(webhook_app, "validation", broken)
    with capture_logs() as logs:
        code, _ = await webhook("POST", "/validate", b"{}")
    assert code == 500
    assert [(one["path"], one["error"]) for one in logs] == [("/validate", "RuntimeError('a defect')")]


async def test_settings_that_lead_nowhere_are_told_at_the_start() -> None:
    for kubernetes, says in (
        (Kubernetes(serves="all"), "kubernetes.serves: 'all' is nothing to serve; write everything or kafka"),
        (Kubernetes(kubeconfig="/nowhere"), "/nowhere: there is no such file"),
    ):
        with pytest.raises(Invalid, match=re.escape(says)):
            await serve_webhook(Settings(kubernetes=kubernetes), asyncio.Event())


async def test_it_can_be_stopped_while_it_waits_for_its_api_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "configure_logging", lambda *_: None)
    (tmp_path / "kubeconfig").write_text(kubeconfig.document(f"http://127.0.0.1:{free_port()}", "x"), encoding="utf-8")
    stop = asyncio.Event()
    settings = Settings(kubernetes=Kubernetes(kubeconfig=str(tmp_path / "kubeconfig")))
    with capture_logs() as logs:
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(serve_webhook(settings, stop))
            await until(lambda: logs)
            stop.set()
    assert "does not answer" in logs[0]["event"]


def test_the_configurations_ask_about_every_version_of_every_kind_of_ours_and_nothing_else() -> None:
    for one in configurations(namespace="ns"):
        [webhook] = one["webhooks"]
        asked = {(*rule["apiGroups"], *rule["resources"]): rule["apiVersions"] for rule in webhook["rules"]}
        assert asked == {(kind.GROUP, kind.PLURAL): list(kind.VERSIONS) for kind in asked_about("everything")}
        assert all(rule["operations"] == ["CREATE", "UPDATE"] for rule in webhook["rules"])
        assert (webhook["failurePolicy"], webhook["timeoutSeconds"], webhook["sideEffects"]) == ("Fail", 10, "None")
        path = {DEFAULTING: "/default", VALIDATION: "/validate"}[one["metadata"]["name"]]
        service = {"namespace": "ns", "name": "kanal-webhook", "path": path, "port": 443}
        assert webhook["clientConfig"] == {"service": service}


def test_beside_knatives_core_only_kafka_channels_are_asked_about() -> None:
    [kind] = asked_about("kafka")
    assert kind.KIND == "KafkaChannel"
