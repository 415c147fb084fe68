"""Lists in parts: each part is of the moment of the first, and a client that is too late is told to begin anew."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from kube_stand import SUBSCRIPTIONS, TABLE, Answer, Kube, subscription

from kanal.api.kube import pages


async def filled(count: int = 5) -> Kube:
    kube = Kube()
    for number in range(count):
        assert (await kube("POST", SUBSCRIPTIONS, subscription(f"s{number}"))).status == 201
    return kube


def names(answer: Answer) -> list[str]:
    return [one["metadata"]["name"] for one in answer.document["items"]]


async def next_part(kube: Kube, before: Answer, limit: int) -> Answer:
    token = quote(before.document["metadata"]["continue"])
    return await kube("GET", f"{SUBSCRIPTIONS}?limit={limit}&continue={token}")


async def test_a_list_comes_in_parts_that_are_all_of_one_moment() -> None:
    kube = await filled()
    first = await kube("GET", f"{SUBSCRIPTIONS}?limit=2")
    assert (names(first), first.document["metadata"]["remainingItemCount"]) == (["s0", "s1"], 3)
    await kube("DELETE", f"{SUBSCRIPTIONS}/s3")
    await kube("POST", SUBSCRIPTIONS, subscription("s2a"))
    second = await next_part(kube, first, 2)
    assert names(second) == names(await next_part(kube, first, 2)) == ["s2", "s3"]
    last = await next_part(kube, second, 2)
    assert names(last) == ["s4"]
    versions = {one.document["metadata"]["resourceVersion"] for one in (first, second, last)}
    assert versions == {"5"}
    assert "continue" not in last.document["metadata"]


async def test_a_list_that_fits_into_its_limit_comes_whole() -> None:
    kube = await filled(2)
    whole = await kube("GET", f"{SUBSCRIPTIONS}?limit=2")
    assert (names(whole), set(whole.document["metadata"])) == (["s0", "s1"], {"resourceVersion"})


async def test_a_table_comes_in_parts_too() -> None:
    kube = await filled(3)
    answer = await kube("GET", f"{SUBSCRIPTIONS}?limit=2", accept=TABLE)
    assert len(answer.document["rows"]) == 2
    assert answer.document["metadata"]["continue"]


async def test_the_selection_of_the_first_part_holds_for_all() -> None:
    kube = await filled(3)
    chosen = quote("metadata.name!=s1")
    first = await kube("GET", f"{SUBSCRIPTIONS}?limit=1&fieldSelector={chosen}")
    assert names(first) + names(await next_part(kube, first, 5)) == ["s0", "s2"]


async def test_who_is_too_late_for_the_rest_is_told_to_list_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_KEPT", 1)
    kube = await filled(3)
    first = await kube("GET", f"{SUBSCRIPTIONS}?limit=1")
    await kube("GET", f"{SUBSCRIPTIONS}?limit=1")
    late = await next_part(kube, first, 1)
    assert (late.status, late.document["reason"]) == (410, "Expired")


async def test_a_limit_that_is_no_number_is_refused() -> None:
    answer = await Kube()("GET", f"{SUBSCRIPTIONS}?limit=many")
    assert (answer.status, "limit" in answer.document["message"]) == (400, True)
