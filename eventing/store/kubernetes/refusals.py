"""What an API server's refusal means in our tree of errors. Pure: status code and `Status` in, error out.

Every error names the object and what to do; where a permission is missing, the verb and the resource that a role has to name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eventing.errors import (
    AlreadyExists,
    Conflict,
    Denied,
    EventingError,
    Gone,
    Invalid,
    NotFound,
    Overloaded,
    TooLarge,
    Unavailable,
)
from eventing.kinds.field_error import FieldError, Path
from eventing.kinds.registry import InvalidResource
from eventing.store.kubernetes.paths import Place

_LARGEST = 1_000
"""Characters of a message that is kept; what a webhook says may be a page."""
_STEP = re.compile(r"\[(\d+)\]|\[([^\]]*)\]|([^.\[\]]+)")
_NO_SUCH_KIND = ("could not find the requested resource", "404 page not found")
_TOO_LARGE = ("request is too large", "Request entity too large", "message larger than max")


def refusal(code: int, status: Mapping[str, Any], verb: str, place: Place, where: str = "") -> EventingError:
    """The error for an answer with this code; `verb` as a role names it, `where` as our own messages name the object."""
    message = str(status.get("message") or f"the API server answered {code}")[:_LARGEST]
    reason = str(status.get("reason") or "")
    where = where or str(place)
    if code == 413 or any(words in message for words in _TOO_LARGE):
        return TooLarge(message, where=where, fix="make the object smaller: a cluster keeps 1.5 MB of one at most")
    if code == 401:
        fix = "check the user of the kubeconfig, or the token of the service account"
        return Denied("the API server does not know us", where=where, fix=fix)
    if code == 403 and not message.startswith("admission webhook"):
        return _forbidden(message, status, verb, place, where)
    if code == 404:
        return _missing(message, place, where)
    if code == 409:
        return _conflict(message, reason, where)
    if code == 410:
        return Gone(message, where=where, field="resourceVersion", fix="list anew and go on from there")
    if code == 429:
        return Overloaded(message, where=where, fix="try again later")
    if code >= 500:
        return Unavailable(message, where=where, fix="see the log of the API server")
    return _invalid(message, status, where)


def _forbidden(message: str, status: Mapping[str, Any], verb: str, place: Place, where: str) -> EventingError:
    if any(one.get("reason") == "NamespaceTerminating" for one in _causes(status)):
        return Conflict(message, where=where, field="metadata.namespace", fix="wait until the namespace is gone")
    return Denied(message, where=where, fix=f"grant the verb {verb} on {place.resource or 'this path'} in a role")


def _missing(message: str, place: Place, where: str) -> EventingError:
    if any(words in message for words in _NO_SUCH_KIND):
        kind = place.resource or "it"
        return NotFound(f"the API server does not know {kind}", where=where, fix=f"install what defines {kind}")
    return NotFound(message, where=where, fix="create it")


def _conflict(message: str, reason: str, where: str) -> EventingError:
    if reason == "AlreadyExists":
        return AlreadyExists("it exists already", where=where, fix="update it, or choose another name")
    if "uid" in message.lower():
        return Conflict(message, where=where, field="metadata.uid", fix="read it again: it was made anew")
    fix = "read it again and change what it is now"
    return Conflict("the object has been changed meanwhile", where=where, field="metadata.resourceVersion", fix=fix)


def _invalid(message: str, status: Mapping[str, Any], where: str) -> EventingError:
    causes = [one for one in _causes(status) if one.get("field")]
    if not causes:
        return Invalid(message, where=where)
    found = [FieldError(_steps(str(one["field"])), str(one.get("message") or one.get("reason"))) for one in causes]
    return InvalidResource(where, found)


def _steps(field: str) -> Path:
    """`spec.steps[0].ref` as a path; a key in brackets may have dots."""
    return tuple(int(number) if number else key or word for number, key, word in _STEP.findall(field))


def _causes(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    return [one for one in causes if isinstance(one, Mapping)] if isinstance(causes, list) else []
