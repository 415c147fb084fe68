"""The whole stack in one process: Kafka (unless one is named), ingress, dispatcher, controller, and the displays asked for.

The roles are those of the containers; only the plan takes a shorter way, by a direct call.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
import shlex
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from eventing.errors import Invalid, Unavailable
from eventing.feed.direct import DirectFeed
from eventing.feed.kept import KeptFeed
from eventing.feed.topic import TopicFeed
from eventing.kafka.embedded import EmbeddedKafka, Options
from eventing.kafka.embedded.options import default_data
from eventing.manifest import Manifest
from eventing.settings import Settings
from eventing.telemetry import Telemetry, configure_logging
from kanal import files, kubeconfig
from kanal.display import EventDisplay
from kanal.progress import shown
from kanal.roles.channel import ingress
from kanal.roles.common import beside, clients
from kanal.roles.controller import Applier, controlling, following, record_topic, storing, telling
from kanal.roles.dispatcher import dispatching
from kanal.roles.terms import features_of
from kanal.serve import serving
from kanal.table import Board

Say = Callable[[str], None]
_BROKERS = 1
"""Of the embedded Kafka; YAML written for three of them has to apply all the same."""


@dataclass(frozen=True, slots=True)
class Display:
    """An event display to start beside the stack, known to resources as Service `name` of namespace `default`."""

    name: str
    answer: int = 200

    @classmethod
    def parse(cls, text: str) -> Display:
        """`NAME` or `NAME=CODE`."""
        name, equals, code = text.partition("=")
        if not name or (equals and not (code.isascii() and code.isdigit() and 200 <= int(code) <= 599)):
            raise Invalid(
                f"{text!r} is no display", where="--display", fix="write NAME or NAME=CODE, for instance faulty=500"
            )
        return cls(name, int(code) if equals else 200)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked `kanal up` for."""

    paths: Sequence[Path]
    watch: bool = False
    data: Path | None = None
    displays: Sequence[Display] = ()
    embedded: bool = True


async def up(settings: Settings, wish: Wish, say: Say, stop: asyncio.Event) -> None:
    """Run until `stop`. Raises `EventingError` where the stack can't start; what is wrong with a resource is only said."""
    configure_logging(settings.log.level, settings.log.format)
    features = features_of(settings)
    news = files.changes(wish.paths, features)
    manifest = files.load(wish.paths, features) if wish.paths else Manifest()
    async with AsyncExitStack() as stack:
        settings, kafka = await _kafka(settings, wish, say, stack, stop)
        if stop.is_set():
            return
        settings = await _displays(settings, wish.displays, say, stack)
        telemetry = Telemetry()
        connections = await stack.enter_async_context(clients(settings))
        record = TopicFeed(settings.kafka, record_topic(settings), connections.appender, connections.admin)
        stack.push_async_callback(record.aclose)
        feed = KeptFeed(DirectFeed(), record)
        port = await stack.enter_async_context(ingress(settings, feed, connections.appender, telemetry))
        settings = _with_port(settings, port)
        await stack.enter_async_context(dispatching(settings, feed, connections.appender, connections.admin, telemetry))
        store = await stack.enter_async_context(storing(settings, connections))
        applier = Applier(store, settings, say, lasting=bool(wish.paths))
        await applier.apply(manifest)
        control = await stack.enter_async_context(controlling(settings, store, feed, connections, telemetry))
        token = settings.control.token or secrets.token_urlsafe(32)
        api_port = await stack.enter_async_context(
            telling(settings, store, control, connections, telemetry, token=token, setting="--api-port")
        )
        address = kubeconfig.address(settings.control.host, api_port)
        say(f"ingress   {settings.ingress.public_url}/NAMESPACE/NAME")
        say(f"state     kanal get --server {address}")
        _tell_clients(wish, address, api_port, token, say, stack)
        await stack.enter_async_context(beside(Board(store, say, applier.place).run()))
        if wish.watch:
            await stack.enter_async_context(beside(following(applier, news)))
        if kafka is not None:
            await stack.enter_async_context(beside(_notice_death(kafka)))
        await stop.wait()
        say("stopping ...")


def _tell_clients(wish: Wish, address: str, port: int, token: str, say: Say, stack: AsyncExitStack) -> None:
    """Write down where the API is and how to be let in, for `kubectl` and for our own verbs."""
    data = (wish.data or default_data()).absolute()
    path = data / ("kubeconfig" if wish.embedded else f"kubeconfig-{port}")
    text = kubeconfig.document(address, token)
    try:
        stack.enter_context(kubeconfig.known(default_data(), port, token))
        if wish.embedded:
            kubeconfig.write(path, text)
        else:
            stack.enter_context(kubeconfig.lent(path, text))
    except Unavailable as error:
        say(f"kubectl   {error}")
    else:
        say(f"kubectl   export KUBECONFIG={shlex.quote(str(path))}")


async def _kafka(
    settings: Settings, wish: Wish, say: Say, stack: AsyncExitStack, stop: asyncio.Event
) -> tuple[Settings, EmbeddedKafka | None]:
    if not wish.embedded:
        say(f"kafka     {settings.kafka.bootstrap}")
        return settings, None
    options = Options() if wish.data is None else Options(data=wish.data)
    kafka = await stack.enter_async_context(_embedded(options, stop))
    if kafka is None:
        return settings, None
    say(f"kafka     {kafka.bootstrap} (Apache Kafka, data in {kafka.data})")
    own = dataclasses.replace(
        settings.kafka, bootstrap=kafka.bootstrap, most_replicas=settings.kafka.most_replicas or _BROKERS
    )
    return dataclasses.replace(settings, kafka=own), kafka


@asynccontextmanager
async def _embedded(options: Options, stop: asyncio.Event) -> AsyncIterator[EmbeddedKafka | None]:
    """An embedded Kafka while inside; None where `stop` came before it was there."""
    with shown() as tell:
        starting = asyncio.ensure_future(EmbeddedKafka.start(options, tell))
        bell = asyncio.ensure_future(stop.wait())
        await asyncio.wait([starting, bell], return_when=asyncio.FIRST_COMPLETED)
        bell.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
            yield None
            return
    kafka = starting.result()
    try:
        yield kafka
    finally:
        await kafka.stop()


async def _notice_death(kafka: EmbeddedKafka) -> None:
    await kafka.died()
    raise Unavailable("Kafka ended by itself", where="kafka", fix=f"its log is {kafka.log}")


async def _displays(settings: Settings, displays: Sequence[Display], say: Say, stack: AsyncExitStack) -> Settings:
    services = dict(settings.resolve.services)
    for display in displays:

        def write(text: str, name: str = display.name) -> None:
            say(f"[{name}] {text}")

        app = EventDisplay(write, answer=display.answer)
        port = await stack.enter_async_context(serving(app, "127.0.0.1", 0, what=f"display {display.name}"))
        services[display.name] = f"http://127.0.0.1:{port}"
        note = f", answers {display.answer}" if display.answer >= 300 else ""
        say(f"display   {display.name} on {services[display.name]}{note}")
    return dataclasses.replace(settings, resolve=dataclasses.replace(settings.resolve, services=services))


def _with_port(settings: Settings, port: int) -> Settings:
    url = settings.ingress.public_url or f"http://{settings.ingress.host}:{port}"
    return dataclasses.replace(settings, ingress=dataclasses.replace(settings.ingress, port=port, public_url=url))
