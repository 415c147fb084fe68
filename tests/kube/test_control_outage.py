"""Kafka that is away while its resources are in a real API server (B17), and what is deleted meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import test_outage_cases
from answering import groups, own_kafka, within
from cluster_stack import clustered, named, upon
from kube_server import ApiServer
from raw_http import RawServer, free_port
from test_outage_cases import (  # noqa: F401  collected here once more
    test_b17_kafka_that_comes_after_us_makes_everything_ready_without_a_restart,
    test_b17_while_kafka_is_away_everybody_is_told_and_afterwards_all_goes_on,
)

pytestmark = pytest.mark.kafka
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def in_cluster(kube: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stack a test makes, its resources are in the API server."""
    monkeypatch.setattr(test_outage_cases, "running", upon(kube))


async def test_what_is_deleted_while_kafka_is_away_is_gone_at_once_and_tidied_when_kafka_is_back(
    kube: ApiServer, tmp_path: Path
) -> None:
    """By a controller that never saw it: everything but Kafka's data and the API server begins anew."""
    quick = {"request_timeout_s": 2.0, "ack_timeout_s": 2.0}
    address = f"127.0.0.1:{free_port()}"
    port = int(address.rpartition(":")[2])
    async with AsyncExitStack() as kafkas, RawServer() as subscriber:
        broker = await kafkas.enter_async_context(own_kafka(tmp_path, port))
        system = named("kanal")
        async with clustered(address, kube, system, control={"delete_topics": True}, kafka=quick) as stack:
            topic = await stack.channel()
            await stack.subscription(subscriber.url)
            group, namespace = (await stack.egress()).group, stack.ns
            await broker.stop()
            for kind, name in (("subscription", "s1"), ("channel", "c1")):
                words = (f"{kind}.messaging.knative.dev", name, "-n", namespace, "--timeout=20s")
                await asyncio.to_thread(kube.kubectl, "delete", *words)
        await kafkas.enter_async_context(own_kafka(tmp_path, port))

        async def kept() -> bool:
            return group in await groups(address)

        await within(kept, PATIENCE_S)
        async with clustered(address, kube, system, control={"delete_topics": True}, kafka=quick) as stack:

            async def tidy() -> bool:
                return group not in await groups(address) and await stack.admin.topic(topic) is None

            await within(tidy, PATIENCE_S)
