"""The `kanal` command. One module a verb; each imports what is heavy only when it runs, so that `--help` is quick."""

from __future__ import annotations

import sys

import typer

from eventing.errors import EventingError
from kanal import __version__
from kanal.cli import deadletters
from kanal.cli.crds import crds
from kanal.cli.display import event_display
from kanal.cli.eventtypes import eventtypes
from kanal.cli.filter import filter_
from kanal.cli.get import get
from kanal.cli.graph import graph
from kanal.cli.kafka import kafka
from kanal.cli.lag import lag
from kanal.cli.migrate import migrate
from kanal.cli.pause import pause, resume
from kanal.cli.replay import replay
from kanal.cli.roles import channel, controller, dispatcher
from kanal.cli.send import send
from kanal.cli.trace import trace
from kanal.cli.up import up
from kanal.cli.webhook import webhook

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
app.command("eventtypes")(eventtypes)
app.command("graph")(graph)
app.command("filter")(filter_)
app.command("lag")(lag)
app.command("trace")(trace)
app.add_typer(deadletters.app, name="deadletters")
app.command("replay")(replay)
app.command("pause")(pause)
app.command("resume")(resume)
app.command("crds")(crds)
app.command("migrate")(migrate)
app.command("event-display")(event_display)
app.command("kafka")(kafka)
app.command("channel")(channel)
app.command("dispatcher")(dispatcher)
app.command("controller")(controller)
app.command("webhook")(webhook)


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
