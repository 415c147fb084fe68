"""A refusal as the Kubernetes API writes it; `details` keep the parts of an error of ours, so a client can say it again."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from eventing.errors import EventingError


def status_document(error: EventingError) -> dict[str, Any]:
    """The document for an error of ours."""
    details = {"where": error.where, "field": error.field, "fix": error.fix}
    return failure(error.http_status, error.message) | {"reason": error.reason, "details": details}


def failure(code: int, message: str) -> dict[str, Any]:
    """The document for an HTTP status."""
    reason = HTTPStatus(code).phrase.replace(" ", "")
    # The kind stands first: that tells a refusal from the other lines of a stream.
    kind = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return {**kind, "message": message, "reason": reason, "code": code}
