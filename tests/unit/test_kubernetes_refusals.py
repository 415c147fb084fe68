"""An API server's refusals in our words: the branch that a caller acts on, the object, the field, what to do."""

from __future__ import annotations

from typing import Any

import pytest

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
from eventing.kinds.registry import InvalidResource
from eventing.store.kubernetes.paths import path_of, place_of
from eventing.store.kubernetes.refusals import refusal

PATH = "/apis/eventing.knative.dev/v1/namespaces/default/brokers/b"


def refused(code: int, path: str = PATH, verb: str = "update", where: str = "", **status: Any) -> EventingError:
    return refusal(code, status, verb, place_of(path), where)


@pytest.mark.parametrize(
    ("path", "resource", "text"),
    [
        (PATH, "brokers.eventing.knative.dev", "brokers.eventing.knative.dev default/b"),
        (f"{PATH}/status", "brokers.eventing.knative.dev/status", "brokers.eventing.knative.dev/status default/b"),
        ("/apis/eventing.knative.dev/v1/brokers", "brokers.eventing.knative.dev", "brokers.eventing.knative.dev"),
        ("/api/v1/namespaces/default/configmaps", "configmaps", "configmaps default"),
        ("/api/v1/namespaces/default", "namespaces", "namespaces default"),
        ("/api/v1/namespaces", "namespaces", "namespaces"),
        ("/apis/eventing.knative.dev/v1", "", "the API"),
        ("/api/v1", "", "the API"),
        ("/apis", "", "the API"),
    ],
)
def test_a_path_is_called_as_a_role_would_call_it(path: str, resource: str, text: str) -> None:
    assert (place_of(path).resource, str(place_of(path))) == (resource, text)


def test_a_path_is_made_of_what_is_known() -> None:
    assert path_of("eventing.knative.dev/v1", "brokers", "default", "b", "status") == f"{PATH}/status"
    assert path_of("v1", "configmaps") == "/api/v1/configmaps"


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (400, {}, Invalid),
        (401, {}, Denied),
        (404, {}, NotFound),
        (409, {"reason": "AlreadyExists"}, AlreadyExists),
        (409, {"reason": "Conflict"}, Conflict),
        (410, {"reason": "Expired"}, Gone),
        (413, {}, TooLarge),
        (422, {}, Invalid),
        (429, {}, Overloaded),
        (500, {}, Unavailable),
        (500, {"message": "etcdserver: request is too large"}, TooLarge),
        (503, {}, Unavailable),
        (504, {}, Unavailable),
    ],
)
def test_each_answer_has_its_branch_and_names_the_object(code: int, status: Any, kind: type[EventingError]) -> None:
    error = refused(code, **status)
    assert type(error) is kind
    assert error.where == "brokers.eventing.knative.dev default/b"
    assert refused(code, where="Broker default/b", **status).where == "Broker default/b"


def test_a_missing_permission_names_the_verb_and_the_resource() -> None:
    error = refused(403, f"{PATH}/status", "patch", message='User "x" cannot patch')
    assert type(error) is Denied
    assert error.fix == "grant the verb patch on brokers.eventing.knative.dev/status in a role"


def test_a_namespace_that_is_going_is_no_matter_of_permissions() -> None:
    error = refused(403, message="it goes", details={"causes": [{"reason": "NamespaceTerminating"}]})
    assert type(error) is Conflict


def test_what_a_webhook_refuses_is_invalid_and_says_its_words() -> None:
    error = refused(403, message='admission webhook "w" denied the request: no')
    assert type(error) is Invalid
    assert error.message.endswith("denied the request: no")


def test_every_field_that_a_server_refuses_is_named() -> None:
    causes = [
        {"field": "spec.steps[0].ref", "message": "wrong"},
        {"field": "metadata.annotations[a.b/c]", "reason": "FieldValueInvalid"},
        {"message": "no field"},
    ]
    error = refused(422, where="Sequence default/s", message="all of it", details={"causes": causes})
    assert isinstance(error, InvalidResource)
    assert str(error) == "Sequence default/s: spec.steps[0].ref: wrong; metadata.annotations[a.b/c]: FieldValueInvalid"


def test_a_uid_that_is_another_and_a_version_that_is_old_are_told_apart() -> None:
    uid = refused(409, reason="Conflict", message="Precondition failed: UID in precondition: a, UID in object meta: b")
    version = refused(409, reason="Conflict", message="the object has been modified")
    assert (uid.field, version.field) == ("metadata.uid", "metadata.resourceVersion")
    assert uid.fix
    assert version.fix


@pytest.mark.parametrize("words", ["the server could not find the requested resource", "404 page not found\n"])
def test_a_kind_that_the_server_does_not_know_is_no_missing_object(words: str) -> None:
    error = refused(404, message=words)
    assert error.message == "the API server does not know brokers.eventing.knative.dev"
    assert error.fix == "install what defines brokers.eventing.knative.dev"
    assert refused(404, message='brokers "b" not found').fix == "create it"


def test_whatever_a_server_says_becomes_an_error_of_ours() -> None:
    for status in ({"details": 7}, {"details": {"causes": 7}}, {"details": {"causes": [7]}}, {"message": 7}):
        assert isinstance(refused(422, **status), Invalid)
    assert len(refused(422, message="x" * 10_000).message) <= 1_000
