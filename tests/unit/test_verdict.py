"""Which answers are retried, how long between attempts, and when it is enough (behaviour §4, cases B26, B27, B34, B36)."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.verdict import DAY_S, Accepted, Refused, RetryIn, RetryPolicy, backoff, judge

TWICE = RetryPolicy(retry=2, backoff="linear", delay_s=0.1)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_accepted(status: int) -> None:
    assert judge(TWICE, 1, status) == Accepted()


@pytest.mark.parametrize("status", [None, 404, 408, 409, 429, 500, 501, 502, 503, 504, 505, 599])
def test_b26_a_retriable_answer_gets_retry_plus_one_attempts(status: int | None) -> None:
    assert [type(judge(TWICE, attempt, status)) for attempt in (1, 2, 3)] == [RetryIn, RetryIn, Refused]


@pytest.mark.parametrize(
    "status", [100, 301, 302, 307, 308, 400, 401, 403, 405, 410, 413, 415, 422, 425, 431, 451, 499, 600]
)
def test_b26_every_other_answer_is_final(status: int) -> None:
    assert judge(TWICE, 1, status) == Refused()


def test_b27_without_retry_there_is_one_attempt() -> None:
    assert judge(RetryPolicy(), 1, 500) == Refused()
    assert judge(RetryPolicy(backoff="linear", delay_s=5), 1, 500) == Refused()


def test_linear_waits_grow_by_the_delay() -> None:
    policy = RetryPolicy(retry=5, backoff="linear", delay_s=0.2)
    assert [backoff(policy, n) for n in (1, 2, 3, 4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_exponential_waits_double_from_twice_the_delay() -> None:
    policy = RetryPolicy(retry=5, delay_s=0.1)
    assert [backoff(policy, n) for n in (1, 2, 5)] == pytest.approx([0.2, 0.4, 3.2])


@given(
    st.integers(1, 10**9),
    st.floats(0, 1e9),
    st.sampled_from(["linear", "exponential"]),
    st.floats(0, 0.999),
)
def test_b36_no_wait_is_negative_or_above_the_cap(attempt: int, delay: float, kind: str, jitter: float) -> None:
    policy = RetryPolicy(retry=10**9 + 1, backoff=kind, delay_s=delay)  # type: ignore[arg-type]
    verdict = judge(policy, attempt, 500, jitter=jitter)
    assert isinstance(verdict, RetryIn)
    assert 0 <= verdict.wait_s <= DAY_S


PATIENT = RetryPolicy(retry=3, backoff="linear", delay_s=0.1, retry_after_max_s=5)
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [
        (429, "2", 2.0),
        (503, formatdate(NOW + 3, usegmt=True), 3.0),
        (429, "3600", 5.0),
        (429, "9" * 400, 5.0),
        (429, "-1", 0.1),
        (429, "soon", 0.1),
        (429, "²", 0.1),
        (500, "4", 0.1),
        (503, formatdate(NOW - 60, usegmt=True), 0.1),
    ],
)
def test_b34_retry_after_counts_on_429_and_503_up_to_its_limit(status: int, header: str, wait: float) -> None:
    verdict = judge(PATIENT, 1, status, retry_after=header, now=NOW)
    assert isinstance(verdict, RetryIn)
    assert verdict.wait_s == pytest.approx(wait)


@pytest.mark.parametrize("limit", [None, 0.0])
def test_retry_after_is_ignored_where_no_limit_allows_it(limit: float | None) -> None:
    policy = RetryPolicy(retry=1, backoff="linear", delay_s=0.1, retry_after_max_s=limit)
    assert judge(policy, 1, 429, retry_after="2") == RetryIn(0.1)


@given(st.text(max_size=40))
def test_no_retry_after_text_does_harm(text: str) -> None:
    verdict = judge(PATIENT, 1, 503, retry_after=text, now=NOW)
    assert isinstance(verdict, RetryIn)
    assert 0.1 <= verdict.wait_s <= 5
