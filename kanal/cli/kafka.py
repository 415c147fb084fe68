"""`kanal kafka`: Apache Kafka alone, in the foreground, with neither Java nor Docker installed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eventing.errors import Invalid

if TYPE_CHECKING:
    from eventing.kafka.embedded import Options

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Where events are kept; default ~/.local/share/kanal (XDG_DATA_HOME)."),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        show_default=False,
        help="Port for clients; default 9092, or a free one. 0: a free one.",
    ),
]
Listen = Annotated[
    str, typer.Option("--listen", metavar="HOST[:PORT]", help="Address to listen on; 0.0.0.0 in a container.")
]
Advertise = Annotated[
    str,
    typer.Option(
        "--advertise", metavar="HOST:PORT", help="Address that clients are told, where it's not the one above."
    ),
]
Also = Annotated[
    list[str] | None,
    typer.Option(
        "--also",
        metavar="LISTEN=ADVERTISE",
        help="One more listener, for clients that come another way: 0.0.0.0:29092=127.0.0.1:29092.",
    ),
]
Property = Annotated[
    list[str] | None,
    typer.Option("--property", metavar="NAME=VALUE", help="Any property of the broker; may be given several times."),
]
FetchOnly = Annotated[
    bool,
    typer.Option(
        "--fetch-only", help="Fetch Kafka's jars, make later starts quick, print the jars' directory, and end."
    ),
]


def kafka(
    data: Data = None,
    port: Port = None,
    listen: Listen = "127.0.0.1",
    advertise: Advertise = "",
    also: Also = None,
    property_: Property = None,
    fetch_only: FetchOnly = False,
) -> None:
    """Run Apache Kafka alone until ctrl-C; the first run fetches it."""
    from eventing.kafka.embedded import Options
    from eventing.kafka.embedded.config import parse_listen
    from eventing.kafka.embedded.options import default_data
    from kanal.run import run

    host, listen_port = parse_listen(listen)
    if port is not None and listen_port is not None:
        raise Invalid("the port is given twice", where="kafka", field="listen", fix="leave out --port")
    options = Options(
        data=data or default_data(),
        port=port if listen_port is None else listen_port,
        host=host,
        advertise=advertise,
        also=tuple(also or ()),
        properties=_properties(property_ or []),
    )
    run(lambda stop: _or_stop(_fetch(options) if fetch_only else _serve(options), stop))


async def _serve(options: Options) -> None:
    from eventing.kafka.embedded import EmbeddedKafka
    from kanal.progress import shown

    with shown() as tell:
        running = await EmbeddedKafka.start(options, tell)
    try:
        others = "".join(f", and at {one.advertised}" for one in running.listeners[1:])
        print(f"Kafka answers at {running.advertised}{others}")
        print(f"  data  {running.data}\n  log   {running.log}\n  stop  ctrl-C", flush=True)
        await running.died()
        raise running.failure()
    finally:
        await running.stop()


async def _fetch(options: Options) -> None:
    from eventing.kafka.embedded import archive, prepare
    from kanal.progress import shown

    with shown() as tell:
        jars = await prepare(options, tell)
        await archive.make(jars, options, tell)
    print(jars.directory)


async def _or_stop(work: Coroutine[None, None, None], stop: asyncio.Event) -> None:
    """Do the work until it's done or the bell rings; then its own `finally` tidies up."""
    task = asyncio.ensure_future(work)
    bell = asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, bell}, return_when=asyncio.FIRST_COMPLETED)
    for one in (bell, task):
        one.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await one


def _properties(texts: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Invalid(f"{text!r} is not NAME=VALUE", where="kafka", field="property")
        pairs[name.strip()] = value
    return pairs
