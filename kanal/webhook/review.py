"""An AdmissionReview as an API server sends it becomes its answer: filled in, allowed, or refused in the words used at home.

Both webhooks give the same verdict. The one that fills in gives it first, before the schema's own checks and their shorter
words; the other looks again at what further webhooks may have changed. Nothing is done besides, so a dry run is no
different. What was wrong before may stay wrong: otherwise nobody could change, or let go of, an object that an older
installation took. Unknown fields are the API server's business, which knows how strict its client wants it to be.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from eventing.errors import EventingError, Invalid
from eventing.kinds.meta import DEFAULT_NAMESPACE, Defaults, Features, Resource
from eventing.kinds.registry import InvalidResource, check_update
from kanal.api.kube.plain import copied
from kanal.api.kube.reading import plain_of
from kanal.api.kube.refusal import refusal
from kanal.api.kube.served import find
from kanal.api.kube.settling import settled
from kanal.api.kube.target import Target
from kanal.webhook.filling import filled_in

Document = dict[str, Any]
API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"
_MOST_WARNINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is filled in and what is allowed at this installation."""

    defaults: Defaults = field(default_factory=Defaults)
    features: Features = field(default_factory=Features)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One change that an API server asks about."""

    uid: str
    target: Target | None
    """None where the change is none of ours."""
    sent: Document
    before: Document | None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is thought of a change: the object as it was understood and filled in, None where it could not be."""

    plain: Resource | None = None
    full: Resource | None = None
    warnings: tuple[str, ...] = ()
    error: EventingError | None = None


def defaulting(review: Any, rules: Rules) -> Document:
    """The answer with a patch of what is filled in. Raises `Invalid` for what is no AdmissionReview."""
    asked = _asked(review)
    verdict = _judged(asked, rules)
    if asked.target is None or verdict.plain is None or verdict.full is None:
        return _answer(asked, verdict)
    version = asked.target.served.version
    patch = filled_in(asked.sent, verdict.plain.document_in(version), verdict.full.document_in(version))
    return _answer(asked, verdict, patch)


def validation(review: Any, rules: Rules) -> Document:
    """The answer that allows or refuses. Raises `Invalid` for what is no AdmissionReview."""
    asked = _asked(review)
    return _answer(asked, _judged(asked, rules))


def _judged(asked: _Asked, rules: Rules) -> _Verdict:
    if asked.target is None:
        return _Verdict()
    try:
        new = _read(asked.sent, rules)
    except InvalidResource as error:
        known = _known_faults(asked.before, rules)
        texts = [str(one) for one in error.errors]
        return _Verdict(warnings=tuple(texts)) if known.issuperset(texts) else _Verdict(error=error)
    except Invalid as error:
        return _Verdict(error=error)
    try:
        old = None if asked.before is None else _read(asked.before, rules)
    except Invalid:
        old = None
    full = settled(old, new, rules.defaults)
    problems = [] if old is None else check_update(old, full, rules.defaults)
    return _Verdict(error=InvalidResource(new.title, problems)) if problems else _Verdict(new, full)


def _known_faults(before: Document | None, rules: Rules) -> set[str]:
    """What was wrong already."""
    if before is None:
        return set()
    try:
        _read(before, rules)
    except InvalidResource as error:
        return {str(one) for one in error.errors}
    except Invalid:
        pass
    return set()


def _read(document: Document, rules: Rules) -> Resource:
    """The resource without what is no part of the question."""
    metadata = {name: value for name, value in document["metadata"].items() if name != "managedFields"}
    asked = {name: value for name, value in document.items() if name != "status"} | {"metadata": metadata}
    return plain_of(copied(asked), strictness="Ignore", features=rules.features)[0]


def _asked(review: Any) -> _Asked:
    request = review.get("request") if isinstance(review, Mapping) else None
    uid = request.get("uid") if isinstance(request, Mapping) else None
    if not isinstance(request, Mapping) or not isinstance(uid, str) or review.get("apiVersion") != API_VERSION:
        raise Invalid(f"this is no {KIND} of {API_VERSION}", fix="only an API server asks here")
    asks = request.get("operation") in ("CREATE", "UPDATE") and not request.get("subResource")
    namespace = str(request.get("namespace") or DEFAULT_NAMESPACE)
    sent, before = (_placed(request.get(name), namespace) for name in ("object", "oldObject"))
    resource = request.get("resource")
    where = resource if isinstance(resource, Mapping) else {}
    served = find(*(str(where.get(name, "")) for name in ("group", "version", "resource")))
    leaving = sent is None or sent["metadata"].get("deletionTimestamp")
    if sent is None or not asks or leaving or served is None or served.model is None or not served.group:
        return _Asked(uid, None, {}, None)
    target = Target(served=served, namespace=namespace, name=str(request.get("name") or ""))
    return _Asked(uid, target, sent, before)


def _placed(document: Any, namespace: str) -> Document | None:
    """The object with the namespace of its request; None where there is none."""
    if not isinstance(document, Mapping):
        return None
    metadata = document.get("metadata")
    known = metadata if isinstance(metadata, Mapping) else {}
    return {**document, "metadata": {**known, "namespace": known.get("namespace") or namespace}}


def _answer(asked: _Asked, verdict: _Verdict, patch: list[Document] | None = None) -> Document:
    response: Document = {"uid": asked.uid, "allowed": verdict.error is None}
    if verdict.warnings:
        response["warnings"] = list(verdict.warnings[:_MOST_WARNINGS])
    if verdict.error is not None:
        status = refusal(verdict.error, asked.target)
        told = {name: value for name, value in status["details"].items() if name not in ("where", "field", "fix")}
        response["status"] = status | {"details": told}
    elif patch:
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(orjson.dumps(patch)).decode()}
    return {"apiVersion": API_VERSION, "kind": KIND, "response": response}
