"""`kanal crds`: what a cluster has to know of our kinds before it takes them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from eventing.errors import Invalid


def crds(
    kinds: Annotated[
        list[str] | None, typer.Argument(metavar="[KIND...]", help="broker, trigger, messaging, ...; all by default.")
    ] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="yaml or json.")] = "yaml",
    conversion: Annotated[
        str | None,
        typer.Option(
            "--webhook",
            metavar="NAMESPACE/NAME",
            help="The Service that converts between versions; without it EventType v1beta3 is not served.",
        ),
    ] = None,
    ca_bundle: Annotated[
        str, typer.Option("--ca-bundle", metavar="BASE64", help="The certificates that vouch for it, PEM in base64.")
    ] = "",
) -> None:
    """Print the CustomResourceDefinitions of the kinds, for `kubectl apply -f -`."""
    from kanal.crds import FORMATS, text, wanted, webhook

    if output not in FORMATS:
        raise Invalid(f"{output!r} is no format", where="--output", fix=f"use one of {', '.join(FORMATS)}")
    service = None if conversion is None else webhook(conversion, ca_bundle)
    sys.stdout.write(text(wanted(kinds or ()), output, service))
