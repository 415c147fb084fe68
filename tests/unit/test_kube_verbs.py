"""What each verb of the Kubernetes API answers, and what is in the store afterwards."""

from __future__ import annotations

import pytest
from kube_stand import MERGE, MESSAGING, SUBSCRIPTIONS, Kube, subscription

from eventing.kinds.key import Key

S1 = Key("messaging.knative.dev", "Subscription", "default", "s1")
ONE = f"{SUBSCRIPTIONS}/s1"
ATTRIBUTES = [
    {"name": "type", "value": "t.a", "required": True},
    {"name": "source", "value": "/s", "required": True},
    {"name": "specversion", "value": "1.0", "required": True},
    {"name": "id", "required": True},
]
CHANNEL = {"apiVersion": "messaging.knative.dev/v1", "kind": "Channel", "metadata": {"name": "c1"}}


async def test_what_is_created_is_there_with_its_defaults_and_what_only_a_server_gives() -> None:
    kube = Kube()
    answer = await kube("POST", f"{MESSAGING}/namespaces/other/channels", CHANNEL)
    assert answer.status == 201
    made = answer.document
    assert made["metadata"]["namespace"] == "other"
    assert (made["metadata"]["generation"], made["metadata"]["resourceVersion"]) == (1, "1")
    assert made["spec"]["channelTemplate"]["kind"] == "KafkaChannel"
    assert (await kube("GET", f"{MESSAGING}/namespaces/other/channels/c1")).document == made


async def test_a_second_one_of_a_name_is_refused_and_named() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    answer = await kube("POST", SUBSCRIPTIONS, subscription())
    status = answer.document
    assert (answer.status, status["reason"]) == (409, "AlreadyExists")
    assert status["message"] == 'subscriptions.messaging.knative.dev "s1" already exists'
    assert status["details"]["kind"] == "subscriptions"


async def test_every_field_that_is_wrong_is_a_cause_with_its_path_and_its_fix() -> None:
    kube = Kube()
    wrong = subscription(delivery={"retry": -1, "backoffDelay": "5s"})
    answer = await kube("POST", SUBSCRIPTIONS, wrong)
    status = answer.document
    assert (answer.status, status["reason"], status["details"]["kind"]) == (422, "Invalid", "Subscription")
    assert status["details"]["name"] == "s1"
    causes = {one["field"]: one for one in status["details"]["causes"]}
    assert set(causes) == {"spec.delivery.retry", "spec.delivery.backoffDelay"}
    assert "PT5S" in causes["spec.delivery.backoffDelay"]["message"]
    assert kube.store.list() == ()


async def test_a_field_that_is_missing_is_told_apart_from_one_that_is_wrong() -> None:
    document = subscription()
    del document["spec"]["channel"]
    (cause,) = (await Kube()("POST", SUBSCRIPTIONS, document)).document["details"]["causes"]
    assert (cause["reason"], cause["field"]) == ("FieldValueRequired", "spec.channel")


@pytest.mark.parametrize(
    ("strictness", "status", "warnings"),
    [("Strict", 422, []), ("Warn", 201, ['299 - "unknown field \\"spec.repley\\""']), ("Ignore", 201, [])],
)
async def test_a_client_says_what_becomes_of_unknown_fields(strictness: str, status: int, warnings: list[str]) -> None:
    kube = Kube()
    answer = await kube("POST", f"{SUBSCRIPTIONS}?fieldValidation={strictness}", subscription(repley={}))
    assert (answer.status, answer.header("warning")) == (status, warnings)
    assert all("repley" not in one.spec_document() for one in kube.store.list())


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"kind": "Channel"}, "kind"),
        ({"apiVersion": "messaging.knative.dev/v9"}, "apiVersion"),
        ({"metadata": {"name": "s1", "namespace": "other"}}, "metadata.namespace"),
        ({"metadata": 5}, "metadata"),
    ],
)
async def test_what_does_not_belong_to_its_path_is_a_bad_request(document: dict[str, object], field: str) -> None:
    answer = await Kube()("POST", SUBSCRIPTIONS, {**subscription(), **document})
    assert (answer.status, answer.document["reason"]) == (400, "BadRequest")
    assert [one["field"] for one in answer.document["details"]["causes"]] == [field]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"5"])
async def test_a_body_that_is_no_document_is_a_bad_request(body: bytes) -> None:
    answer = await Kube()("POST", SUBSCRIPTIONS, body)
    assert (answer.status, answer.document["reason"]) == (400, "BadRequest")


async def test_a_body_may_be_yaml_and_other_forms_are_refused() -> None:
    kube = Kube()
    text = b"apiVersion: messaging.knative.dev/v1\nkind: Channel\nmetadata: {name: c1}\n"
    path = f"{MESSAGING}/namespaces/default/channels"
    assert (await kube("POST", path, text, sort="application/yaml")).status == 201
    assert (await kube("POST", path, b"a: [", sort="application/yaml")).status == 400
    assert (await kube("POST", path, text + b"---\n" + text, sort="application/yaml")).status == 400
    answer = await kube("POST", path, text, sort="text/plain")
    assert (answer.status, answer.document["reason"]) == (415, "UnsupportedMediaType")


async def test_a_generated_name_is_completed() -> None:
    document = {**subscription(), "metadata": {"generateName": "s-"}}
    answer = await Kube()("POST", SUBSCRIPTIONS, document)
    assert answer.status == 201
    assert answer.document["metadata"]["name"].startswith("s-")


async def test_exported_yaml_can_be_created_again_and_gets_a_version_of_its_own() -> None:
    kube = Kube()
    made = (await kube("POST", SUBSCRIPTIONS, subscription())).document
    await kube("DELETE", ONE)
    again = await kube("POST", SUBSCRIPTIONS, {**made, "metadata": {**made["metadata"], "uid": "of-another-place"}})
    assert again.status == 201
    assert again.document["metadata"]["uid"] == made["metadata"]["uid"]
    assert again.document["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]


async def test_a_replacement_counts_only_for_the_version_that_it_names() -> None:
    kube = Kube()
    made = (await kube("POST", SUBSCRIPTIONS, subscription())).document
    changed = {**made, "spec": {**made["spec"], "delivery": {"retry": 3}}}
    answer = await kube("PUT", ONE, changed)
    assert (answer.status, answer.document["metadata"]["generation"]) == (200, 2)
    stale = await kube("PUT", ONE, changed)
    assert (stale.status, stale.document["reason"]) == (409, "Conflict")
    assert kube.store.get(S1).spec_document()["delivery"] == {"retry": 3}


async def test_what_may_not_change_is_refused_with_its_field() -> None:
    kube = Kube()
    made = (await kube("POST", SUBSCRIPTIONS, subscription())).document
    made["spec"]["channel"]["name"] = "c2"
    answer = await kube("PUT", ONE, made)
    assert (answer.status, answer.document["reason"]) == (422, "Invalid")
    assert [one["field"] for one in answer.document["details"]["causes"]] == ["spec.channel.name"]


@pytest.mark.parametrize(
    ("sort", "body"),
    [
        (MERGE, {"spec": {"delivery": {"retry": 4}}}),
        ("application/strategic-merge-patch+json", {"spec": {"delivery": {"retry": 4}}}),
        ("application/json-patch+json", [{"op": "add", "path": "/spec/delivery", "value": {"retry": 4}}]),
    ],
)
async def test_each_sort_of_patch_changes_what_it_says_and_nothing_else(sort: str, body: object) -> None:
    kube = Kube()
    before = (await kube("POST", SUBSCRIPTIONS, subscription())).document["spec"]
    answer = await kube("PATCH", ONE, body, sort=sort)
    assert answer.status == 200
    assert answer.document["spec"] == {**before, "delivery": {"retry": 4}}


async def test_a_patch_is_checked_as_a_whole_object_is() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    answer = await kube("PATCH", ONE, {"spec": {"delivery": {"retry": "often"}}}, sort=MERGE)
    assert answer.status == 422
    assert [one["field"] for one in answer.document["details"]["causes"]] == ["spec.delivery.retry"]
    assert "delivery" not in kube.store.get(S1).spec_document()


@pytest.mark.parametrize(
    ("sort", "body", "status"),
    [
        ("application/json", {}, 415),
        (MERGE, [], 400),
        ("application/json-patch+json", {}, 400),
        ("application/json-patch+json", [{"op": "remove", "path": "/spec/nothing"}], 422),
        ("application/json-patch+json", [{"op": "replace", "path": "", "value": 5}], 400),
    ],
)
async def test_a_patch_that_fits_nothing_is_refused(sort: str, body: object, status: int) -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    assert (await kube("PATCH", ONE, body, sort=sort)).status == status


async def test_a_patch_of_an_older_version_is_a_conflict() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    body = {"metadata": {"resourceVersion": "99"}, "spec": {"delivery": {"retry": 4}}}
    assert (await kube("PATCH", ONE, body, sort=MERGE)).document["reason"] == "Conflict"


async def test_a_patch_of_what_is_not_there_is_not_found() -> None:
    assert (await Kube()("PATCH", ONE, {}, sort=MERGE)).document["reason"] == "NotFound"


async def test_server_side_apply_makes_changes_and_guards_fields_of_others() -> None:
    kube = Kube()
    apply, path = "application/apply-patch+yaml", f"{ONE}?fieldManager=me"
    first = await kube("PATCH", path, subscription(), sort=apply)
    assert first.status == 201
    again = await kube("PATCH", path, subscription(), sort=apply)
    assert (again.status, again.document) == (200, first.document)
    await kube("PATCH", f"{ONE}?fieldManager=other", {"spec": {"subscriber": {"uri": "http://y.example"}}}, sort=MERGE)
    refused = await kube("PATCH", path, subscription(), sort=apply)
    assert (refused.status, refused.document["reason"]) == (409, "Conflict")
    (cause,) = refused.document["details"]["causes"]
    assert cause["reason"] == "FieldManagerConflict"
    assert "spec.subscriber.uri" in cause["field"]
    assert (await kube("PATCH", f"{path}&force=true", subscription(), sort=apply)).status == 200
    assert kube.store.get(S1).spec_document()["subscriber"]["uri"] == "http://x.example"


async def test_server_side_apply_needs_a_manager() -> None:
    answer = await Kube()("PATCH", ONE, subscription(), sort="application/apply-patch+yaml")
    assert (answer.status, answer.document["reason"]) == (400, "BadRequest")
    assert "fieldManager" in answer.document["message"]


async def test_who_changed_a_field_is_noted_by_name_or_by_the_client_program() -> None:
    kube = Kube()
    made = await kube("POST", SUBSCRIPTIONS, subscription(), **{"user-agent": "kn/v1.2 (linux)"})
    assert [one["manager"] for one in made.document["metadata"]["managedFields"]] == ["kn"]
    body = {"metadata": {"labels": {"a": "b"}}}
    changed = await kube("PATCH", f"{ONE}?fieldManager=me", body, sort=MERGE)
    assert {one["manager"] for one in changed.document["metadata"]["managedFields"]} == {"kn", "me"}


async def test_a_status_is_written_by_itself_and_leaves_the_rest_alone() -> None:
    kube = Kube()
    made = (await kube("POST", SUBSCRIPTIONS, {**subscription(), "status": {"sent": True}})).document
    assert "status" not in made
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    sent = {**made, "spec": {}, "status": status}
    answer = await kube("PUT", f"{ONE}/status", sent)
    assert (answer.document["status"], answer.document["spec"]) == (status, made["spec"])
    patched = await kube("PATCH", f"{ONE}/status", {"status": {"observedGeneration": 1}}, sort=MERGE)
    assert patched.document["status"] == {**status, "observedGeneration": 1}
    assert (await kube("GET", f"{ONE}/status")).document == patched.document
    assert patched.document["metadata"]["generation"] == 1
    assert (await kube("PUT", f"{ONE}/status", sent)).document["reason"] == "Conflict"
    kept = await kube("PATCH", ONE, {"metadata": {"labels": {"a": "b"}}, "status": None}, sort=MERGE)
    assert kept.document["status"] == patched.document["status"]


async def test_a_deletion_answers_with_success_and_the_uid() -> None:
    kube = Kube()
    made = (await kube("POST", SUBSCRIPTIONS, subscription())).document
    answer = await kube("DELETE", ONE, {"propagationPolicy": "Background"})
    assert (answer.status, answer.document["status"]) == (200, "Success")
    assert answer.document["details"]["uid"] == made["metadata"]["uid"]
    assert (await kube("GET", ONE)).status == 404
    assert (await kube("DELETE", ONE)).document["reason"] == "NotFound"


async def test_a_deletion_holds_only_for_the_uid_that_it_names() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    answer = await kube("DELETE", ONE, {"preconditions": {"uid": "another"}})
    assert (answer.status, answer.document["reason"]) == (409, "Conflict")
    assert kube.store.get(S1) is not None


async def test_what_has_a_finalizer_stays_until_it_is_cleared() -> None:
    kube = Kube()
    held = subscription()
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await kube("POST", SUBSCRIPTIONS, held)
    answer = await kube("DELETE", ONE)
    assert answer.document["metadata"]["deletionTimestamp"]
    assert (await kube("GET", ONE)).status == 200
    await kube("PATCH", ONE, {"metadata": {"finalizers": None}}, sort=MERGE)
    assert (await kube("GET", ONE)).status == 404


async def test_a_collection_is_deleted_as_its_selector_says() -> None:
    kube = Kube()
    for name, color in (("a", "red"), ("b", "red"), ("c", "blue")):
        document = subscription(name)
        document["metadata"]["labels"] = {"color": color}
        await kube("POST", SUBSCRIPTIONS, document)
    answer = await kube("DELETE", f"{SUBSCRIPTIONS}?labelSelector=color%3Dred")
    assert [one["metadata"]["name"] for one in answer.document["items"]] == ["a", "b"]
    left = await kube("GET", SUBSCRIPTIONS)
    assert [one["metadata"]["name"] for one in left.document["items"]] == ["c"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("labelSelector=color%3Dred", ["a"]),
        ("fieldSelector=metadata.name%3Db", ["b"]),
        ("fieldSelector=metadata.namespace%3Ddefault", ["a", "b"]),
        ("labelSelector=color%20in%20(red,blue)", ["a", "b"]),
    ],
)
async def test_a_list_holds_what_its_selectors_choose(query: str, names: list[str]) -> None:
    kube = Kube()
    for name, color in (("a", "red"), ("b", "blue")):
        document = subscription(name)
        document["metadata"]["labels"] = {"color": color}
        await kube("POST", SUBSCRIPTIONS, document)
    found = (await kube("GET", f"{MESSAGING}/subscriptions?{query}")).document
    assert [one["metadata"]["name"] for one in found["items"]] == names
    assert found["metadata"]["resourceVersion"] == "2"


@pytest.mark.parametrize(
    "query",
    [
        "fieldSelector=spec.channel%3Dx",
        "labelSelector=%3D%3D",
        "dryRun=Some",
        "fieldValidation=Nearly",
        "timeoutSeconds=soon",
        "includeObject=Half",
    ],
)
async def test_a_parameter_that_makes_no_sense_is_a_bad_request_that_names_it(query: str) -> None:
    answer = await Kube()("GET", f"{SUBSCRIPTIONS}?{query}")
    assert (answer.status, answer.document["reason"]) == (400, "BadRequest")
    assert query.partition("=")[0] in answer.document["message"]


async def test_a_dry_run_answers_as_the_real_one_and_changes_nothing() -> None:
    kube = Kube()
    assert (await kube("POST", f"{SUBSCRIPTIONS}?dryRun=All", subscription())).status == 201
    assert kube.store.list() == ()
    await kube("POST", SUBSCRIPTIONS, subscription())
    before = kube.store.get(S1)
    body = {"spec": {"delivery": {"retry": 4}}}
    answer = await kube("PATCH", f"{ONE}?dryRun=All", body, sort=MERGE)
    assert answer.document["spec"]["delivery"] == {"retry": 4}
    assert (await kube("DELETE", ONE, {"dryRun": ["All"]})).document["status"] == "Success"
    assert (await kube("DELETE", f"{SUBSCRIPTIONS}?dryRun=All")).status == 200
    assert kube.store.get(S1) == before


async def test_an_object_is_read_and_written_in_each_of_its_versions() -> None:
    kube = Kube()
    path = "/apis/eventing.knative.dev/{}/namespaces/default/eventtypes"
    document = {
        "apiVersion": "eventing.knative.dev/v1beta3",
        "kind": "EventType",
        "metadata": {"name": "e"},
        "spec": {"attributes": ATTRIBUTES},
    }
    assert (await kube("POST", path.format("v1beta3"), document)).document["spec"] == document["spec"]
    older = (await kube("GET", path.format("v1beta2") + "/e")).document
    assert (older["apiVersion"], older["spec"]) == ("eventing.knative.dev/v1beta2", {"type": "t.a", "source": "/s"})
    patched = await kube("PATCH", path.format("v1beta3") + "/e", {"metadata": {"labels": {"a": "b"}}}, sort=MERGE)
    assert (patched.status, patched.document["spec"]) == (200, document["spec"])


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", ONE, "GET, PUT, PATCH, DELETE"),
        ("PUT", SUBSCRIPTIONS, "GET, POST, DELETE"),
        ("DELETE", f"{ONE}/status", "GET, PUT, PATCH"),
        ("POST", "/api/v1/namespaces/default/events", "GET"),
    ],
)
async def test_a_verb_that_is_not_there_is_refused_and_the_others_are_named(method: str, path: str, allow: str) -> None:
    answer = await Kube()(method, path, {})
    assert (answer.status, answer.document["reason"], answer.header("allow")) == (405, "MethodNotAllowed", [allow])


async def test_a_patch_that_names_no_version_is_tried_on_what_others_changed_meanwhile() -> None:
    kube = Kube()
    await kube("POST", SUBSCRIPTIONS, subscription())
    update = kube.store.update
    meddled = []

    async def meddling(resource: object, *, dry_run: bool = False) -> object:
        if not meddled:
            meddled.append(True)
            await kube("PATCH", ONE, {"metadata": {"labels": {"from": "other"}}}, sort=MERGE)
        return await update(resource, dry_run=dry_run)

    kube.store.update = meddling
    answer = await kube("PATCH", ONE, {"spec": {"delivery": {"retry": 4}}}, sort=MERGE)
    assert answer.status == 200
    assert answer.document["metadata"]["labels"] == {"from": "other"}
    assert answer.document["spec"]["delivery"] == {"retry": 4}


async def test_a_body_that_is_longer_than_any_object_is_refused() -> None:
    document = subscription()
    document["metadata"]["annotations"] = {"a": "x" * (3 * 1024 * 1024)}
    answer = await Kube()("POST", SUBSCRIPTIONS, document)
    assert (answer.status, answer.document["reason"]) == (413, "RequestEntityTooLarge")


async def test_what_goes_with_its_owner_goes_from_a_collection_too() -> None:
    kube = Kube()
    owner = (await kube("POST", SUBSCRIPTIONS, subscription("a"))).document["metadata"]
    owned = subscription("b")
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": "messaging.knative.dev/v1", "kind": "Subscription", "name": "a", "uid": owner["uid"]}
    ]
    await kube("POST", SUBSCRIPTIONS, owned)
    assert (await kube("DELETE", SUBSCRIPTIONS)).status == 200
    assert kube.store.list() == ()


async def test_an_orphan_stays_where_its_owner_is_deleted_alone() -> None:
    kube = Kube()
    owner = (await kube("POST", SUBSCRIPTIONS, subscription("a"))).document["metadata"]
    owned = subscription("b")
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": "messaging.knative.dev/v1", "kind": "Subscription", "name": "a", "uid": owner["uid"]}
    ]
    await kube("POST", SUBSCRIPTIONS, owned)
    await kube("DELETE", f"{SUBSCRIPTIONS}/a", {"propagationPolicy": "Orphan"})
    assert [one.metadata.name for one in kube.store.list()] == ["b"]
