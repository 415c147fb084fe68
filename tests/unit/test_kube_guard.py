"""Only who has the token is let in; what shows no more than that the server runs is open."""

from __future__ import annotations

import pytest
from kube_stand import MESSAGING, SUBSCRIPTIONS, TOKEN, Kube, subscription

CHANNELS = f"{MESSAGING}/channels"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/version", "/metrics"])
async def test_probes_the_version_and_metrics_are_open(path: str) -> None:
    assert (await Kube()("GET", path, authorization="")).status == 200


@pytest.mark.parametrize("path", [CHANNELS, "/api", "/apis", "/openapi/v3", "/operations/v1/jobs", "/nowhere"])
@pytest.mark.parametrize("authorization", ["", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
async def test_everything_else_wants_the_token(path: str, authorization: str) -> None:
    answer = await Kube()("GET", path, authorization=authorization)
    assert (answer.status, answer.document["kind"], answer.document["reason"]) == (401, "Status", "Unauthorized")


async def test_without_the_token_nothing_is_written() -> None:
    kube = Kube()
    assert (await kube("POST", SUBSCRIPTIONS, subscription(), authorization="")).status == 401
    assert kube.store.list() == ()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_token_opens(scheme: str) -> None:
    assert (await Kube()("GET", CHANNELS, authorization=f"{scheme} {TOKEN}")).status == 200


async def test_the_token_may_begin_the_path_because_kubectl_shows_none_without_tls() -> None:
    kube = Kube()
    assert (await kube("GET", f"/token/{TOKEN}{CHANNELS}", authorization="")).document["kind"] == "ChannelList"
    assert (await kube("GET", f"/token/{TOKEN}/version", authorization="")).status == 200
    assert (await kube("GET", f"/token/wrong{CHANNELS}", authorization="")).status == 401
    assert (await kube("GET", f"/token/wrong{CHANNELS}")).status == 401
    assert (await kube("GET", "/token/wrong/version", authorization="")).status == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_an_api_without_a_token_changes_nothing(method: str) -> None:
    kube = Kube(token="")
    path = SUBSCRIPTIONS if method == "POST" else f"{SUBSCRIPTIONS}/s1"
    answer = await kube(method, path, subscription(), authorization="")
    assert (answer.status, answer.header("allow")) == (405, ["GET"])
    assert kube.store.list() == ()
    assert (await kube("GET", SUBSCRIPTIONS, authorization="")).status == 200
