"""What the answer to one attempt means: finished, try again after a wait, or give up.

A pure function of the answer, the attempt and the policy, so that every rule of retrying is one table in the tests.
The rules are Knative's Kafka data plane's (behaviour §4), `Retry-After` and a cap on the wait added (architecture,
"Decisions").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

Backoff = Literal["linear", "exponential"]
DAY_S = 86_400.0
RETRIED = frozenset({404, 408, 409, 429})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently one egress delivers; all times in seconds."""

    retry: int = 0
    backoff: Backoff = "exponential"
    delay_s: float = 0.2
    timeout_s: float = 600.0
    retry_after_max_s: float | None = None
    longest_wait_s: float = DAY_S


@dataclass(frozen=True, slots=True)
class Accepted:
    """The target took the event (any 2xx)."""


@dataclass(frozen=True, slots=True)
class RetryIn:
    """Try again after this many seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class Refused:
    """No further attempt: the answer is final, or the attempts are used up."""


Verdict = Accepted | RetryIn | Refused


def judge(
    policy: RetryPolicy,
    attempt: int,
    status: int | None,
    *,
    retry_after: str | None = None,
    now: float = 0.0,
    jitter: float = 0.0,
) -> Verdict:
    """Judge the answer to attempt number `attempt` (from 1).

    `status` is None where no HTTP answer came (connection, DNS, time-out). `now` is Unix time in seconds, for a
    `Retry-After` that names a date. `jitter` in [0, 1) adds up to that share of the backoff.
    """
    if status is not None and 200 <= status < 300:
        return Accepted()
    retriable = status is None or status in RETRIED or 500 <= status < 600
    if not retriable or attempt > policy.retry:
        return Refused()
    wait = backoff(policy, attempt) * (1.0 + jitter)
    if status in (429, 503) and retry_after is not None and policy.retry_after_max_s:
        wait = max(wait, min(_seconds(retry_after, now), policy.retry_after_max_s))
    return RetryIn(min(wait, policy.longest_wait_s))


def backoff(policy: RetryPolicy, attempt: int) -> float:
    """The wait before retry `attempt` (from 1): d·n linear, d·2ⁿ exponential, never above the cap, in seconds."""
    if policy.backoff == "linear":
        return min(policy.delay_s * attempt, policy.longest_wait_s)
    try:
        return min(math.ldexp(policy.delay_s, attempt), policy.longest_wait_s)
    except OverflowError:
        return policy.longest_wait_s


def _seconds(retry_after: str, now: float) -> float:
    """The wait that a Retry-After header asks for (RFC 9110 §10.2.3), 0 where it makes no sense."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return 0.0
