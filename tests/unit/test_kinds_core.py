"""Services and Secrets as Kubernetes knows them, as far as they mean something where there is no cluster."""

from __future__ import annotations

from typing import Any

import pytest
from kind_documents import faults

from eventing.kinds.meta import Defaults
from eventing.kinds.registry import KINDS, check_update, find, named, parse
from eventing.kinds.secret import Secret
from eventing.kinds.service import URL_ANNOTATION, Service
from eventing.manifest import read

CLUSTERS = {
    "type": "ClusterIP",
    "selector": {"app": "x"},
    "ports": [{"port": 80, "targetPort": "http", "protocol": "TCP"}],
    "sessionAffinity": "None",
}


def service(spec: Any = None, url: str | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "x"} | ({} if url is None else {"annotations": {URL_ANNOTATION: url}})
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, **({} if spec is None else {"spec": spec})}


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, **fields}


def made(document: dict[str, Any]) -> Any:
    return parse(document).defaulted(Defaults())


def test_they_are_found_by_name_and_are_no_kinds_that_a_cluster_gets_from_us() -> None:
    assert (find("v1", "Service"), find("v1", "Secret"), find("v1beta1", "Secret")) == (Service, Secret, None)
    assert (named("svc"), named("secrets")) == ((Service,), (Secret,))
    assert {Service, Secret}.isdisjoint((*KINDS, *named("all")))


def test_the_service_of_a_cluster_applies_unchanged_and_has_no_url() -> None:
    found = made(service(CLUSTERS))
    assert found.document()["spec"] == CLUSTERS
    assert (found.given_url, found.external_url) == ("", "")
    assert made(service()).document()["spec"] == {"type": "ClusterIP"}


@pytest.mark.parametrize(
    ("ports", "url"),
    [
        ([], "http://a.example"),
        ([{"port": 80}], "http://a.example"),
        ([{"port": 81}, {"port": 80}], "http://a.example:81"),
    ],
)
def test_a_service_stands_for_a_host_at_its_first_port(ports: list[Any], url: str) -> None:
    found = made(service({"type": "ExternalName", "externalName": "a.example", "ports": ports}))
    assert found.external_url == url


def test_a_service_may_be_given_a_url() -> None:
    assert made(service(url="http://127.0.0.1:9000/in")).given_url == "http://127.0.0.1:9000/in"


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (
            service(url="127.0.0.1:9000"),
            'metadata.annotations[kanal.dev/url]: "127.0.0.1:9000" is no URL; write for instance http://127.0.0.1:9000',
        ),
        (service(url="http://[x"), None),
        (service({"type": "ExternalName"}), "spec.externalName: the field is missing; add the host that is meant"),
        (service({"ports": [{"port": 0}]}), None),
        (secret(spec={}), "spec: there is no such field"),
        (secret(dta={}), "dta: there is no such field; did you mean data?"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(document: dict[str, Any], found: str | None) -> None:
    (fault,) = faults(document)
    assert found in (None, fault)


def test_the_texts_of_a_secret_are_kept_as_bytes() -> None:
    found = made(secret(stringData={"b": "ü"}, data={"a": "AA==", "b": "AA=="}))
    assert found.document() == secret(type="Opaque", data={"a": "AA==", "b": "w7w="}) | {
        "metadata": {"name": "x", "namespace": "default"}
    }


@pytest.mark.parametrize(
    "fields", [{"data": {"k": "hidden!"}}, {"stringData": {"k": 190}}, {"data": {"k": ["hidden"]}}]
)
def test_what_is_wrong_with_a_secret_is_said_without_its_value(fields: dict[str, Any]) -> None:
    (fault,) = faults(secret(**fields))
    assert "the value is no" in fault
    assert not {"hidden", "190"} & set(fault.replace("!", "").split())
    assert "hidden" not in fault


def test_a_secret_shows_no_value_where_it_is_printed_by_a_program() -> None:
    assert "aGlkZGVu" not in repr(made(secret(data={"k": "aGlkZGVu"})))


def test_the_type_of_a_secret_stays_and_so_do_the_data_of_an_immutable_one() -> None:
    old, new = secret(data={"k": "AA=="}), secret(data={"k": "AQ=="})
    assert check_update(parse(old), parse(new)) == []
    assert [str(one.field) for one in check_update(parse(old), parse({**old, "type": "b/c"}))] == ["type"]
    found = check_update(parse({**old, "immutable": True}), parse({**new, "immutable": True}))
    assert [one.field for one in found] == ["data"]
    assert "AQ==" not in str(found[0])


def test_a_service_in_a_file_is_ours_to_keep_and_a_knative_service_is_not() -> None:
    text = "apiVersion: {}\nkind: Service\nmetadata: {{name: x}}\n"
    assert [one.resource.KIND for one in read(text.format("v1"), "a.yaml").resources] == ["Service"]
    assert read(text.format("serving.knative.dev/v1"), "a.yaml").resources == []
