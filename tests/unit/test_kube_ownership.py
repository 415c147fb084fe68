"""Stories of server-side apply: alice and bob apply, carol updates."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.errors import Conflict, Invalid
from kanal.api.kube.fieldset import places, unfolded
from kanal.api.kube.keyed import METADATA_KEYS, Keys
from kanal.api.kube.managers import MOST_UPDATES
from kanal.api.kube.ownership import Taken, applied, told, updated

VERSION = "eventing.knative.dev/v1"
KEYS: Keys = {**METADATA_KEYS, ("spec", "ports"): ("port", "protocol"), ("spec", "tags"): ()}
Document = dict[str, Any]


def trigger(spec: Any = None, **metadata: Any) -> Document:
    about = {"apiVersion": VERSION, "kind": "Trigger", "metadata": {"name": "t", "namespace": "default", **metadata}}
    return about if spec is None else {**about, "spec": spec}


class Cluster:
    """One object and those who change it; each change has a time of its own."""

    def __init__(self) -> None:
        self.object: Document | None = None
        self.managed: list[Document] = []
        self._ticks = 0

    def apply(self, manager: str, config: Document, *, force: bool = False, subresource: str = "") -> None:
        self.object, self.managed = applied(
            self.object, self.managed, config, manager=manager, force=force, now=self._now(), keys=KEYS, subresource=subresource
        )  # fmt: skip

    def update(self, manager: str, document: Document, *, subresource: str = "") -> None:
        self.managed = updated(
            self.object, document, self.managed, manager=manager, now=self._now(), keys=KEYS, subresource=subresource
        )
        self.object = document

    def owned(self, manager: str) -> Any:
        """The FieldsV1 of a manager, None where it owns nothing."""
        return next((one["fieldsV1"] for one in self.managed if one["manager"] == manager), None)

    @property
    def spec(self) -> Any:
        assert self.object is not None
        return self.object["spec"]

    def _now(self) -> str:
        self._ticks += 1
        return f"2026-11-26T12:00:{self._ticks:02}Z"


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def test_who_applies_owns_what_is_written_and_nothing_that_the_server_sets(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh", "filter": {"attributes": {"type": "a"}}}, labels={"x": "y"}))
    assert cluster.object == trigger({"broker": "mesh", "filter": {"attributes": {"type": "a"}}}, labels={"x": "y"})
    assert cluster.managed == [
        {
            "manager": "alice",
            "operation": "Apply",
            "apiVersion": VERSION,
            "time": "2026-11-26T12:00:01Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {"f:x": {}}},
                "f:spec": {"f:broker": {}, "f:filter": {"f:attributes": {"f:type": {}}}},
            },
        }
    ]


def test_an_object_without_anything_to_own_has_no_managers(cluster: Cluster) -> None:
    cluster.apply("alice", trigger())
    assert cluster.managed == []


def test_a_second_apply_of_the_same_changes_nothing_not_even_the_time(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh"}))
    before = deepcopy((cluster.object, cluster.managed))
    cluster.apply("alice", trigger({"broker": "mesh"}))
    assert (cluster.object, cluster.managed) == before


def test_a_field_that_is_left_out_goes(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3, "backoffDelay": "PT1S"}}))
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}))
    assert cluster.spec == {"broker": "mesh", "delivery": {"retry": 3}}
    cluster.apply("alice", trigger({"broker": "mesh"}))
    assert cluster.spec == {"broker": "mesh"}
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": None}))
    assert cluster.spec == {"broker": "mesh"}


def test_the_last_label_goes_with_the_map_that_held_it_and_the_name_stays(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh"}, labels={"x": "y"}))
    cluster.apply(
        "alice", {"apiVersion": VERSION, "kind": "Trigger", "metadata": {"name": "t"}, "spec": {"broker": "mesh"}}
    )
    assert cluster.object == trigger({"broker": "mesh"})


def test_a_map_that_goes_takes_along_what_nobody_owns(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}))
    cluster.spec["delivery"]["backoffPolicy"] = "exponential"
    cluster.apply("alice", trigger({"broker": "mesh"}))
    assert cluster.spec == {"broker": "mesh"}


def test_a_field_that_somebody_else_owns_too_stays(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}))
    cluster.apply("bob", trigger({"delivery": {"retry": 3}}))
    cluster.apply("alice", trigger({"broker": "mesh"}))
    assert cluster.spec == {"broker": "mesh", "delivery": {"retry": 3}}
    assert cluster.owned("alice") == {"f:spec": {"f:broker": {}}}
    cluster.apply("bob", trigger({}))
    assert cluster.spec == {"broker": "mesh"}


def test_another_value_of_an_owned_field_is_a_conflict_that_names_field_and_owner(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}, labels={"a.b/c": "1"}))
    before = deepcopy((cluster.object, cluster.managed))
    with pytest.raises(Taken) as caught:
        cluster.apply("bob", trigger({"delivery": {"retry": 4, "backoffDelay": "PT1S"}}, labels={"a.b/c": "2"}))
    assert caught.value.causes == ((".metadata.labels.a.b/c", "alice"), (".spec.delivery.retry", "alice"))
    assert caught.value.message == (
        "2 fields belong to other managers: .metadata.labels.a.b/c: alice (Apply in eventing.knative.dev/v1), "
        ".spec.delivery.retry: alice (Apply in eventing.knative.dev/v1)"
    )
    assert isinstance(caught.value, Conflict)
    assert caught.value.http_status == 409
    assert (cluster.object, cluster.managed) == before


def test_force_takes_the_field_over(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}))
    cluster.apply("bob", trigger({"delivery": {"retry": 4}}), force=True)
    assert cluster.spec == {"broker": "mesh", "delivery": {"retry": 4}}
    assert cluster.owned("alice") == {"f:spec": {"f:broker": {}}}
    cluster.apply("alice", trigger({"broker": "mesh"}))
    assert cluster.spec == {"broker": "mesh", "delivery": {"retry": 4}}


def test_who_updates_owns_what_changed_and_others_lose_it(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}))
    cluster.update("carol", trigger({"broker": "mesh", "delivery": {"retry": 5}}, annotations={"x": "1"}))
    assert cluster.owned("alice") == {"f:spec": {"f:broker": {}}}
    assert cluster.owned("carol") == {
        "f:metadata": {"f:annotations": {".": {}, "f:x": {}}},
        "f:spec": {"f:delivery": {"f:retry": {}}},
    }
    with pytest.raises(Taken, match=r"\.spec\.delivery\.retry: carol \(Update in"):
        cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}))
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 5}}))
    assert cluster.owned("alice") == {"f:spec": {"f:broker": {}, "f:delivery": {"f:retry": {}}}}


def test_what_an_update_takes_away_belongs_to_nobody(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}))
    cluster.update("carol", trigger({"broker": "mesh"}))
    assert [one["manager"] for one in cluster.managed] == ["alice"]
    assert cluster.owned("alice") == {"f:spec": {"f:broker": {}}}


def test_who_creates_owns_everything_with_the_maps_that_hold_it(cluster: Cluster) -> None:
    cluster.update("kubectl-create", trigger({"broker": "mesh"}, uid="7", generation=1, labels={"x": "y"}))
    assert cluster.owned("kubectl-create") == {
        "f:metadata": {"f:labels": {".": {}, "f:x": {}}},
        "f:spec": {".": {}, "f:broker": {}},
    }


def test_an_update_that_changes_nothing_owns_nothing_and_keeps_times(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh"}))
    before = deepcopy(cluster.managed)
    cluster.update("carol", trigger({"broker": "mesh"}, resourceVersion="9"))
    assert cluster.managed == before


def test_the_same_name_owns_apart_what_it_applies_and_what_it_updates(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}))
    cluster.update("alice", trigger({"broker": "mesh", "delivery": {"retry": 4}}))
    assert [(one["manager"], one["operation"]) for one in cluster.managed] == [("alice", "Apply"), ("alice", "Update")]
    with pytest.raises(Taken):
        cluster.apply("alice", trigger({"broker": "mesh", "delivery": {"retry": 3}}))


def test_the_first_apply_to_an_object_without_owners_meets_what_was_there_before(cluster: Cluster) -> None:
    cluster.object = trigger({"broker": "mesh", "delivery": {"retry": 3}})
    cluster.update("carol", trigger({"broker": "mesh", "delivery": {"retry": 4}}))
    assert cluster.managed == []
    with pytest.raises(Taken, match=r"\.spec\.delivery\.retry: before-first-apply"):
        cluster.apply("alice", trigger({"delivery": {"retry": 5}}))
    cluster.apply("alice", trigger({"broker": "mesh"}))
    cluster.apply("alice", trigger({}))
    assert cluster.spec == {"broker": "mesh", "delivery": {"retry": 4}}


def test_the_status_has_owners_of_its_own(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh"}) | {"status": {"x": 1}})
    assert cluster.object == trigger({"broker": "mesh"})
    cluster.update("controller", trigger({"broker": "no"}) | {"status": {"ready": "True"}}, subresource="status")
    assert cluster.managed[1]["subresource"] == "status"
    assert cluster.owned("controller") == {"f:status": {".": {}, "f:ready": {}}}
    assert cluster.owned("alice") == {"f:spec": {"f:broker": {}}}


def test_an_applied_status_leaves_the_spec_alone(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh"}))
    cluster.apply("alice", trigger({"broker": "other"}) | {"status": {"ready": "True"}}, subresource="status")
    assert cluster.object == trigger({"broker": "mesh"}) | {"status": {"ready": "True"}}
    assert [one.get("subresource") for one in cluster.managed] == [None, "status"]
    cluster.apply("alice", trigger({"broker": "mesh"}))
    assert cluster.object == trigger({"broker": "mesh"}) | {"status": {"ready": "True"}}


def test_a_list_without_keys_has_one_owner(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"filters": [{"exact": {"type": "a"}}]}))
    assert cluster.owned("alice") == {"f:spec": {"f:filters": {}}}
    with pytest.raises(Taken, match=r"^1 field belongs to other managers: \.spec\.filters: alice"):
        cluster.apply("bob", trigger({"filters": [{"exact": {"type": "a"}}, {"exact": {"type": "b"}}]}))


def test_a_value_can_not_stand_where_anothers_map_is(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"delivery": {"retry": 3}}))
    with pytest.raises(Taken, match=r"\.spec\.delivery\.retry: alice"):
        cluster.apply("bob", trigger({"delivery": "soon"}))
    cluster.apply("bob", trigger({"delivery": "soon"}), force=True)
    assert cluster.owned("alice") is None
    with pytest.raises(Taken, match=r"\.spec\.delivery: bob"):
        cluster.apply("alice", trigger({"delivery": {"retry": 3}}))


def test_two_managers_share_a_keyed_list_item_by_item(cluster: Cluster) -> None:
    http, dns = {"port": 80, "protocol": "TCP", "name": "http"}, {"port": 53, "protocol": "UDP", "name": "dns"}
    cluster.apply("alice", trigger({"ports": [http]}))
    assert cluster.owned("alice") == {
        "f:spec": {
            "f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}}}
        }
    }
    cluster.apply("bob", trigger({"ports": [dns]}))
    assert cluster.spec == {"ports": [http, dns]}
    with pytest.raises(Taken, match=r'\.spec\.ports\[port=80,protocol="TCP"\]\.name: alice'):
        cluster.apply("bob", trigger({"ports": [dns, {**http, "name": "web"}]}))
    cluster.apply("bob", trigger({"ports": [dns, http]}))
    assert cluster.spec == {"ports": [dns, http]}
    cluster.apply("alice", trigger({}))
    cluster.apply("bob", trigger({"ports": [http]}))
    assert cluster.spec == {"ports": [http]}


def test_an_item_goes_with_its_owner_though_somebody_changed_a_field_of_it(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"x": 1, "ports": [{"port": 80, "protocol": "TCP"}]}))
    cluster.update("carol", trigger({"x": 1, "ports": [{"port": 80, "protocol": "TCP", "name": "web"}]}))
    cluster.apply("alice", trigger({"x": 1}))
    assert cluster.spec == {"x": 1, "ports": []}
    assert cluster.owned("carol") is None


def test_a_set_of_plain_values_is_shared_value_by_value(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({}, finalizers=["alice.dev/x"]))
    assert cluster.owned("alice") == {"f:metadata": {"f:finalizers": {'v:"alice.dev/x"': {}}}, "f:spec": {}}
    cluster.apply("bob", trigger({}, finalizers=["bob.dev/y", "alice.dev/x"]))
    cluster.apply("alice", trigger({}))
    cluster.apply("bob", trigger({}, finalizers=["bob.dev/y"]))
    assert cluster.object == trigger({}, finalizers=["bob.dev/y"])


def test_owner_references_are_told_apart_by_uid(cluster: Cluster) -> None:
    one, other = ({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": name * 3} for name in "ab")
    cluster.apply("alice", trigger({}, ownerReferences=[one]))
    cluster.apply("bob", trigger({}, ownerReferences=[other]))
    assert cluster.object == trigger({}, ownerReferences=[one, other])


def test_the_order_of_the_configuration_holds_and_others_stay_as_near_to_their_place_as_that_allows(
    cluster: Cluster,
) -> None:
    cluster.apply("bob", trigger({"tags": ["x", "b", "y", "a", "z"]}))
    cluster.apply("alice", trigger({"tags": ["a", "n", "b"]}))
    assert cluster.spec["tags"] == ["x", "y", "a", "z", "n", "b"]


def test_a_manager_that_applies_another_version_has_one_entry_still(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh"}))
    cluster.apply("alice", trigger({"broker": "mesh"}) | {"apiVersion": "eventing.knative.dev/v2"})
    assert [one["apiVersion"] for one in cluster.managed] == ["eventing.knative.dev/v2"]


def test_the_oldest_updates_are_put_together_once_there_are_many(cluster: Cluster) -> None:
    cluster.apply("alice", trigger({"broker": "mesh"}))
    spec = {"broker": "mesh"}
    for number in range(MOST_UPDATES + 5):
        spec = {**spec, f"field{number}": "x"}
        cluster.update(f"editor-{number}", trigger(spec))
    updates = [one["manager"] for one in cluster.managed if one["operation"] == "Update"]
    assert len(updates) == MOST_UPDATES
    assert (updates[0], updates[-1]) == ("ancient-changes", f"editor-{MOST_UPDATES + 4}")
    assert cluster.owned("ancient-changes") == {"f:spec": {f"f:field{n}": {} for n in range(6)}}


def test_a_default_that_is_spelt_out_is_shared_like_any_value() -> None:
    def settled(document: Document) -> Document:
        spec = {name: value for name, value in document["spec"].items() if (name, value) != ("keep", "7d")}
        return {**document, "spec": spec}

    def apply(live: Document | None, managed: Any, manager: str, keep: str, now: str) -> tuple[Document, Any]:
        found, managed = applied(
            live, managed, trigger({"x": 1, "keep": keep}), manager=manager, force=False, now=now, settled=settled
        )
        return settled(found), managed

    live, managed = apply(None, [], "alice", "7d", "1")
    assert apply(live, managed, "alice", "7d", "2") == (live, managed)
    shared, both = apply(live, managed, "bob", "7d", "2")
    assert [one["manager"] for one in both] == ["alice", "bob"]
    with pytest.raises(Taken, match=r"\.spec\.keep: bob"):
        apply(shared, both, "alice", "9d", "3")
    longer, managed = apply(None, [], "alice", "9d", "1")
    with pytest.raises(Taken, match=r"\.spec\.keep: alice"):
        apply(longer, managed, "bob", "7d", "2")


@pytest.mark.parametrize(
    ("config", "manager", "message"),
    [
        (trigger({}, managedFields=[{"manager": "x"}]), "alice", "can't say who owns"),
        (trigger({}), "", "1 to 128 printable"),
        (trigger({}), "x" * 129, "1 to 128 printable"),
        (trigger({}), "a\nb", "1 to 128 printable"),
        (trigger({"ports": [{"port": 80}]}), "alice", "spec.ports: each item of the list needs a port and a protocol"),
        (trigger({"tags": ["a", "a"]}), "alice", "spec.tags: each item of the list needs"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    cluster: Cluster, config: Any, manager: str, message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        cluster.apply(manager, config)


def test_a_list_whose_items_can_not_be_told_apart_is_replaced_by_one_that_can(cluster: Cluster) -> None:
    cluster.update("carol", trigger({"tags": ["a", "a"]}))
    cluster.apply("alice", trigger({"tags": ["a", "b"]}), force=True)
    assert cluster.spec == {"tags": ["a", "b"]}
    assert cluster.owned("alice") == {"f:spec": {"f:tags": {'v:"a"': {}, 'v:"b"': {}}}}


def test_a_client_may_hand_over_fields_itself_take_all_notes_away_or_say_nothing() -> None:
    cluster = Cluster()
    cluster.apply("alice", trigger({"broker": "mesh"}))
    handed = [cluster.managed[0] | {"manager": "bob"}]
    assert told(cluster.managed, handed) == handed
    assert told(cluster.managed, [{}]) == []
    for nothing in (None, [], [{"manager": "x"}], [{**handed[0], "fieldsV1": {"broken": {}}}], "text", [1]):
        assert told(cluster.managed, nothing) == cluster.managed


def test_notes_that_can_not_be_read_are_no_notes(cluster: Cluster) -> None:
    cluster.object, cluster.managed = trigger({"broker": "mesh"}), [{}]
    cluster.apply("alice", trigger({"broker": "mesh"}))
    assert [one["manager"] for one in cluster.managed] == ["alice", "before-first-apply"]


NAMES = st.sampled_from("abc")
SPECS = st.recursive(
    st.integers(0, 2) | st.lists(st.integers(0, 1), max_size=2), lambda inner: st.dictionaries(NAMES, inner, max_size=3)
).filter(lambda value: isinstance(value, dict))
PORTS = st.lists(
    st.fixed_dictionaries(
        {"port": st.integers(1, 3), "protocol": st.sampled_from(["TCP", "UDP"])},
        optional={"name": st.sampled_from("xy")},
    ),
    max_size=3,
    unique_by=lambda one: (one["port"], one["protocol"]),
)
CONFIGS = st.builds(
    lambda spec, more, labels: trigger({**spec, **more}, labels=labels),
    SPECS,
    st.fixed_dictionaries({}, optional={"ports": PORTS, "tags": st.lists(NAMES, max_size=3, unique=True)}),
    st.dictionaries(NAMES, st.sampled_from("12")),
)
STEPS = st.lists(st.tuples(st.sampled_from(["alice", "bob", "carol"]), CONFIGS), min_size=1, max_size=6)


@given(STEPS)
def test_whoever_applies_last_with_force_finds_it_as_applied_and_every_note_is_of_something_there(steps: Any) -> None:
    cluster = Cluster()
    for manager, config in steps:
        kept = deepcopy((cluster.object, cluster.managed, config))
        objects = (cluster.object, cluster.managed)
        if manager == "carol" and cluster.object is not None:
            cluster.update(manager, config)
            assert cluster.object == config
        else:
            cluster.apply(manager, config, force=True)
            there = places(cluster.object, KEYS)
            for field, place in places(config, KEYS).items():
                assert field in there
                assert not place.is_own or there[field].value == place.value
        assert (*objects, config) == kept
        there = places(cluster.object, KEYS)
        for entry in cluster.managed:
            assert unfolded(entry["fieldsV1"]) <= there.keys()


@given(STEPS)
def test_without_force_nobody_changes_what_belongs_to_another(steps: Any) -> None:
    cluster = Cluster()
    for manager, config in steps:
        before, owners = places(cluster.object or {}, KEYS), cluster.managed
        try:
            cluster.apply(manager, config)
        except Taken:
            continue
        there = places(cluster.object, KEYS)
        for entry in owners:
            if entry["manager"] != manager:
                for field in unfolded(entry["fieldsV1"]):
                    assert there[field].value == before[field].value


@given(CONFIGS, CONFIGS)
def test_who_applies_and_then_nothing_leaves_every_value_as_it_was(base: Any, config: Any) -> None:
    cluster = Cluster()
    cluster.apply("bob", base)
    before = values_of(cluster.object)
    try:
        cluster.apply("alice", config)
    except Taken:
        return
    cluster.apply("alice", trigger({}))
    assert values_of(cluster.object) == before


def values_of(document: Any) -> Any:
    """Every value by its path; empty lists are none."""
    found = {field: place.value for field, place in places(document, KEYS).items()}
    return {field: value for field, value in found.items() if isinstance(value, int | str | list) and value != []}
