"""Who may do what: each role of the chart has what it needs and no more, the data plane nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helm_chart import EMBEDDED, OURS, Document, Helm, merged, pods

from eventing.kinds.meta import Resource
from eventing.kinds.registry import KINDS
from kanal.webhook.configurations import DEFAULTING, VALIDATION
from kanal.webhook.keeping import SECRET

pytestmark = pytest.mark.kube

OURSELVES = {kind.PLURAL: kind for kind in KINDS if kind.GROUP}
READ, WRITE = {"get", "list", "watch"}, {"create", "update", "patch", "delete"}


@pytest.fixture(params=["everything", "kafka"])
def objects(request: pytest.FixtureRequest, helm: Helm) -> list[Document]:
    return helm.rendered(merged(EMBEDDED, {"serves": request.param}))


def roles_of(objects: list[Document], account: str) -> Iterator[Document]:
    """The roles that an account has."""
    for binding in objects:
        if not binding["kind"].endswith("RoleBinding"):
            continue
        if any(subject["name"] == account for subject in binding["subjects"]):
            assert all(subject["namespace"] == "foo" for subject in binding["subjects"])
            yield next(
                one
                for one in objects
                if one["kind"] == binding["roleRef"]["kind"] and one["metadata"]["name"] == binding["roleRef"]["name"]
            )


def allowed(objects: list[Document], account: str, kind: str) -> dict[tuple[str, str], set[str]]:
    """The verbs that the roles of this kind give an account, by group and resource."""
    found: dict[tuple[str, str], set[str]] = {}
    for role in roles_of(objects, account):
        if role["kind"] != kind:
            continue
        for rule in role.get("rules") or ():
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def test_no_role_has_a_star_or_lets_its_holder_have_more(objects: list[Document]) -> None:
    for one in objects:
        for rule in one.get("rules") or ():
            words = [*rule.get("apiGroups", ()), *rule.get("resources", ()), *rule["verbs"]]
            assert not {"*", "bind", "escalate", "impersonate"} & set(words), one["metadata"]["name"]
            assert "nonResourceURLs" not in rule


def test_the_data_plane_has_no_role_and_no_token(objects: list[Document]) -> None:
    assert list(roles_of(objects, "kanal-data-plane")) == []
    for role, pod in pods(objects).items():
        talks = role in ("controller", "webhook")
        assert pod["spec"]["automountServiceAccountToken"] is talks, role
        assert pod["spec"]["serviceAccountName"] == (f"kanal-{role}" if talks else "kanal-data-plane")
    accounts = [one for one in objects if one["kind"] == "ServiceAccount"]
    assert {one["automountServiceAccountToken"] for one in accounts} == {False}


def test_nobody_reads_the_secrets_of_a_cluster(objects: list[Document]) -> None:
    for account in ("kanal-controller", "kanal-webhook", "kanal-data-plane"):
        assert ("", "secrets") not in allowed(objects, account, "ClusterRole")


def _served(serves: str) -> dict[str, type[Resource]]:
    names = OURSELVES if serves == "everything" else ("kafkachannels", "brokers", "triggers")
    return {name: OURSELVES[name] for name in names}


@pytest.mark.parametrize("serves", ["everything", "kafka"])
def test_the_controller_may_do_just_this_everywhere(helm: Helm, serves: str) -> None:
    objects = helm.rendered(merged(OURS, {"serves": serves}))
    wanted: dict[tuple[str, str], set[str]] = {
        ("", "services"): READ | WRITE,
        ("", "configmaps"): READ,
        ("", "events"): {"create", "update", "patch"},
    }
    for name, kind in _served(serves).items():
        makes = serves == "everything" and name in ("kafkachannels", "subscriptions", "eventtypes")
        wanted[kind.GROUP, name] = READ | {"update", "patch"} | ({"create", "delete"} if makes else set())
        wanted[kind.GROUP, f"{name}/status"] = {"get", "update", "patch"}
        wanted[kind.GROUP, f"{name}/finalizers"] = {"update"}
    assert allowed(objects, "kanal-controller", "ClusterRole") == wanted
    assert allowed(objects, "kanal-controller", "Role") == {
        ("coordination.k8s.io", "leases"): {"create", "get", "update", "patch"}
    }


def test_the_webhook_may_change_only_what_leads_to_it(helm: Helm) -> None:
    objects = helm.rendered(OURS)
    own = [role for role in roles_of(objects, "kanal-webhook") if role["metadata"]["name"] == "kanal-webhook"]
    names = {name for role in own for rule in role["rules"] for name in rule.get("resourceNames", ())}
    assert names == {DEFAULTING, VALIDATION, "eventtypes.eventing.knative.dev", SECRET}
    unnamed = [rule for role in own for rule in role["rules"] if "resourceNames" not in rule]
    assert unnamed == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]}]
    assert allowed(objects, "kanal-webhook", "Role")["", "configmaps"] == READ


def test_every_channel_has_a_role_for_those_who_use_channels_and_every_address_one_for_those_who_look_it_up(
    objects: list[Document],
) -> None:
    defined = {one["spec"]["names"]["plural"]: one for one in objects if one["kind"] == "CustomResourceDefinition"}
    for label, duck, verbs in (
        ("messaging.knative.dev/subscribable", "duck.knative.dev/channelable", READ | WRITE),
        ("duck.knative.dev/addressable", "duck.knative.dev/addressable", READ),
    ):
        roles = [one for one in objects if one["metadata"].get("labels", {}).get(duck) == "true"]
        roles = [one for one in roles if one["kind"] == "ClusterRole"]
        told = {rule["resources"][0]: set(rule["verbs"]) for one in roles for rule in one["rules"]}
        kinds = {name for name, one in defined.items() if one["metadata"]["labels"].get(label) == "true"}
        assert told == dict.fromkeys(kinds, verbs)
        assert all(rule["resources"][1] == f"{rule['resources'][0]}/status" for one in roles for rule in one["rules"])


def test_people_may_see_or_change_what_is_served(objects: list[Document]) -> None:
    found = {one["metadata"]["name"]: one for one in objects if one["kind"] == "ClusterRole"}
    served = {resource for group, resource in allowed(objects, "kanal-controller", "ClusterRole") if "." in group}
    plain = {one for one in served if "/" not in one}
    for name, labels, verbs in (
        ("kanal-view", {"view"}, READ),
        ("kanal-edit", {"edit", "admin"}, WRITE | {"deletecollection"}),
    ):
        role = found[name]
        told = {key.partition("aggregate-to-")[2] for key in role["metadata"]["labels"] if "aggregate-to-" in key}
        assert told == labels
        assert {one for rule in role["rules"] for one in rule["resources"]} >= plain
        assert {verb for rule in role["rules"] for verb in rule["verbs"]} == verbs
