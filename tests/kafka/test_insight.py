"""`kanal trace` and `kanal lag` on a real Kafka: what is said of an event at each subscription, and how they stand."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raw_http import OK, RawServer, never, reply
from stack import Stack, good, running

from eventing.kafka.librdkafka.scanner import KafkaScanner
from kanal.api.app import api
from kanal.cli.server import ask, lines
from kanal.roles.common import Clients
from kanal.roles.insight import looking
from kanal.serve import serving
from kanal.timeline import document

PATIENCE_S = 30.0
KANAL = str(Path(sys.executable).parent / "kanal")
FAULT = b"HTTP/1.1 503 Said\r\nContent-Length: 0\r\n\r\n"
REFUSAL = b"HTTP/1.1 400 Said\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Desk:
    """A stack, and the command line that asks its controller."""

    stack: Stack
    server: str

    async def run(self, *words: str) -> tuple[int, str, str]:
        """A command in a process of its own: exit code, standard output, standard error."""
        pipe = asyncio.subprocess.PIPE
        command = await asyncio.create_subprocess_exec(KANAL, *words, "--server", self.server, stdout=pipe, stderr=pipe)
        out, err = await command.communicate()
        return command.returncode or 0, out.decode(), err.decode()

    async def states(self, id_: str) -> dict[str, dict[str, Any]]:
        """What is said of the event, by the name of who gets it."""
        findings = await asyncio.to_thread(lambda: list(lines(self.server, f"/operations/v1/trace?id={id_}")))
        [place] = json.loads(document(findings))["found"]
        return {one["name"]: one for one in place["deliveries"]}

    async def until(self, id_: str, **states: str) -> dict[str, dict[str, Any]]:
        """The same, once these subscriptions are in these states and the reports have told the details."""

        def there(name: str, state: str) -> bool:
            one = found.get(name, {"state": ""})
            return one["state"] == state and (state == "finished" or one["status"] is not None)

        found: dict[str, dict[str, Any]] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not all(there(name, state) for name, state in states.items()):
                    found = await self.states(id_)
        except TimeoutError:
            raise AssertionError(found) from None
        return found

    async def lag(self) -> dict[str, dict[str, Any]]:
        found = await asyncio.to_thread(ask, self.server, "GET", "/operations/v1/lag")
        return {one["name"]: one for one in found["items"]}

    async def lag_until(self, holds: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not found or not holds(found):
                    found = await self.lag()
        except TimeoutError:
            raise AssertionError(found) from None
        return found


@asynccontextmanager
async def desk(kafka: str, **groups: dict[str, Any]) -> AsyncIterator[Desk]:
    own = {"outcome_topic": f"outcomes-{uuid.uuid4().hex[:10]}"}
    outcomes = {"interval_s": 0.1, **groups.pop("outcomes", {})}
    async with running(kafka, names=own, outcomes=outcomes, **groups) as stack:
        scanner = KafkaScanner(stack.settings.kafka)
        try:
            router = looking(stack.settings, stack.controller, Clients(stack.appender, stack.admin, scanner))
            application = api(stack.store, ready=lambda: True, metrics=lambda: (b"", b""), routers=[router])
            async with serving(application, "127.0.0.1", 0, what="test") as port:
                yield Desk(stack, f"http://127.0.0.1:{port}")
        finally:
            await scanner.aclose()


def delivery(dead_letters: RawServer | None = None, **fields: object) -> str:
    spec = {**fields, **({"deadLetterSink": {"uri": dead_letters.url}} if dead_letters else {})}
    return f"delivery: {json.dumps(spec)}"


async def test_each_end_of_an_event_is_told_with_its_details(kafka: str) -> None:
    event = b"HTTP/1.1 200 OK\r\nce-specversion: 1.0\r\nce-type: r\r\nce-source: /r\r\nce-id: r1\r\n"
    async with (
        RawServer() as well,
        RawServer(reply(event + b"Content-Length: 2\r\n\r\n{}")) as answering,
        RawServer(reply(FAULT), reply(OK)) as second_time,
        RawServer(reply(FAULT)) as faulty,
        RawServer(reply(REFUSAL)) as refusing,
        RawServer(never) as silent,
        RawServer() as sink,
        desk(kafka) as at,
    ):
        stack = at.stack
        await stack.channel(partitions=1)
        again = {"retry": 5, "backoffPolicy": "linear"}
        await stack.subscription(well.url, "well")
        await stack.subscription(answering.url, "answering", more=f'reply: {{uri: "{sink.url}"}}')
        await stack.subscription(second_time.url, "retried", more=delivery(**again, backoffDelay="PT0.05S"))
        await stack.subscription(faulty.url, "waits", more=delivery(**again, backoffDelay="PT100S"))
        await stack.subscription(refusing.url, "sunk", more=delivery(sink))
        await stack.subscription(refusing.url, "kept")
        await stack.subscription(silent.url, "silent")
        await stack.send(good("x1"))
        await stack.send(good("x2"))
        found = await at.until(
            "x1",
            well="delivered",
            answering="replied",
            retried="delivered",
            waits="waiting",
            sunk="dead-lettered",
            kept="kept",
        )
        assert (found["well"]["status"], found["well"]["attempts"], found["well"]["note"]) == (202, 1, "")
        assert found["well"]["took_ms"] > 0
        assert (found["retried"]["status"], found["retried"]["attempts"]) == (202, 2)
        waits = found["waits"]
        assert (waits["status"], waits["attempts"], waits["reason"]) == (503, 1, "subscriber answered 503")
        assert 90_000 < waits["next_ms"] - waits["at_ms"] <= 101_000
        assert (found["sunk"]["status"], found["sunk"]["reason"]) == (400, "subscriber answered 400")
        kept = found["kept"]
        assert (kept["status"], kept["reason"], kept["letter"]) == (400, "subscriber answered 400", 0)
        assert kept["dead_letters"] == f"kanal-dead-letters.{stack.ns}.kept"
        assert found["silent"]["state"] == "queued"
        behind = await at.states("x2")
        assert behind["silent"]["note"] == "1 unfinished before it in its partition"

        code, text, _ = await at.run("trace", "x1", "--source", "/s", "-n", stack.ns)
        assert code == 0
        assert text.startswith("x1  source /s  type t.a\naccepted  ")
        assert (
            f"by KafkaChannel {stack.ns}/c1: topic knative-messaging-kafka.{stack.ns}.c1, partition 0, offset 0" in text
        )
        assert "next attempt" in text

        standing = await at.lag_until(
            lambda of: of["well"]["lag"] == 0 and of["waits"]["waiting"] == 1 and of["kept"]["dead_letters"] == 2
        )
        assert (standing["waits"]["lag"], standing["silent"]["lag"], standing["silent"]["waiting"]) == (2, 2, 0)
        assert standing["waits"]["oldest_age_s"] > 0
        assert standing["well"]["oldest_age_s"] is None
        assert standing["well"]["dead_letters"] == 0
        code, text, _ = await at.run("lag", "kept", "-n", stack.ns, "-o", "json")
        assert (code, [one["name"] for one in json.loads(text)]) == (0, ["kept"])
        _, text, _ = await at.run("lag")
        assert text.startswith("NAMESPACE")
        assert len(text.splitlines()) == 8


async def test_an_event_that_is_not_there_is_said_with_what_was_searched(kafka: str) -> None:
    async with RawServer() as subscriber, desk(kafka) as at:
        topic = await at.stack.channel()
        await at.stack.subscription(subscriber.url)
        await at.stack.send(good("x1"))
        code, _, said = await at.run("trace", "nowhere", "--since", "5m")
        assert code == 1
        assert "event nowhere was not found; searched since " in said
        assert f"{topic}; search further with --since 24h or --all" in said
        code, text, _ = await at.run("trace", "x1", "--source", "/other", "-o", "json")
        assert (code, json.loads(text)) == (1, {"found": []})
        _, _, said = await at.run("trace", "nowhere", "--all")
        assert f"searched whole: {topic}; check the id" in said
        code, _, said = await at.run("lag", "nobody")
        assert (code, said) == (
            2,
            "kanal: Subscription or Trigger nobody: is not running; see kanal get\n",
        )


async def test_without_a_diary_the_mark_alone_tells_whether_an_event_is_finished(kafka: str) -> None:
    async with RawServer() as subscriber, desk(kafka, outcomes={"keep": "none"}) as at:
        await at.stack.channel()
        await at.stack.subscription(subscriber.url)
        await at.stack.send(good("x1"))
        found = await at.until("x1", s1="finished")
        assert found["s1"]["note"].startswith("nothing is written down")
        standing = await at.lag_until(lambda of: of["s1"]["lag"] == 0)
        assert standing["s1"]["rate"] is None


async def test_a_dispatcher_that_stops_writes_down_what_it_still_knows(kafka: str) -> None:
    async with RawServer() as subscriber, desk(kafka, outcomes={"interval_s": 60.0}) as at:
        await at.stack.channel(partitions=1)
        await at.stack.subscription(subscriber.url)
        await at.stack.send()
        await at.stack.send(good("x1"))
        await at.stack.caught_up()
        before = (await at.states("x1"))["s1"]
        assert (before["state"], before["note"][:26]) == ("finished", "no dispatcher told of it: ")
        await at.stack.stop_dispatcher()
        assert (await at.until("x1", s1="delivered"))["s1"]["attempts"] == 1
