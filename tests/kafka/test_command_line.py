"""What a person types, run as processes against a real Kafka: the stack in one process, and each role by itself."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]
KANAL = str(Path(sys.executable).parent / "kanal")
PATIENCE_S = 40.0
# The mission's own example, in its own spelling.
HELLO = (
    "Ce-Id: say-hello",
    "Ce-Specversion: 1.0",
    "Ce-Type: com.icloud2native.sayhievent",
    "Ce-Time: 2023-12-01T11:35:56.7181741Z",
    "Ce-Source: sendoff",
    "Content-Type: application/json",
)
BODY = '{"msg":"Hello littlyboy Knative!"}'
WRONG = """\
apiVersion: messaging.knative.dev/v1
kind: Chanel
metadata: {name: typo}
---
apiVersion: messaging.knative.dev/v1
kind: Channel
metadata: {name: good}
---
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {name: lost}
spec:
  channel: {apiVersion: messaging.knative.dev/v1, kind: Channel, name: god}
  subscriber: {uri: "http://127.0.0.1:9001"}
---
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {name: hasty}
spec:
  channel: {apiVersion: messaging.knative.dev/v1, kind: Channel, name: good}
  subscribr: {uri: "http://127.0.0.1:9001"}
  delivery: {backoffDelay: 2 seconds}
"""


class Process:
    """A running `kanal`; its output is gathered line by line."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [KANAL, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        self.lines: list[str] = []
        self._news: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, seen: Callable[[list[str]], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not seen(self.lines):
            try:
                line = self._news.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            assert line is not None, "\n".join(["this is all that came:", *self.lines])
            self.lines.append(line)

    def line(self, beginning: str) -> str:
        """The first line with this beginning, as soon as it is there."""
        self.until(lambda lines: any(line.startswith(beginning) for line in lines))
        return next(line for line in self.lines if line.startswith(beginning))

    def stop(self) -> int:
        """End it as ctrl-C does; its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
            self._reader.join(5)
            while (line := self._news.get(timeout=5)) is not None:
                self.lines.append(line)
        return self.process.returncode

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._news.put(line.rstrip("\n"))
        self._news.put(None)


@contextmanager
def kanal(*arguments: str, **environment: str) -> Iterator[Process]:
    one = Process([*arguments], environment)
    try:
        yield one
        assert one.stop() == 0, "\n".join(one.lines)
        assert not [line for line in one.lines if "Traceback" in line]
    finally:
        one.process.kill()
        one.process.wait()


def own_names(topic: str) -> list[str]:
    """Settings that keep this test's topics and groups apart from every other's."""
    names = {
        "channel_topic": f"{topic}.{{namespace}}.{{name}}",
        "subscription_group": f"{topic}.{{uid}}",
        "dead_letter_topic": f"{topic}.dead.{{name}}",
        "plan_topic": f"{topic}.plan",
        "resources_topic": f"{topic}.resources",
    }
    return [part for name, value in names.items() for part in ("--set", f"names.{name}={value}")]


def post(port: int, path: str = "/default/quickstart") -> str:
    """Send the mission's example byte for byte; the status line of the answer."""
    head = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *HELLO, f"Content-Length: {len(BODY)}"]
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall("\r\n".join([*head, "Connection: close", "", BODY]).encode())
        return connection.makefile().readline().strip()


def port_in(line: str) -> int:
    return int(line.split("127.0.0.1:")[1].split("/", maxsplit=1)[0].split(maxsplit=1)[0])


def shows_hello(lines: list[str], marker: str) -> bool:
    text = "\n".join(lines)
    begin = text.find(marker)
    return begin >= 0 and "time: 2023-12-01T11:35:56.7181741Z" in text[begin:] and "Hello littlyboy" in text[begin:]


DISPLAYS = [part for name in ("event-display", "faulty=500", "dead-letters") for part in ("--display", name)]


def test_kanal_up_runs_the_quickstart_and_ends_at_once(kafka: str, topic: str) -> None:
    command = ["up", str(ROOT / "examples/quickstart"), "--kafka", kafka, "--port", "0", "--api-port", "0"]
    with kanal(*command, *DISPLAYS, *own_names(topic)) as stack:
        stack.until(lambda lines: sum(line.startswith("ready") for line in lines) == 3)
        server = stack.line("state").split()[-1]
        assert post(port_in(stack.line("ingress"))) == "HTTP/1.1 202 Accepted"
        stack.until(lambda lines: shows_hello(lines, "[event-display]"))
        stack.until(lambda lines: shows_hello(lines, "[dead-letters]"))
        assert "  knativeerrorcode: 500" in stack.lines
        listed = subprocess.run(
            [KANAL, "get", "-o", "json", "--server", server], capture_output=True, text=True, check=True
        )
        kinds = [item["kind"] for item in json.loads(listed.stdout)["items"]]
        assert sorted(kinds) == ["Channel", "KafkaChannel", "Subscription", "Subscription"]
        assert stack.stop() == 0


def test_the_roles_by_themselves_meet_in_kafka_and_a_change_of_the_files_reaches_them(
    kafka: str, topic: str, tmp_path: Path
) -> None:
    own = ["--kafka", kafka, *own_names(topic)]
    file = tmp_path / "resources.yaml"
    file.write_text((ROOT / "examples/quickstart/quickstart.yaml").read_text().split("---")[0])
    with ExitStack() as open_:
        displays = {
            name: open_.enter_context(kanal("event-display", "--port", "0", *more))
            for name, more in (("event-display", ()), ("faulty", ("--fail", "500")), ("dead-letters", ()))
        }
        urls = {name: one.line("event-display listens").split()[-1] for name, one in displays.items()}
        channel = open_.enter_context(kanal("channel", "--port", "0", *own, KANAL_LOG__FORMAT="json"))
        port = json.loads(channel.line("{"))["port"]
        assert post(port).startswith("HTTP/1.1 503")
        open_.enter_context(kanal("dispatcher", "--port", "0", *own))
        controller = open_.enter_context(
            kanal(
                *("controller", str(file), "--watch", "--port", "0", *own),
                KANAL_INGRESS__PUBLIC_URL=f"http://127.0.0.1:{port}",
                KANAL_RESOLVE__SERVICES=",".join(f"{name}={url}" for name, url in urls.items()),
                KANAL_LOG__FORMAT="json",
            )
        )
        controller.until(lambda lines: any("controller ready" in line for line in lines))
        state = next(json.loads(line)["port"] for line in controller.lines if "controller ready" in line)
        file.write_text((ROOT / "examples/quickstart/quickstart.yaml").read_text())
        ready(state, 2)
        assert post(port) == "HTTP/1.1 202 Accepted"
        displays["event-display"].until(lambda lines: shows_hello(lines, "☁️"))
        displays["dead-letters"].until(lambda lines: "  knativeerrorcode: 500" in lines)
        assert post(port, "/default/other").startswith("HTTP/1.1 404")


def ready(port: int, subscriptions: int) -> None:
    """Return when so many Subscriptions are Ready."""
    deadline = time.monotonic() + PATIENCE_S
    command = [KANAL, "get", "subscription", "-o", "json", "--server", f"http://127.0.0.1:{port}"]
    while True:
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        items = json.loads(answer or '{"items": []}')["items"]
        conditions = [c for item in items for c in item.get("status", {}).get("conditions", ())]
        if sum(c["type"] == "Ready" and c["status"] == "True" for c in conditions) == subscriptions:
            return
        assert time.monotonic() < deadline, answer


def test_what_is_wrong_in_a_file_names_file_line_field_and_fix_and_the_rest_runs(
    kafka: str, topic: str, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    with kanal("up", str(file), "--kafka", kafka, "--port", "0", "--api-port", "0", *own_names(topic)) as stack:
        stack.until(lambda lines: any(line.startswith("ready") for line in lines))
        stack.until(lambda lines: any(line.startswith("NOT READY") and "default/lost" in line for line in lines))
        text = "\n".join(stack.lines)
        assert f'{file}:2: Chanel default/typo: kind: "Chanel" is not known; did you mean Channel?' in text
        assert f"{file}:21: Subscription default/hasty: spec.subscribr: there is no such field; did you mean" in text
        assert f"{file}:22: Subscription default/hasty: spec.delivery.backoffDelay: " in text
        assert "write for instance PT2S" in text
        assert (
            f"NOT READY {file}:9: Subscription default/lost: spec.channel: Channel default/god does not exist" in text
        )
        assert "did you mean good?" in text
