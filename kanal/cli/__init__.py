"""The `kanal` command. One module a verb; each imports what is heavy only when it runs, so that `--help` is quick."""

from __future__ import annotations

import sys

import typer

from eventing.errors import EventingError
from kanal import __version__
from kanal.cli.display import event_display
from kanal.cli.get import get
from kanal.cli.kafka import kafka
from kanal.cli.roles import channel, controller, dispatcher
from kanal.cli.send import send
from kanal.cli.up import up

app = typer.Typer(
    name="kanal",
    help="Knative Eventing on Apache Kafka, with or without Kubernetes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("up")(up)
app.command("send")(send)
app.command("get")(get)
app.command("event-display")(event_display)
app.command("kafka")(kafka)
app.command("channel")(channel)
app.command("dispatcher")(dispatcher)
app.command("controller")(controller)


@app.command("version")
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run the command line; an error of ours is one line on standard error and its exit code."""
    try:
        app()
    except EventingError as error:
        print(f"kanal: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
