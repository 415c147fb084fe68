"""`kanal event-display`: a subscriber that prints what it gets."""

from __future__ import annotations

from typing import Annotated

import typer


def event_display(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 in a container.")] = "127.0.0.1",
    fail: Annotated[
        int | None,
        typer.Option("--fail", min=200, max=599, metavar="CODE", help="Answer every event with this status."),
    ] = None,
    delay: Annotated[
        float, typer.Option("--delay", min=0, metavar="SECONDS", help="Wait this long before each answer.")
    ] = 0.0,
) -> None:
    """Print every event that arrives, as Knative's event_display does."""
    import asyncio

    from kanal.display import EventDisplay
    from kanal.run import run
    from kanal.serve import serving

    async def main(stop: asyncio.Event) -> None:
        broken: list[BrokenPipeError] = []

        def write(text: str) -> None:
            try:
                print(text, flush=True)
            except BrokenPipeError as error:  # nobody reads any more: the end, not a fault of this request alone
                broken.append(error)
                stop.set()
                raise

        app = EventDisplay(write, answer=fail or 200, delay_s=delay)
        async with serving(app, host, port, what="event-display", setting="--port") as actual:
            print(f"event-display listens on http://{f'[{host}]' if ':' in host else host}:{actual}", flush=True)
            await stop.wait()
        if broken:
            raise broken[0]

    run(main)
