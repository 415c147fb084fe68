"""Clients learn from discovery and OpenAPI exactly what is served."""

from __future__ import annotations

import pytest
from kube_stand import Kube

from eventing.kinds.registry import KINDS
from kanal.api.kube import openapi
from kanal.api.kube.negotiation import discovery_version
from kanal.api.kube.served import SERVED

ASKED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


async def test_every_kind_is_found_a_group_version_at_a_time() -> None:
    kube = Kube()
    places = [f"/api/{one}" for one in (await kube("GET", "/api")).document["versions"]]
    for group in (await kube("GET", "/apis")).document["groups"]:
        assert group["preferredVersion"] in group["versions"]
        assert (await kube("GET", f"/apis/{group['name']}")).document["versions"] == group["versions"]
        places += [f"/apis/{one['groupVersion']}" for one in group["versions"]]
    found = set()
    for place in places:
        document = (await kube("GET", place)).document
        found |= {(document["groupVersion"], one["name"], one["kind"]) for one in document["resources"]}
    for kind in KINDS:
        for version in kind.VERSIONS:
            assert (kind.full_version(version), kind.PLURAL, kind.KIND) in found
            assert ((kind.full_version(version), f"{kind.PLURAL}/status", kind.KIND) in found) == bool(kind.DEPENDENTS)
    assert ("v1", "namespaces", "Namespace") in found


async def test_aggregated_discovery_says_the_same_in_one_document_under_the_type_that_clients_look_for() -> None:
    kube = Kube()
    found = []
    for path in ("/api", "/apis"):
        answer = await kube("GET", path, accept=ASKED)
        kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        assert answer.header("content-type") == [kind]
        assert answer.document["apiVersion"] == "apidiscovery.k8s.io/v2"
        found += [
            (group["metadata"].get("name", ""), version["version"], one["resource"], tuple(one["verbs"]))
            for group in answer.document["items"]
            for version in group["versions"]
            for one in version["resources"]
        ]
    assert sorted(found) == sorted((one.group, one.version, one.plural, one.verbs) for one in SERVED)


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        (ASKED, "v2"),
        (ASKED.partition(",")[2], "v2beta1"),
        ("application/json," + ASKED, None),
        ("application/json", None),
        ("application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList", None),
    ],
)
def test_discovery_is_aggregated_where_that_is_wanted_most(accept: str, version: str | None) -> None:
    assert discovery_version(accept) == version


def test_no_category_hides_a_kind_behind_its_own_name() -> None:
    """`kubectl get channel NAME` names one kind, and not everything that is in a category `channel`."""
    names = {name for one in SERVED for name in (one.plural, one.singular, *one.short_names)}
    assert [one.categories for one in SERVED if names & set(one.categories)] == []


async def test_the_version_is_that_of_a_kubernetes_that_kubectl_knows() -> None:
    document = (await Kube()("GET", "/version", authorization="")).document
    assert (document["major"], document["minor"]) == ("1", "32")
    assert document["gitVersion"].startswith("v1.32.")


async def test_openapi_leads_to_a_document_of_each_group_version() -> None:
    kube = Kube()
    paths = (await kube("GET", "/openapi/v3")).document["paths"]
    wanted = {f"apis/{one.group_version}" if one.group else f"api/{one.version}" for one in SERVED}
    assert set(paths) == wanted
    for path, entry in paths.items():
        address, _, mark = entry["serverRelativeURL"].partition("?hash=")
        assert mark
        document = (await kube("GET", address)).document
        assert document["openapi"].startswith("3.")
        assert address == f"/openapi/v3/{path}"
    assert (await kube("GET", "/openapi/v3/apis/nowhere/v1")).status == 404


async def test_each_kind_has_a_schema_with_its_kind_and_patches_that_check_fields() -> None:
    """By the first `kubectl explain` finds a kind, by the second that it need not check what is sent itself."""
    for served in SERVED:
        place = f"apis/{served.group_version}" if served.group else f"api/{served.version}"
        document = (await Kube()("GET", f"/openapi/v3/{place}")).document
        kind = {"group": served.group, "version": served.version, "kind": served.kind}
        key = "x-kubernetes-group-version-kind"
        (schema,) = [one for one in document["components"]["schemas"].values() if kind in one.get(key, [])]
        assert schema["properties"]["metadata"]
        patches = [one["patch"] for one in document["paths"].values() if one.get("patch", {}).get(key) == kind]
        assert bool(patches) == ("patch" in served.verbs)
        for patch in patches:
            assert "fieldValidation" in {one["name"] for one in patch["parameters"]}


async def test_every_reference_in_openapi_leads_to_a_schema() -> None:
    for path in (await Kube()("GET", "/openapi/v3")).document["paths"]:
        document = (await Kube()("GET", f"/openapi/v3/{path}")).document
        text = openapi.document(path)
        assert text is not None
        names = {one.partition('"')[0] for one in text.decode().split("#/components/schemas/")[1:]}
        assert names - set(document["components"]["schemas"]) == set()


async def test_openapi_2_is_an_empty_document_in_both_forms() -> None:
    kube = Kube()
    assert (await kube("GET", "/openapi/v2")).document["swagger"] == "2.0"
    answer = await kube("GET", "/openapi/v2", accept=openapi.V2_PROTOBUF)
    assert answer.header("content-type") == [openapi.V2_PROTOBUF]
    assert answer.body.startswith(b"\x0a\x032.0")
