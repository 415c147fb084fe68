"""`kanal controller` before it does anything: what it can't work with it says, and a controller that waits answers as one."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from eventing.errors import Invalid
from eventing.settings import Ingress, Kubernetes, Settings
from eventing.telemetry import Telemetry
from kanal.cli.roles import controller, serving_controller
from kanal.roles.controller import options_of
from kanal.roles.standby import Standby

WITHOUT = "import sys; sys.modules['lightkube'] = None; from kanal.cli import main; sys.argv[1:] = {words}; main()"


def typed(*words: str) -> tuple[int, str]:
    """The exit code and the complaint of a command where Kubernetes' client is not installed."""
    command = [sys.executable, "-c", WITHOUT.format(words=list(words))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_without_the_client_of_kubernetes_the_verb_says_what_to_install() -> None:
    code, told = typed("controller", "--kubernetes")
    assert code == 2
    assert "kanal controller --kubernetes: the client of Kubernetes is not installed (lightkube" in told
    assert told.rstrip().endswith('pip install "kanal[kubernetes]"')


def test_at_home_nothing_of_kubernetes_is_needed() -> None:
    code, told = typed("controller")
    assert (code, "there is nothing to control" in told) == (2, True)
    assert serving_controller(in_cluster=False).__name__ == "serve_controller"


def test_without_files_and_without_a_cluster_there_is_nothing_to_control() -> None:
    with pytest.raises(Invalid, match=r"there is nothing to control; name files, .*--local-api, .*--kubernetes"):
        controller()


def test_nobody_is_let_in_without_a_token() -> None:
    with pytest.raises(Invalid, match=r"--local-api: nobody could show a token .*; set KANAL_CONTROL__TOKEN"):
        controller(local_api=True)


def test_in_a_cluster_addresses_are_names_of_services() -> None:
    options = options_of(Settings(kubernetes=Kubernetes(enabled=True, namespace="here", cluster_domain="c.test")))
    assert options.channel_url == "http://{service}.{namespace}.svc.c.test"
    assert options.broker_url == "http://kafka-broker-ingress.here.svc.c.test/{namespace}/{name}"
    assert options.base_url == "http://kafka-channel-ingress.here.svc.c.test"
    assert (options.in_cluster, options.system_namespace) == (True, "here")
    named = Settings(kubernetes=Kubernetes(enabled=True), ingress=Ingress(public_url="http://events.example"))
    assert options_of(named).base_url == "http://events.example"
    assert options_of(Settings()).in_cluster is False
    with pytest.raises(Invalid, match=r"kubernetes.serves: 'all' is nothing to serve; write everything or kafka"):
        options_of(Settings(kubernetes=Kubernetes(enabled=True, serves="all")))


async def asked(app: Standby, path: str) -> tuple[int, bytes]:
    """What an ASGI application answers to a GET."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])


async def test_a_controller_that_stands_by_is_ready_and_says_who_leads() -> None:
    standby = Standby(Telemetry(), lambda: "the-other")
    assert [(await asked(standby, path))[0] for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
    status, body = await asked(standby, "/operations/lag")
    assert (status, b"this controller stands by; the-other leads" in body) == (503, True)


async def test_a_controller_that_leads_answers_for_itself_and_stays_ready() -> None:
    standby = Standby(Telemetry(), lambda: "me")

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    standby.app = app
    assert await asked(standby, "/operations/lag") == (418, b"/operations/lag")
    assert (await asked(standby, "/readyz"))[0] == 200
