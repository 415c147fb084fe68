"""The roles of one scenario, each a process of its own, on a Kafka that exists: one channel, its subscriptions, dispatchers.

Leaving the stand stops every process as Kubernetes does and fails where one ends badly, has written a traceback, or has
left something behind; so each scenario checks that by being over.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from chaos_processes import Role, descendants, get, steady_port, until
from chaos_subscriber import Subscriber

READY_S = 30.0
IN_FLIGHT = 100
COMMIT_S = 1.0
SESSION_S = 6.0
_CHANNEL = """
apiVersion: messaging.knative.dev/v1
kind: Channel
metadata: {{name: c1}}
spec:
  channelTemplate:
    apiVersion: messaging.knative.dev/v1beta1
    kind: KafkaChannel
    spec: {{numPartitions: {partitions}, replicationFactor: 1}}
"""
_SUBSCRIPTION = """
---
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {{name: {name}}}
spec:
  channel: {{apiVersion: messaging.knative.dev/v1, kind: Channel, name: c1}}
  subscriber: {{uri: "{url}"}}
  delivery: {{{delivery}}}
"""
PATIENT = "retry: 50, backoffPolicy: linear, backoffDelay: PT0.2S, timeout: PT2S"


def seed() -> int:
    """What chance begins with: `CHAOS_SEED`, else another number each time."""
    return int(os.environ.get("CHAOS_SEED") or int.from_bytes(os.urandom(3)))


class Stand:
    """Running roles; made by `stand`."""

    def __init__(self, folder: Path, bootstrap: str, chance: int, partitions: int, settings: dict[str, str]) -> None:
        self.bootstrap, self.seed, self._folder = bootstrap, chance, folder
        self._prefix = f"chaos-{uuid.uuid4().hex[:10]}"
        self._partitions = partitions
        self._subscriptions: dict[str, tuple[str, str]] = {}
        self._file = folder / "resources.yaml"
        self._settings = {
            "names.channel_topic": f"{self._prefix}.{{namespace}}.{{name}}",
            "names.subscription_group": f"{self._prefix}.group.{{name}}",
            "names.dead_letter_topic": f"{self._prefix}.dead.{{name}}",
            "names.outcome_topic": f"{self._prefix}.outcomes",
            "names.plan_topic": f"{self._prefix}.plan",
            "names.resources_topic": f"{self._prefix}.resources",
            "kafka.session_timeout_s": str(SESSION_S),
            "delivery.in_flight_events": str(IN_FLIGHT),
            "delivery.commit_interval_s": str(COMMIT_S),
            **settings,
        }
        self.roles: list[Role] = []
        self.allowed = 0
        """How many duplicates the disturbances so far explain."""
        self.channel_port = steady_port()
        self.topic = f"{self._prefix}.default.c1"
        self.url = f"http://127.0.0.1:{self.channel_port}/default/c1"

    def group(self, name: str) -> str:
        return f"{self._prefix}.group.{name}"

    def dead_letter_topic(self, name: str) -> str:
        return f"{self._prefix}.dead.{name}"

    async def start(self, subscriptions: dict[str, str], dispatchers: int, delivery: str) -> None:
        """Start everything and return when every subscription is Ready and every dispatcher serves."""
        self._subscriptions = {name: (url, delivery) for name, url in subscriptions.items()}
        self._write()
        self.channel = self._role("channel", "channel", port=self.channel_port)
        self.dispatchers = [self.begin_dispatcher() for _ in range(dispatchers)]
        public = ("--set", f"ingress.public_url=http://127.0.0.1:{self.channel_port}")
        self.controller = self._role("controller", "controller", str(self._file), "--watch", *public)
        await asyncio.gather(*(role.answers() for role in self.roles))
        await self.ready("channels", "c1")
        await asyncio.gather(*(self.ready("subscriptions", name) for name in subscriptions))

    def owner_vanishes(self, subscriber: Subscriber) -> None:
        """Allow what docs/guarantees.md lets come twice when an owner of partitions goes without a word, now.

        That is what it had unfinished, and what was delivered since its last commit, which took a moment to arrive.
        """
        self.allowed += IN_FLIGHT + subscriber.delivered_in_the_last(2 * COMMIT_S)

    def owners_vanished(self, subscriber: Subscriber, since: float = 0.0) -> None:
        """The same for all dispatchers where it is not known when they lost their partitions, after `since`."""
        self.allowed += len(self.dispatchers) * IN_FLIGHT + subscriber.most_delivered_in(2 * COMMIT_S, since)

    def begin_dispatcher(self) -> Role:
        """One more dispatcher; it is not in `dispatchers` by itself."""
        return self._role(f"dispatcher-{len(self.roles)}", "dispatcher")

    async def condition(self, plural: str, name: str) -> tuple[str, str]:
        """Status and reason of Ready, both empty where nobody says."""
        path = f"/apis/messaging.knative.dev/v1/namespaces/default/{plural}/{name}"
        status, body = await get(self.controller.port, path)
        found = json.loads(body).get("status", {}).get("conditions", ()) if status == 200 else ()
        ready = next((one for one in found if one["type"] == "Ready"), {})
        return ready.get("status", ""), ready.get("reason", "")

    async def ready(self, plural: str, name: str, wanted: str = "True", deadline_s: float = READY_S) -> None:
        """Return when Ready is as wanted."""
        seen = ("", "")
        try:
            async with asyncio.timeout(deadline_s):
                while seen[0] != wanted:
                    await asyncio.sleep(0.1)
                    seen = await self.condition(plural, name)
        except TimeoutError:
            raise AssertionError(f"{plural}/{name}: Ready is {seen} and not {wanted}\n{self.said()}") from None

    def unsubscribe(self, name: str) -> None:
        """Take a subscription out of the file."""
        del self._subscriptions[name]
        self._write()

    async def unfinished(self) -> int:
        """Events in the hands of all running dispatchers."""
        total = 0.0
        for role in self.roles:
            if role.name.startswith("dispatcher") and role.runs:
                _, text = await get(role.port, "/metrics")
                lines = text.decode().splitlines()
                total += sum(float(one.split()[1]) for one in lines if one.startswith("kanal_dispatcher_unfinished"))
        return int(total)

    async def settled(self) -> None:
        """Return when no dispatcher holds anything any more."""
        try:
            async with asyncio.timeout(READY_S):
                while await self.unfinished():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{await self.unfinished()} events are still held\n{self.said()}") from None

    def said(self) -> str:
        """The end of what each role wrote."""
        return "\n".join(f"--- {role.name}\n{role.said[-2000:]}" for role in self.roles)

    async def stop(self) -> None:
        """Stop every role and check how it ended."""
        running = [role for role in self.roles if role.runs]
        codes = await asyncio.gather(*(role.stop() for role in running))
        assert dict(zip((role.name for role in running), codes, strict=True)) == {role.name: 0 for role in running}
        assert [role.name for role in self.roles if "Traceback" in role.said] == [], self.said()

    def kill(self) -> None:
        """End whatever is left."""
        for role in self.roles:
            role.kill()

    def _role(self, name: str, verb: str, *arguments: str, port: int = 0) -> Role:
        port = port or steady_port()
        sets = [part for key, value in self._settings.items() for part in ("--set", f"{key}={value}")]
        command = [verb, *arguments, "--kafka", self.bootstrap, "--port", str(port), *sets]
        role = Role(name, command, port, self._folder / f"{name}.log")
        self.roles.append(role)
        return role

    def _write(self) -> None:
        text = _CHANNEL.format(partitions=self._partitions)
        for name, (url, delivery) in self._subscriptions.items():
            text += _SUBSCRIPTION.format(name=name, url=url, delivery=delivery)
        self._file.write_text(text)


@asynccontextmanager
async def stand(
    folder: Path,
    bootstrap: str,
    subscriptions: dict[str, str],
    *,
    dispatchers: int = 1,
    partitions: int = 3,
    delivery: str = PATIENT,
    chance: int | None = None,
    **settings: str,
) -> AsyncIterator[Stand]:
    """The roles, with subscriptions from name to subscriber URL; `settings` as `group__field`."""
    chance = seed() if chance is None else chance
    print(f"CHAOS_SEED={chance}")
    before = descendants(), _threads()
    plain = {key.replace("__", "."): value for key, value in settings.items()}
    made = Stand(folder, bootstrap, chance, partitions, plain)
    try:
        await made.start(subscriptions, dispatchers, delivery)
        yield made
        await made.stop()
    except BaseException:
        print(made.said())
        raise
    finally:
        made.kill()
    await nothing_left(before[0], before[1])


async def nothing_left(processes: set[int], threads: set[str]) -> None:
    """Fail where a process or a thread is there that was not before."""
    left: Callable[[], set[int]] = lambda: descendants() - processes  # noqa: E731
    await until(lambda: not left() or len(descendants()) <= len(processes), 5.0, f"no process is left: {left()}")
    await until(lambda: not _threads() - threads, 5.0, f"no thread is left: {_threads() - threads}")


def _threads() -> set[str]:
    """Ours, without those of the loop's executor, which go with it, and of the broker, which may have been started anew."""
    names = {thread.name for thread in threading.enumerate()}
    return {name for name in names if not name.startswith(("asyncio_", "reap-"))}
