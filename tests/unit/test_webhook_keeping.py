"""The webhook's certificate is kept where all replicas find it, and written wherever an API server looks for it."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import pytest
from raw_http import until
from structlog.testing import capture_logs
from webhook_stand import NOON, MemoryApi

from eventing.errors import Denied, Unavailable
from eventing.kinds.crd import ConversionWebhook, crd
from eventing.kinds.eventtype import EventType
from kanal.webhook.certificates import LIFE, Certificate, made, names_of, read
from kanal.webhook.configurations import DEFAULTING, VALIDATION, configurations
from kanal.webhook.keeping import SECRET, Keeper, Place

PLACE = Place(namespace="ns", domain="cluster.local", converts=True)
SECRETS = "/api/v1/namespaces/ns/secrets"
CERTIFICATE = f"{SECRETS}/{SECRET}"
MUTATING = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{DEFAULTING}"
VALIDATING = f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{VALIDATION}"
DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/eventtypes.eventing.knative.dev"


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> Any:
        return self.now


class Replica:
    """A keeper, and what its server would show."""

    def __init__(self, api: MemoryApi, clock: Clock, place: Place = PLACE) -> None:
        self.shown: list[Certificate] = []
        self.keeper = Keeper(api, place, clock, self.shown.append, interval_s=0.001)

    async def round(self) -> Certificate:
        await self.keeper.round()
        return self.shown[-1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api() -> MemoryApi:
    """A cluster to which the chart has been applied."""
    found = MemoryApi()
    apply_chart(found)
    return found


def apply_chart(api: MemoryApi, namespace: str = "ns") -> None:
    changes, checks = configurations(namespace=namespace)
    api.put_in(MUTATING, changes)
    api.put_in(VALIDATING, checks)
    api.put_in(DEFINITION, crd(EventType, ConversionWebhook(namespace=namespace, name="kanal-webhook")))


def trusted(api: MemoryApi) -> set[bytes]:
    """The bundles in all places."""
    clients = [api.found[path]["webhooks"][0]["clientConfig"] for path in (MUTATING, VALIDATING)]
    clients.append(api.found[DEFINITION]["spec"]["conversion"]["webhook"]["clientConfig"])
    return {base64.b64decode(one.get("caBundle", "")) for one in clients}


def stored(api: MemoryApi) -> Certificate | None:
    data = api.found[CERTIFICATE].get("data") or {}
    return read({name: base64.b64decode(text) for name, text in data.items()})


async def test_the_first_one_makes_a_certificate_and_everything_trusts_it(api: MemoryApi, clock: Clock) -> None:
    replica = Replica(api, clock)
    certificate = await replica.round()
    assert certificate == stored(api)
    assert certificate.names == set(names_of("kanal-webhook", "ns", "cluster.local"))
    assert trusted(api) == {certificate.authorities}
    assert api.found[CERTIFICATE]["type"] == "kubernetes.io/tls"
    assert (replica.keeper.serving.is_set(), replica.keeper.trusted) == (True, True)


async def test_a_round_in_which_nothing_is_to_be_done_writes_nothing(api: MemoryApi, clock: Clock) -> None:
    replica = Replica(api, clock)
    await replica.round()
    before = len(api.written())
    await replica.round()
    assert len(api.written()) == before
    assert len(replica.shown) == 1


async def test_replicas_that_start_together_agree(api: MemoryApi, clock: Clock) -> None:
    replicas = [Replica(api, clock) for _ in range(5)]
    shown = await asyncio.gather(*(one.round() for one in replicas))
    assert {one.chain for one in shown} == {stored(api).chain}  # type: ignore[union-attr]


async def test_who_comes_second_at_making_it_takes_that_of_the_first(api: MemoryApi, clock: Clock) -> None:
    first, second = Replica(api, clock), Replica(api, clock)
    get = api.get

    async def beaten(path: str) -> Any:
        api.get = get  # type: ignore[method-assign]
        try:
            return await get(path)
        finally:
            await first.round()

    api.get = beaten  # type: ignore[method-assign]
    assert await second.round() == first.shown[-1]
    assert api.written().count(CERTIFICATE) == 2, "the second one has tried"


async def test_an_empty_secret_that_the_chart_brought_is_filled(api: MemoryApi, clock: Clock) -> None:
    api.put_in(CERTIFICATE, {"metadata": {"name": SECRET, "labels": {"a": "b"}}, "type": "Opaque"})
    assert await Replica(api, clock).round() == stored(api)
    there = api.found[CERTIFICATE]
    assert (there["type"], there["metadata"]["labels"]) == ("Opaque", {"a": "b"})


@pytest.mark.parametrize("text", ["", "!", "eA==", None, 5])
async def test_a_secret_that_is_spoilt_is_made_anew(api: MemoryApi, clock: Clock, text: Any) -> None:
    replica = Replica(api, clock)
    first = await replica.round()
    api.found[CERTIFICATE]["data"]["tls.key"] = text
    await replica.round()
    again = await replica.round()
    assert again != first
    assert again == stored(api)


async def test_what_a_chart_that_is_applied_anew_emptied_is_written_again(api: MemoryApi, clock: Clock) -> None:
    replica = Replica(api, clock)
    certificate = await replica.round()
    apply_chart(api)
    assert trusted(api) == {b""}
    await replica.round()
    assert trusted(api) == {certificate.authorities}
    assert len(replica.shown) == 1


async def test_the_next_certificate_is_trusted_everywhere_a_round_before_it_is_shown(
    api: MemoryApi, clock: Clock
) -> None:
    one, other = Replica(api, clock), Replica(api, clock)
    first = await one.round()
    assert await other.round() == first
    clock.now = NOON + LIFE * 0.7
    assert await one.round() == first, "the API server may not have heard of the next one"
    following = stored(api)
    assert following is not None
    assert following != first
    assert trusted(api) == {following.authorities}
    assert first.authorities in following.authorities, "whoever still shows the first one is trusted"
    assert await other.round() == first
    assert await one.round() == following
    assert await other.round() == following


async def test_a_certificate_that_is_over_is_not_shown_for_another_round(api: MemoryApi, clock: Clock) -> None:
    replica = Replica(api, clock)
    first = await replica.round()
    clock.now = NOON + LIFE + timedelta(days=1)
    again = await replica.round()
    assert again.ends > clock.now > first.ends
    assert first.authorities not in again.authorities


async def test_deleting_the_secret_rotates_the_certificate_and_nobody_notices(api: MemoryApi, clock: Clock) -> None:
    replica = Replica(api, clock)
    first = await replica.round()
    del api.found[CERTIFICATE]
    assert await replica.round() == first
    [bundle] = trusted(api)
    assert first.authorities in bundle
    assert (await replica.round()).chain != first.chain


async def test_a_namespace_of_another_name_gets_a_certificate_of_its_own(api: MemoryApi, clock: Clock) -> None:
    api.found[CERTIFICATE] = {"metadata": {"name": SECRET, "resourceVersion": "1"}, "data": {}}
    other = made(names_of("kanal-webhook", "elsewhere", "cluster.local"), NOON)
    api.found[CERTIFICATE]["data"] = {name: base64.b64encode(part).decode() for name, part in other.data().items()}
    assert "kanal-webhook.ns.svc" in (await Replica(api, clock).round()).names


async def test_places_that_ask_somebody_else_are_left_alone(api: MemoryApi, clock: Clock) -> None:
    apply_chart(api, namespace="first-release")
    with capture_logs() as logs:
        await Replica(api, clock).round()
    assert trusted(api) == {b""}
    assert f"{DEFAULTING} asks the Service first-release/kanal-webhook" in logs[1]["event"]


async def test_beside_knatives_core_its_definitions_are_left_alone(api: MemoryApi, clock: Clock) -> None:
    await Replica(api, clock, Place(namespace="ns", domain="cluster.local", converts=False)).round()
    assert DEFINITION not in [path for _, path in api.calls]


async def test_a_definition_that_needs_no_conversion_is_left_as_it_is(api: MemoryApi, clock: Clock) -> None:
    api.put_in(DEFINITION, crd(EventType))
    await Replica(api, clock).round()
    assert api.found[DEFINITION]["spec"]["conversion"] == {"strategy": "None"}


async def test_what_is_not_there_is_told_once_and_holds_up_nothing(clock: Clock) -> None:
    api = MemoryApi()
    replica = Replica(api, clock)
    with capture_logs() as logs:
        task = asyncio.ensure_future(replica.keeper.run())
        await until(lambda: len(api.calls) > 20)
        task.cancel()
    told = [one["event"] for one in logs if one["log_level"] == "warning"]
    assert len(told) == 3
    assert f"there is no {DEFAULTING}, so nobody asks; apply the chart" in told
    assert replica.keeper.trusted


async def test_what_helm_makes_only_after_the_pod_is_trusted_long_before_the_next_round(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kanal.webhook.keeping._AGAIN_S", 0.001)
    api, shown = MemoryApi(), list[Certificate]()
    keeper = Keeper(api, PLACE, clock, shown.append, interval_s=3_600)
    task = asyncio.ensure_future(keeper.run())
    await until(lambda: keeper.trusted)
    apply_chart(api)
    await until(lambda: trusted(api) == {shown[0].authorities})
    task.cancel()


async def test_a_place_that_may_not_be_written_holds_up_no_other(api: MemoryApi, clock: Clock) -> None:
    api.fails[MUTATING] = Denied("forbidden", where=DEFAULTING, fix="grant the verb get")
    replica = Replica(api, clock)
    with pytest.raises(Denied):
        await replica.round()
    assert len(replica.shown) == 1
    assert not replica.keeper.trusted
    assert len(trusted(api)) == 2


async def test_without_an_api_server_it_tries_on_and_says_so_once(api: MemoryApi, clock: Clock) -> None:
    api.fails["/"] = Unavailable("it does not answer", where="API server", fix="check the address")
    replica = Replica(api, clock)
    with capture_logs() as logs:
        task = asyncio.ensure_future(replica.keeper.run())
        await until(lambda: len(api.calls) > 5)
        assert not replica.keeper.serving.is_set()
        api.fails.clear()
        await until(lambda: replica.keeper.trusted)
        task.cancel()
    said = [one["event"] for one in logs if one["log_level"] == "warning"]
    assert said == ["API server: it does not answer; check the address"]
