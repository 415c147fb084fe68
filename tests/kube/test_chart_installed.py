"""The chart in a real API server: installed, upgraded, rolled back, taken away, beside others. No node runs its pods here."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kube_binaries
import pytest
import yaml
from helm_chart import CHART, OURS, Document, Helm, Refused, merged
from kube_server import ApiServer, running

from kanal.crds import text, wanted
from kanal.webhook.configurations import DEFAULTING, VALIDATION

pytestmark = [pytest.mark.kube, pytest.mark.timeout(240)]

BARE = merged(OURS, {"webhook": {"enabled": False}})
CHANNEL = {
    "apiVersion": "messaging.knative.dev/v1",
    "kind": "Channel",
    "metadata": {"name": "mine", "namespace": "default"},
}
DEADLINE_S = 60.0
EVERYTHING = (
    "all,secrets,configmaps,serviceaccounts,poddisruptionbudgets,roles,rolebindings,clusterroles,clusterrolebindings,"
    "mutatingwebhookconfigurations,validatingwebhookconfigurations"
)
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
CONFIGURATIONS = (
    f"{WEBHOOKS}/mutatingwebhookconfigurations/{DEFAULTING}",
    f"{WEBHOOKS}/validatingwebhookconfigurations/{VALIDATION}",
)
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
EVENT_TYPES = f"{DEFINITIONS}/eventtypes.eventing.knative.dev"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of its own: what the chart makes for a whole cluster would be in the way of other tests."""
    if reason := kube_binaries.missing(kube_binaries.API_SERVER):
        pytest.skip(reason)
    with running(tmp_path_factory.mktemp("kube")) as found:
        for name in ("foo", "bar"):
            found.kubectl("create", "namespace", name)
            found.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
        yield found


@pytest.fixture
def helm(server: ApiServer, tmp_path: Path) -> Iterator[Helm]:
    """Helm for this cluster; what a test has left there is gone afterwards."""
    made = Helm(kube_binaries.found("helm"), tmp_path, server.kubeconfig)
    yield made
    for release in releases(made):
        made("uninstall", release["name"], "--namespace", release["namespace"], "--wait")
    server.kubectl("delete", "crd", "--all", "--wait=true")


def releases(helm: Helm) -> list[Document]:
    found: list[Document] = json.loads(helm("list", "--all-namespaces", "--all", "--output", "json"))
    return found


def install(helm: Helm, values: Document, name: str = "kanal", namespace: str = "foo", chart: Path = CHART) -> str:
    return helm("install", name, str(chart), "--namespace", namespace, values=values)


def upgrade(helm: Helm, values: Document, chart: Path = CHART) -> str:
    return helm("upgrade", "kanal", str(chart), "--namespace", "foo", values=values)


def until(seen: Callable[[], Any], what: str) -> Any:
    ends = time.monotonic() + DEADLINE_S
    while not (found := seen()):
        assert time.monotonic() < ends, f"{what}: not within {DEADLINE_S} s"
        time.sleep(0.1)
    return found


def body(server: ApiServer, path: str) -> Document:
    answer = server.ask("GET", path)
    assert answer.status == 200, answer.message
    return answer.body


def trust(server: ApiServer, bundle: str) -> None:
    """Do what the webhook does when it runs."""
    for path in CONFIGURATIONS:
        webhook = body(server, path)["webhooks"][0]
        webhook["clientConfig"]["caBundle"] = bundle
        assert server.ask("PATCH", path, {"webhooks": [webhook]}).status == 200
    change = {"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": bundle}}}}}
    assert server.ask("PATCH", EVENT_TYPES, change).status == 200


def trusted(server: ApiServer) -> list[str]:
    clients = [body(server, path)["webhooks"][0]["clientConfig"] for path in CONFIGURATIONS]
    clients.append(body(server, EVENT_TYPES)["spec"]["conversion"]["webhook"]["clientConfig"])
    return [one.get("caBundle", "") for one in clients]


def bundle(server: ApiServer) -> str:
    return base64.b64encode(server.authority.read_bytes()).decode()


def test_it_installs_into_any_namespace_and_its_pods_are_let_in_where_the_restricted_standard_is_enforced(
    server: ApiServer, helm: Helm
) -> None:
    said = install(helm, merged(OURS, {"kafka": {"bootstrap": "", "embedded": {"enabled": True}}}), namespace="bar")
    assert "helm test kanal --namespace bar" in said
    manifest = list(yaml.safe_load_all(helm("get", "manifest", "kanal", "--namespace", "bar")))
    assert {one["metadata"].get("namespace") for one in manifest if one} == {None, "bar"}

    def roles() -> Any:
        pods = body(server, "/api/v1/namespaces/bar/pods")["items"]
        found = sorted(one["metadata"]["labels"]["app.kubernetes.io/component"] for one in pods)
        wanted = ["controller", "dispatcher", "dispatcher", "ingress", "ingress", "kafka", "webhook"]
        return found == wanted

    until(roles, "pods")
    assert body(server, "/api/v1/namespaces/foo/pods")["items"] == []
    definitions = body(server, DEFINITIONS)["items"]
    assert len(definitions) == len(wanted([]))
    until(
        lambda: all(
            {"type": "Established", "status": "True"}.items() <= condition.items()
            for one in body(server, DEFINITIONS)["items"]
            for condition in one["status"].get("conditions", [{}])
            if condition.get("type") == "Established"
        ),
        "definitions",
    )


def test_a_second_release_is_refused_and_told_of_the_first_and_leaves_nothing(server: ApiServer, helm: Helm) -> None:
    install(helm, OURS, "first", "foo")
    for name, namespace in (("second", "bar"), ("second", "foo"), ("first", "bar")):
        with pytest.raises(Refused) as found:
            install(helm, OURS, name, namespace)
        assert 'in this cluster already, as release "first" in namespace "foo"' in str(found.value)
        assert "helm upgrade first" in str(found.value)
    assert [(one["name"], one["namespace"]) for one in releases(helm)] == [("first", "foo")]
    assert body(server, "/apis/apps/v1/namespaces/bar/deployments")["items"] == []
    helm("uninstall", "first", "--namespace", "foo")


def test_an_upgrade_and_a_rollback_keep_the_token_the_trust_and_the_resources(server: ApiServer, helm: Helm) -> None:
    install(helm, OURS)
    token = body(server, "/api/v1/namespaces/foo/secrets/kanal-controller-token")["data"]["token"]
    assert len(base64.b64decode(token)) == 40
    mine = bundle(server)
    trust(server, mine)

    def replicas() -> int:
        found: int = body(server, "/apis/apps/v1/namespaces/foo/deployments/kafka-channel-receiver")["spec"]["replicas"]
        return found

    for step, wanted_replicas in (
        (lambda: upgrade(helm, merged(OURS, {"ingress": {"replicas": 3}, "webhook": {"timeoutSeconds": 7}})), 3),
        (lambda: helm("rollback", "kanal", "1", "--namespace", "foo"), 2),
        (lambda: upgrade(helm, merged(OURS, {"ingress": {"replicas": 5}})), 5),
    ):
        step()
        assert replicas() == wanted_replicas
        assert trusted(server) == [mine] * 3
        assert body(server, "/api/v1/namespaces/foo/secrets/kanal-controller-token")["data"]["token"] == token
    upgrade(helm, BARE)
    assert body(server, EVENT_TYPES)["spec"]["conversion"] == {"strategy": "None"}
    assert [server.ask("GET", path).status for path in CONFIGURATIONS] == [404, 404]


def test_definitions_and_resources_outlive_the_release_and_the_next_one_takes_them_over(
    server: ApiServer, helm: Helm
) -> None:
    install(helm, BARE)
    until(lambda: server.ask("GET", "/apis/messaging.knative.dev/v1/channels").status == 200, "the definition")
    path = "/apis/messaging.knative.dev/v1/namespaces/default/channels"
    until(lambda: server.ask("POST", path, CHANNEL).status == 201, "a channel")
    uid = body(server, f"{path}/mine")["metadata"]["uid"]
    helm("uninstall", "kanal", "--namespace", "foo", "--wait")
    assert body(server, f"{path}/mine")["metadata"]["uid"] == uid
    left = server.kubectl(
        "get", EVERYTHING, "--all-namespaces", "--selector=app.kubernetes.io/name=kanal", "-o", "name"
    )
    assert left == ""

    with pytest.raises(Refused, match='left from release "kanal" in namespace "foo"') as found:
        install(helm, BARE, "other", "bar")
    fix = next(line for line in str(found.value).splitlines() if "kubectl annotate" in line)
    server.kubectl(*fix.partition("kubectl ")[2].split())
    install(helm, BARE, "other", "bar")
    assert body(server, f"{path}/mine")["metadata"]["uid"] == uid
    helm("uninstall", "other", "--namespace", "bar", "--wait")
    # Back under the first names, once they are said to be theirs.
    names = ("meta.helm.sh/release-name=kanal", "meta.helm.sh/release-namespace=foo")
    server.kubectl("annotate", "--overwrite", "crd", "--all", *names)
    install(helm, BARE)
    assert body(server, f"{path}/mine")["metadata"]["uid"] == uid


def test_an_upgrade_brings_new_definitions_and_a_rollback_the_old_ones(
    server: ApiServer, helm: Helm, tmp_path: Path
) -> None:
    older = tmp_path / "kanal"
    shutil.copytree(CHART, older)
    file = older / "files" / "crds" / "channels.messaging.knative.dev.yaml"
    definition = yaml.safe_load(file.read_text(encoding="utf-8"))
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = "As it was."
    file.write_text(yaml.safe_dump(definition), encoding="utf-8")

    def knows() -> bool:
        found = body(server, f"{DEFINITIONS}/channels.messaging.knative.dev")
        description: str = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"]
        return description != "As it was."

    install(helm, BARE, chart=older)
    assert not knows()
    upgrade(helm, BARE)
    assert knows()
    helm("rollback", "kanal", "1", "--namespace", "foo")
    assert not knows()


def test_definitions_of_somebody_else_are_never_taken_and_kanal_serves_its_part_beside_them(
    server: ApiServer, helm: Helm
) -> None:
    (broker,) = wanted(["Broker"])
    theirs = yaml.safe_load(text([broker], "yaml"))
    theirs["metadata"]["labels"] = {"knative.dev/crd-install": "true"}
    server.kubectl("apply", "-f", "-", given=json.dumps(theirs))
    with pytest.raises(Refused, match="--set serves=kafka"):
        install(helm, OURS)
    install(helm, merged(OURS, {"serves": "kafka"}))
    kept = {one["metadata"]["name"]: one["metadata"]["labels"] for one in body(server, DEFINITIONS)["items"]}
    assert kept.keys() == {"brokers.eventing.knative.dev", "kafkachannels.messaging.knative.dev"}
    assert kept["brokers.eventing.knative.dev"] == {"knative.dev/crd-install": "true"}


def test_definitions_that_were_applied_by_hand_stay_with_the_hand_unless_they_are_given(
    server: ApiServer, helm: Helm
) -> None:
    server.kubectl("apply", "-f", "-", given=text(wanted(["Channel"]), "yaml"))
    with pytest.raises(Refused, match=r"--set crds\.install=false") as found:
        install(helm, OURS)
    install(helm, merged(OURS, {"crds": {"install": False}}))
    helm("uninstall", "kanal", "--namespace", "foo", "--wait")
    fix = next(line for line in str(found.value).splitlines() if "kubectl label" in line)
    for command in fix.partition("release:")[2].split("&&"):
        server.kubectl(*command.split()[1:])
    install(helm, OURS)
    assert len(body(server, DEFINITIONS)["items"]) == len(wanted([]))


def test_the_api_server_lets_each_account_do_its_part_and_no_more(server: ApiServer, helm: Helm) -> None:
    install(helm, OURS)

    def may(account: str, verb: str, resource: str, *more: str) -> bool:
        group = "--as-group=system:serviceaccounts"
        words = ("auth", "can-i", verb, resource, f"--as=system:serviceaccount:foo:{account}", group, *more)
        try:
            return server.kubectl(*words).strip() == "yes"
        except AssertionError:
            return False

    until(lambda: may("kanal-controller", "list", "channels.messaging.knative.dev", "--all-namespaces"), "the roles")
    assert may("kanal-controller", "patch", "brokers.eventing.knative.dev/x", "--subresource=status", "-n", "default")
    assert may("kanal-controller", "update", "leases/kanal-controller", "-n", "foo")
    assert not may("kanal-controller", "update", "leases/another", "-n", "foo")
    assert not may("kanal-controller", "create", "leases", "-n", "default")
    assert not may("kanal-controller", "get", "secrets", "-n", "foo")
    assert not may("kanal-controller", "create", "pods", "-n", "foo")
    assert may("kanal-webhook", "patch", f"validatingwebhookconfigurations/{VALIDATION}")
    assert not may("kanal-webhook", "patch", "validatingwebhookconfigurations/another")
    assert not may("kanal-webhook", "get", "secrets/another", "-n", "foo")
    assert not may("kanal-data-plane", "get", "channels.messaging.knative.dev", "-n", "foo")
    assert not may("kanal-data-plane", "get", "configmaps", "-n", "foo")
    # What somebody else calls addressable, the controller may read as soon as a role says so.
    assert not may("kanal-controller", "get", "ingresses.networking.k8s.io", "-n", "default")
    server.kubectl("create", "clusterrole", "theirs", "--verb=get,list,watch", "--resource=ingresses.networking.k8s.io")
    server.kubectl("label", "clusterrole", "theirs", "duck.knative.dev/addressable=true")
    try:
        until(lambda: may("kanal-controller", "get", "ingresses.networking.k8s.io", "-n", "default"), "aggregation")
        upgrade(helm, merged(OURS, {"controller": {"replicas": 2}}))
        assert may("kanal-controller", "get", "ingresses.networking.k8s.io", "-n", "default")
    finally:
        server.kubectl("delete", "clusterrole", "theirs")


def test_what_people_may_do_comes_with_view_and_edit(server: ApiServer, helm: Helm) -> None:
    install(helm, OURS)
    for role in ("view", "edit"):
        server.kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}er", "-n", "default")

    def may(user: str, verb: str) -> bool:
        try:
            words = ("auth", "can-i", verb, "channels.messaging.knative.dev", f"--as={user}", "-n", "default")
            return server.kubectl(*words).strip() == "yes"
        except AssertionError:
            return False

    try:
        until(lambda: may("viewer", "list") and may("editer", "create") and may("editer", "get"), "aggregation")
        assert not may("viewer", "create")
        assert not may("nobody", "list")
    finally:
        server.kubectl("delete", "rolebinding", "view", "edit", "-n", "default")
