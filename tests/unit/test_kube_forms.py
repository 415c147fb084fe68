"""Answers come in the form that the client asks for: objects, their metadata, or rows; bodies in Kubernetes' own forms."""

from __future__ import annotations

import pytest
from kube_stand import MESSAGING, SUBSCRIPTIONS, TABLE, Kube, subscription

from eventing.errors import Invalid
from kanal.api.kube.negotiation import Form, form_of
from kanal.api.kube.protobuf import from_protobuf

META = "application/json;as={};g=meta.k8s.io;v=v1,application/json"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form()),
        ("*/*", Form()),
        ("application/json", Form()),
        (TABLE, Form("table")),
        ("application/json;as=Table;v=v1beta1;g=meta.k8s.io", Form("table", "v1beta1")),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Form()),
        ("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", Form()),
        (META.format("PartialObjectMetadata"), Form("metadata")),
        ("application/json;q=0.5," + META.format("PartialObjectMetadataList"), Form("metadata")),
        ("text/html;q=x", Form()),
    ],
)
def test_the_first_form_that_is_known_is_taken(accept: str, form: Form) -> None:
    assert form_of(accept) == form


async def test_a_list_as_a_table_has_the_columns_of_its_kind() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    found = (await kube("GET", SUBSCRIPTIONS, accept=TABLE)).document
    names = [one["name"] for one in found["columnDefinitions"]]
    assert names[0] == "Name"
    assert {"Ready", "Reason", "Age"} < set(names)
    (row,) = found["rows"]
    assert row["cells"][0] == "s1"
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert found["metadata"]["resourceVersion"] == "1"
    (whole,) = (await kube("GET", f"{SUBSCRIPTIONS}?includeObject=Object", accept=TABLE)).document["rows"]
    assert whole["object"]["spec"]


async def test_one_object_and_what_a_write_answers_can_be_tables_too() -> None:
    kube = Kube()
    made = await kube("POST", SUBSCRIPTIONS, subscription(), accept=TABLE)
    read = await kube("GET", f"{SUBSCRIPTIONS}/s1", accept=TABLE)
    assert [one.document["rows"][0]["cells"][0] for one in (made, read)] == ["s1", "s1"]


async def test_only_the_metadata_comes_where_only_they_are_wanted() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    many = (await kube("GET", SUBSCRIPTIONS, accept=META.format("PartialObjectMetadataList"))).document
    assert (many["kind"], many["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    (one,) = many["items"]
    assert set(one) == {"kind", "apiVersion", "metadata"}
    alone = (await kube("GET", f"{SUBSCRIPTIONS}/s1", accept=META.format("PartialObjectMetadata"))).document
    assert alone == one


def field(number: int, content: bytes | str) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return bytes([number << 3 | 2, len(data)]) + data


def sent(kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + field(1, field(1, "v1") + field(2, kind)) + field(2, raw) + field(3, "") + field(4, "")


async def test_a_config_map_may_come_as_protobuf_as_kubectl_create_sends_it() -> None:
    metadata = field(1, "c") + field(3, "") + b"\x38\x00" + field(8, b"") + field(11, field(1, "a") + field(2, "b"))
    raw = field(1, metadata) + field(2, field(1, "k") + field(2, "")) + field(3, field(1, "x") + field(2, b"\xff"))
    body = sent("ConfigMap", raw + b"\x20\x01")
    answer = await Kube()(
        "POST", "/api/v1/namespaces/default/configmaps", body, sort="application/vnd.kubernetes.protobuf"
    )
    assert answer.status == 201
    found = answer.document
    assert (found["data"], found["binaryData"], found["immutable"]) == ({"k": ""}, {"x": "/w=="}, True)
    assert (found["metadata"]["name"], found["metadata"]["labels"]) == ("c", {"a": "b"})


def test_a_service_may_come_as_protobuf_with_ports_by_number_and_by_name() -> None:
    by_number = field(1, "http") + field(2, "TCP") + b"\x18\x90\x3f" + field(4, b"\x08\x00\x10\x90\x3f") + b"\x28\x00"
    by_name = b"\x18\x50" + field(4, b"\x08\x01\x10\x00" + field(3, "web")) + field(6, "")
    spec = field(1, by_number) + field(1, by_name) + field(2, field(1, "app") + field(2, "x")) + field(3, "")
    raw = field(1, field(1, "n")) + field(2, spec + field(4, "ExternalName") + field(10, "a.example"))
    assert from_protobuf(sent("Service", raw))["spec"] == {
        "ports": [
            {"name": "http", "protocol": "TCP", "port": 8080, "targetPort": 8080},
            {"port": 80, "targetPort": "web"},
        ],
        "selector": {"app": "x"},
        "type": "ExternalName",
        "externalName": "a.example",
    }


def test_a_secret_may_come_as_protobuf() -> None:
    raw = field(1, field(1, "n")) + field(2, field(1, "k") + field(2, b"\xff")) + field(3, "Opaque")
    found = from_protobuf(sent("Secret", raw + field(4, field(1, "t") + field(2, "v"))))
    assert (found["data"], found["stringData"], found["type"]) == ({"k": "/w=="}, {"t": "v"}, "Opaque")


def test_numbers_of_every_width_are_passed_over_in_protobuf() -> None:
    raw = b"\x49" + bytes(8) + b"\x55" + bytes(4) + b"\x98\x06\xff\xff\x03" + field(1, field(1, "n"))
    assert from_protobuf(sent("Namespace", raw)) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "n"},
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"k8s\x00\x0a\x7f",
        sent("Pod", b""),
        sent("ConfigMap", b"\x08\x01"),
        sent("ConfigMap", b"\x0b"),
        sent("ConfigMap", field(2, field(1, b"\xff"))),
        sent("ConfigMap", b"\xff" * 12),
    ],
)
def test_what_is_no_protobuf_of_a_kind_that_is_sent_so_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid, match="application/json"):
        from_protobuf(body)


async def test_a_list_of_an_empty_namespace_is_empty_and_has_a_version() -> None:
    found = (await Kube()("GET", f"{MESSAGING}/namespaces/nobody/channels")).document
    assert (found["kind"], found["items"], found["metadata"]) == ("ChannelList", [], {"resourceVersion": "0"})
