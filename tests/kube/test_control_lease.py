"""The lease on a real API server: one leads, another one takes over from one that ended or fell silent, and never two at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from cluster_stack import named
from kube_server import ApiServer
from raw_http import until

from controller.cluster.lease import Lease, Terms
from eventing.errors import Unavailable
from eventing.settings import Kubernetes
from eventing.store.kubernetes.client import Client
from eventing.store.kubernetes.connecting import connected

TERMS = Terms(lasts_s=2.0, deadline_s=1.2, retry_s=0.1)
PATIENCE_S = 60.0


@pytest.fixture
async def client(kube: ApiServer) -> AsyncIterator[Client]:
    async with connected(Kubernetes(kubeconfig=str(kube.kubeconfig))) as found:
        yield found


@pytest.fixture
def candidate(client: Client) -> Callable[[str], Lease]:
    name = named("lease")

    def candidate(me: str) -> Lease:
        return Lease(client, "default", name, me, lambda: datetime.now(UTC), time.monotonic, TERMS)

    return candidate


@asynccontextmanager
async def led(lease: Lease) -> AsyncIterator[asyncio.Event]:
    """Somebody who wants to lead, in a task of its own; ends when the event is set."""
    stop = asyncio.Event()

    async def lead() -> None:
        async with lease.leading(stop) as leads:
            if leads:
                await stop.wait()

    task = asyncio.ensure_future(lead())
    try:
        yield stop
    finally:
        stop.set()
        await task


async def test_the_first_leads_and_the_second_begins_when_the_first_has_given_the_lease_back(
    candidate: Callable[[str], Lease],
) -> None:
    a, b = candidate("a"), candidate("b")
    async with led(a) as stop_a:
        await until(lambda: a.held, PATIENCE_S)
        async with led(b):
            await until(lambda: b.holder == "a", PATIENCE_S)
            assert not b.held
            stop_a.set()
            await until(lambda: b.held, PATIENCE_S)
            assert not a.held


async def test_a_lease_of_one_that_fell_silent_is_taken_over_and_whoever_comes_back_ends(
    candidate: Callable[[str], Lease], client: Client
) -> None:
    a, b = candidate("a"), candidate("b")

    async def lead() -> None:
        async with a.leading(asyncio.Event()):
            # As a process that is stopped: nothing of it runs until it is let go on.
            a._terms = Terms(retry_s=3_600.0)
            await until(lambda: b.held, PATIENCE_S)
            await a._renewed()

    task = asyncio.ensure_future(lead())
    await until(lambda: a.held, PATIENCE_S)
    async with led(b):
        await until(lambda: b.held, PATIENCE_S)
        with pytest.raises(Unavailable, match="does not lead any more: b has it"):
            await task
        there = await client.get(a._path)
        assert there["spec"]["holderIdentity"] == "b"
        assert there["spec"]["leaseTransitions"] == 1


async def test_who_can_not_renew_in_time_ends_before_another_one_may_begin(
    kube: ApiServer, candidate: Callable[[str], Lease]
) -> None:
    a = candidate("a")

    async def lead() -> None:
        async with a.leading(asyncio.Event()):
            with kube.away():
                await asyncio.sleep(PATIENCE_S)

    with pytest.raises(Unavailable, match=r"lease default/lease-\w+: .* could not be renewed for 1 s"):
        await lead()
    assert not a.held


async def test_who_is_told_to_stop_while_it_waits_never_leads(candidate: Callable[[str], Lease]) -> None:
    a, b = candidate("a"), candidate("b")
    async with led(a):
        await until(lambda: a.held, PATIENCE_S)
        stop = asyncio.Event()
        stop.set()
        async with b.leading(stop) as leads:
            assert leads is False


async def test_a_lease_that_somebody_deletes_is_made_again(candidate: Callable[[str], Lease], client: Client) -> None:
    a = candidate("a")
    async with led(a):
        await until(lambda: a.held, PATIENCE_S)
        await client.delete(a._path)
        async with asyncio.timeout(PATIENCE_S):
            while (await client.get("/apis/coordination.k8s.io/v1/namespaces/default/leases"))["items"] == []:
                await asyncio.sleep(0.05)
        assert a.held
