"""A refusal in the words of the Kubernetes API: the code and reason that clients act on, and each field that is wrong.

`kubectl` prints the causes one a line. The parts of an error of ours stay in the details, so `kanal` can say it again.
"""

from __future__ import annotations

from typing import Any

from eventing.errors import AlreadyExists, EventingError, Gone, Invalid, NotFound
from eventing.kinds.field_error import FieldError
from eventing.kinds.registry import InvalidResource
from kanal.api.kube.ownership import Taken
from kanal.api.kube.target import Target
from kanal.api.status import failure, status_document

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    405: "MethodNotAllowed",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
    403: "Forbidden",
}


def refusal(error: EventingError, target: Target | None = None) -> dict[str, Any]:
    """The Status document for an error; `target` is what the request was about."""
    document = status_document(error)
    code = _code(error)
    details: dict[str, Any] = document["details"]
    causes = _causes(error)
    if target is not None:
        plural_or_kind = target.served.kind if code == 422 else target.served.plural
        details |= {"name": _name(error, target), "group": target.served.group, "kind": plural_or_kind}
    if causes:
        details["causes"] = causes
    reason = "Invalid" if code == 422 else _REASONS.get(code, error.reason)
    return document | {"code": code, "reason": reason, "message": _message(error, target), "details": details}


def not_served(path: str) -> dict[str, Any]:
    """The Status document for a path that leads nowhere."""
    return failure(404, f"{path} is not served") | {"reason": "NotFound"}


def missing(target: Target) -> NotFound:
    """The error for an object that is not there."""
    return NotFound("does not exist", where=_named(target))


def _code(error: EventingError) -> int:
    """A field that is wrong is 422 here, where other servers of ours say 400; a wrong request stays 400."""
    if isinstance(error, InvalidResource):
        about_kind = all(one.path in (("kind",), ("apiVersion",)) for one in error.errors)
        return 400 if about_kind else 422
    if type(error) is Invalid and error.field and error.where:
        return 422
    return error.http_status


def _causes(error: EventingError) -> list[dict[str, str]]:
    if isinstance(error, Taken):
        reason = "FieldManagerConflict"
        return [{"reason": reason, "message": f"conflict with {who}", "field": field} for field, who in error.causes]
    if isinstance(error, InvalidResource):
        return [_cause(one) for one in error.errors]
    if isinstance(error, Invalid) and error.field:
        return [_cause(FieldError((), error.message, error.fix)) | {"field": error.field}]
    return []


def _cause(error: FieldError) -> dict[str, str]:
    missing_ = error.message == "the field is missing"
    text = f"{error.message}; {error.fix}" if error.fix else error.message
    return {
        "reason": "FieldValueRequired" if missing_ else "FieldValueInvalid",
        "message": text,
        "field": error.field,
    }


def _message(error: EventingError, target: Target | None) -> str:
    """One sentence that names the object, because many clients print nothing else."""
    if target is None or isinstance(error, Gone):
        return str(error)
    name = _name(error, target)
    if isinstance(error, NotFound):
        return f'{target.served.resource} "{name}" not found'
    if isinstance(error, AlreadyExists):
        return f'{target.served.resource} "{name}" already exists'
    if isinstance(error, InvalidResource):
        what = f'{target.served.kind} "{name}" is invalid'
        return f"{what}: {'; '.join(map(str, error.errors))}"
    return str(error)


def _name(error: EventingError, target: Target) -> str:
    """The object's name; that of a new one stands in the error alone."""
    kind, _, place = error.where.partition(" ")
    return target.name or (place.rpartition("/")[2] if kind == target.served.kind else "")


def _named(target: Target) -> str:
    place = f"{target.namespace}/{target.name}" if target.namespace is not None else target.name
    return f"{target.served.kind} {place}"
