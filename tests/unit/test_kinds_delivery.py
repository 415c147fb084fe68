from typing import Any

import pytest
from kind_documents import faults, subscription

from eventing.kinds.delivery import DeliverySpec
from eventing.verdict import RetryPolicy


def policy(**fields: Any) -> RetryPolicy:
    return DeliverySpec.model_validate(fields).to_policy(default_timeout_s=600, longest_wait_s=86_400)


def test_nothing_set_is_one_attempt_with_the_default_time_out() -> None:
    assert policy() == RetryPolicy(retry=0, backoff="exponential", delay_s=0.2, timeout_s=600, retry_after_max_s=None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"backoffPolicy": "linear"}, ("linear", 0.2)),
        ({"backoffDelay": "PT1S"}, ("exponential", 1)),
        ({"backoffPolicy": "linear", "backoffDelay": "PT0.5S"}, ("linear", 0.5)),
        ({"backoffDelay": "-PT1S"}, ("exponential", 1)),
    ],
)
def test_a_policy_or_a_delay_alone_is_completed_with_knatives_kafka_defaults(
    fields: dict[str, Any], expected: object
) -> None:
    made = policy(retry=3, **fields)
    assert (made.backoff, made.delay_s) == expected
    assert made.retry == 3


def test_time_out_and_retry_after_are_seconds_and_pt0s_turns_retry_after_off() -> None:
    assert policy(timeout="PT10M").timeout_s == 600
    assert policy(retryAfterMax="PT2S").retry_after_max_s == 2
    assert policy(retryAfterMax="PT0S").retry_after_max_s == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"retry": -1}, "retry: -1 is less than 0, the least that works"),
        ({"retry": "3"}, 'retry: a whole number is needed, not the text "3"; write 3, without quotes'),
        ({"retry": 3.0}, "retry: a whole number is needed, not 3.0; write 3"),
        ({"retry": 1.5}, "retry: a whole number is needed, not 1.5"),
        ({"retry": True}, "retry: a whole number is needed, not true"),
        (
            {"timeout": "PT0S"},
            'timeout: "PT0S" leaves no time at all; write for instance PT30S, or leave the field out',
        ),
        (
            {"timeout": "-PT1S"},
            'timeout: "-PT1S" leaves no time at all; write for instance PT30S, or leave the field out',
        ),
        ({"timeout": 5}, "timeout: 5 is no ISO-8601 duration; write for instance PT5S"),
        ({"timeout": {}}, "timeout: text is needed, not a mapping"),
        (
            {"retryAfterMax": "-PT1S"},
            'retryAfterMax: "-PT1S" is negative; write PT0S to ignore Retry-After, or a time above it',
        ),
        ({"backoffDelay": "5 seconds"}, 'backoffDelay: "5 seconds" is no ISO-8601 duration; write for instance PT5S'),
        ({"backoffPolicy": "lineer"}, 'backoffPolicy: "lineer" is not known here; did you mean linear?'),
        ({"backoffPolicy": "x"}, 'backoffPolicy: "x" is not known here; write linear or exponential'),
        ({"format": "xml"}, 'format: "xml" is not known here; write json or binary'),
        ({"backofDelay": "PT1S"}, "backofDelay: there is no such field; did you mean backoffDelay?"),
        ({"dead_letter_sink": {}}, "dead_letter_sink: there is no such field; did you mean deadLetterSink?"),
        ({"deadLetterSink": {"uri": "ftp://h"}}, "deadLetterSink.uri: events go over http or https, not ftp; write an"),
    ],
)
def test_a_wrong_option_names_its_field_and_its_fix(fields: dict[str, Any], message: str) -> None:
    (found,) = faults(subscription(delivery=fields))
    assert found.startswith(f"spec.delivery.{message}")


def test_every_wrong_option_is_told_at_once() -> None:
    found = faults(subscription(delivery={"retry": -1, "timeout": "1", "format": "x", "y": 1}, reply={"uri": "/x"}))
    assert len(found) == 5
