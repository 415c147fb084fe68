"""`kanal send`: make events and send them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from eventing.errors import EventingError, Invalid, Unavailable

if TYPE_CHECKING:
    import asyncio

    from kanal.letter import Letter
    from kanal.sending import Tally

_MODES = ("binary", "structured", "batched")
_PATIENCE_S = 2.0


def send(
    url: Annotated[str, typer.Argument(metavar="URL", help="Address of a channel, as `kanal get` shows it.")],
    type_: Annotated[str, typer.Option("--type", help="The event's type.")] = "dev.kanal.hello",
    source: Annotated[str, typer.Option("--source", help="The event's source.")] = "/kanal/send",
    id_: Annotated[str | None, typer.Option("--id", help="Its id; with --count above 1, -1, -2 ... follow.")] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Its subject.")] = None,
    extension: Annotated[
        list[str] | None,
        typer.Option(
            "--extension", "-e", metavar="NAME=VALUE", help="Any other attribute, for instance partitionkey=a."
        ),
    ] = None,
    data: Annotated[str | None, typer.Option("--data", "-d", help="The data; @FILE reads a file.")] = None,
    content_type: Annotated[str, typer.Option("--content-type", help="The data's media type.")] = "application/json",
    mode: Annotated[str, typer.Option("--mode", help="binary, structured or batched.")] = "binary",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Events a request in batched mode.")] = 100,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many events.")] = 1,
    rate: Annotated[float | None, typer.Option("--rate", min=0.001, help="At most so many events a second.")] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="Requests at a time; 1 keeps their order.")] = 1,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Hold the data against the schema of its EventType first.")
    ] = True,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            envvar="KANAL_SERVER",
            metavar="URL",
            help="The controller that knows the schemas; the one on this machine where none is named.",
        ),
    ] = None,
) -> None:
    """Send one event or many, and say what became of them.

    The data is checked where a controller answers and knows a schema for the type at this address.
    """
    from kanal.letter import Letter
    from kanal.run import run

    if mode not in _MODES:
        raise Invalid(f"{mode!r} is no content mode", where="--mode", fix=f"use one of {', '.join(_MODES)}")
    attributes = {"type": type_, "source": source}
    if subject is not None:
        attributes["subject"] = subject
    body = _data(data)
    if body is not None:
        attributes["datacontenttype"] = content_type
    for pair in extension or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Invalid(f"{pair!r} is no NAME=VALUE pair", where="--extension")
        if name == "id":
            raise Invalid("every event needs an id of its own", where="--extension", fix="use --id")
        attributes[name] = value
    if check:
        _check(server, url, attributes, body)
    letter = Letter(attributes=attributes, data=body, mode=mode, batch_size=batch_size)  # type: ignore[arg-type]
    run(lambda stop: _send(url, letter, id_, count, rate, at_once, stop))


async def _send(
    url: str, letter: Letter, id_: str | None, count: int, rate: float | None, at_once: int, stop: asyncio.Event
) -> None:
    import uuid

    from eventing.http.lean import LeanSender
    from kanal.sending import send_all

    ids = (
        (f"{id_}-{n}" if count > 1 else id_ for n in range(1, count + 1))
        if id_
        else (str(uuid.uuid4()) for _ in range(count))
    )
    sender = LeanSender()
    try:
        with _Progress(count) as progress:
            tally = await send_all(
                sender, url, letter, ids, rate=rate, at_once=at_once, stop=stop, progress=progress.show
            )
    except* EventingError as group:
        raise group.exceptions[0] from None
    finally:
        await sender.aclose()
    answers = ", ".join(f"{n} x {answer}" for answer, n in sorted(tally.answers.items()))
    print(f"{tally.accepted} of {count} event{'s'[: count > 1]} accepted ({answers or 'nothing sent'})")
    if tally.accepted < tally.sent:
        final = tally.first_refusal.startswith(("400", "404", "405", "413"))
        kind = Invalid if final else Unavailable
        raise kind(f"not every event was accepted; the first refusal: {tally.first_refusal}", where=url)


def _check(server: str | None, url: str, attributes: dict[str, str], body: bytes | None) -> None:
    """Raise `Invalid` where the data does not fit. A controller that does not answer is none of the sender's business."""
    from kanal.cli.registry import event_types
    from kanal.cli.server import LOCAL

    try:
        known = event_types(server or LOCAL, timeout_s=_PATIENCE_S)
    except EventingError as error:
        if server is not None:
            print(f"kanal: the data is not checked: {error}", file=sys.stderr)
        return
    if known:
        from eventing.event import Event
        from kanal.fitting import check

        check(known, url, Event(attributes, body))


def _data(text: str | None) -> bytes | None:
    if text is None or not text.startswith("@"):
        return None if text is None else text.encode(errors="surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise Invalid(f"can't be read: {error.strerror}", where=f"--data {text}") from error


class _Progress:
    """A bar on a terminal when there is more than a moment to wait; silence elsewhere."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=self._count < 100 or not console.is_terminal)
        self._bar.start()
        self._task = self._bar.add_task("sending", total=self._count)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, tally: Tally) -> None:
        """Called after each answer."""
        self._bar.update(self._task, completed=tally.sent)
