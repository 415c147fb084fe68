from typing import Any

import pytest
from kind_documents import faults, subscription

from eventing.kinds.destination import Destination, join

SERVICE = {"apiVersion": "v1", "kind": "Service", "name": "s"}


def said(subscriber: Any) -> list[str]:
    return [one.removeprefix("spec.subscriber") for one in faults(subscription(subscriber=subscriber))]


@pytest.mark.parametrize(
    "subscriber",
    [
        {"ref": SERVICE},
        {"ref": SERVICE, "uri": "/path?q=1"},
        {"ref": SERVICE, "uri": "path"},
        {"ref": SERVICE, "uri": "user@path"},
        {"ref": {"group": "messaging.knative.dev", "kind": "Channel", "name": "c"}},
        {"uri": "http://host"},
        {"uri": "https://host:8443/a%20b?c=d"},
        {"uri": "HTTP://127.0.0.1:8080/"},
        {"uri": "http://[::1]:80/x"},
        {"uri": "http://host/@user"},
        {"uri": "http://h", "CACerts": "-----BEGIN CERTIFICATE-----\nx", "audience": "a"},
    ],
)
def test_a_sound_destination_is_taken(subscriber: Any) -> None:
    assert said(subscriber) == []


@pytest.mark.parametrize(
    ("subscriber", "message"),
    [
        ({}, ": it leads nowhere; write a ref (for instance to a Service) or a uri"),
        ({"uri": ""}, ": it leads nowhere; write a ref (for instance to a Service) or a uri"),
        (
            {"uri": "file:///etc/passwd"},
            ".uri: events go over http or https, not file; write an http:// or https:// URL",
        ),
        ({"uri": "gopher://x"}, ".uri: events go over http or https, not gopher; write an http:// or https:// URL"),
        (
            {"uri": "http://user:pw@host/"},
            ".uri: a user name or password stands in the URI, where every log would show it; take it out",
        ),
        (
            {"uri": "//user:pw@host:x y/"},
            ".uri: a user name or password stands in the URI, where every log would show it; take it out",
        ),
        (
            {"uri": "/path"},
            '.uri: "/path" is no absolute URL; write for instance http://host:8080/path, or a ref beside it',
        ),
        (
            {"uri": "localhost:8080/x"},
            '.uri: "localhost:8080/x" is no absolute URL; did you mean http://localhost:8080/x?',
        ),
        ({"uri": "example.com"}, '.uri: "example.com" is no absolute URL; did you mean http://example.com?'),
        ({"uri": "http:///x"}, '.uri: "http:///x" names no host; write for instance http://host:8080/path'),
        ({"uri": "http://h:99999"}, '.uri: "http://h:99999" is no URI; write for instance http://host:8080/path'),
        ({"uri": "http://[::1"}, '.uri: "http://[::1" is no URI; write for instance http://host:8080/path'),
        (
            {"uri": "http://a b"},
            '.uri: "http://a b" is no URI; percent-encode spaces and other characters that a URI can\'t hold',
        ),
        (
            {"ref": SERVICE, "uri": "http://h"},
            ".uri: an absolute URI can't stand beside a ref; keep one of the two, or make the uri relative, as in /path",
        ),
        (
            {"ref": SERVICE, "uri": "//other/x"},
            ".uri: an absolute URI can't stand beside a ref; keep one of the two, or make the uri relative, as in /path",
        ),
        ({"ref": {"kind": "Service", "name": "s"}}, ".ref.apiVersion: the field is missing; add apiVersion: v1"),
        ({"ref": {**SERVICE, "name": " "}}, ".ref.name: the text is empty; give it a value or leave the field out"),
        ({"ref": {**SERVICE, "nam": "x"}}, ".ref.nam: there is no such field; did you mean name?"),
        (
            {"uri": "http://h", "CACerts": "x"},
            ".CACerts: there is no PEM certificate in it; begin with -----BEGIN CERTIFICATE-----",
        ),
        (
            "http://h",
            ': fields are needed here, not the text "http://h"; write uri: http://... or ref: below it, indented',
        ),
    ],
)
def test_b52_a_destination_that_can_not_work_is_refused_at_apply_with_its_fix(subscriber: Any, message: str) -> None:
    assert said(subscriber) == [message]


@pytest.mark.parametrize(
    ("base", "relative", "url"),
    [
        ("http://h/a/b", "/x", "http://h/x"),
        ("http://h/a/b", "x", "http://h/a/x"),
        ("http://h/a/", "x?q=1", "http://h/a/x?q=1"),
        ("http://h", "x", "http://h/x"),
        ("http://h/a", "../x", "http://h/x"),
        ("http://h/a", None, "http://h/a"),
        ("http://h/a", "", "http://h/a"),
    ],
)
def test_a_relative_uri_is_resolved_against_the_url_of_the_ref(base: str, relative: str | None, url: str) -> None:
    assert join(base, relative) == url


def test_a_namespace_is_filled_in_only_where_there_is_none() -> None:
    own, other = ({**SERVICE, "namespace": namespace} for namespace in (None, "other"))
    assert Destination.model_validate({"ref": own}).in_namespace("mine").ref.namespace == "mine"
    assert Destination.model_validate({"ref": other}).in_namespace("mine").ref.namespace == "other"
    assert Destination(uri="http://h").in_namespace("mine") == Destination(uri="http://h")
