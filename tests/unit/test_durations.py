import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventing.errors import Invalid
from eventing.kinds.durations import format_duration, seconds

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT0.2S", 0.2),
        ("PT0,2S", 0.2),
        ("PT.5S", 0.5),
        ("PT1S", 1),
        ("PT1H30M", 5400),
        ("PT1M0.25S", 60.25),
        ("P1D", DAY),
        ("P1W", 7 * DAY),
        ("P1DT12H", 1.5 * DAY),
        ("PT168H", 7 * DAY),
        ("P1Y", 365.2425 * DAY),
        ("P12M", 365.2425 * DAY),
        ("P0.5D", DAY / 2),
        ("-PT1S", -1),
        ("+PT1S", 1),
        ("PT0S", 0),
        ("P0", 0),
        ("P1D1Y", 366.2425 * DAY),
    ],
)
def test_durations_that_knative_takes_are_seconds(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("5s", "PT5S"),
        ("5 seconds", "PT5S"),
        ("30", "PT30S"),
        ("100ms", "PT0.1S"),
        ("1m30s", "PT1M30S"),
        ("1.5 hours", "PT1H30M"),
        ("2 days", "PT48H"),
        ("pt5s", "PT5S"),
        ("P5S", "PT5S"),
        ("PT", "PT5S"),
        ("P", "PT5S"),
        ("", "PT5S"),
        ("PT5", "PT5S"),
        ("PT1.5H30M", "PT5S"),
        ("PT1H1H", "PT5S"),
        ("P1H", "PT1H"),
        ("PT1Y", "PT5S"),
        ("PT1HT1S", "PT5S"),
        ("PT1..5S", "PT5S"),
        ("PT٣S", "PT5S"),
        ("PT1S\n", "PT1S"),
    ],
)
def test_another_text_is_refused_with_the_duration_that_was_likely_meant(text: str, fix: str) -> None:
    with pytest.raises(Invalid) as caught:
        seconds(text)
    assert caught.value.fix == f"write for instance {fix}"
    seconds(fix)


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(0, "PT0S"), (604_800, "PT168H"), (90_061.5, "PT25H1M1.5S"), (0.2, "PT0.2S"), (-5, "-PT5S"), (60, "PT1M")],
)
def test_seconds_are_printed_as_hours_minutes_and_seconds(time_s: float, text: str) -> None:
    assert format_duration(time_s) == text


@given(st.floats(-1e9, 1e9))
def test_what_is_printed_is_read_back_to_the_nanosecond(time_s: float) -> None:
    assert math.isclose(seconds(format_duration(time_s)), time_s, rel_tol=1e-12, abs_tol=1e-9)


@given(st.one_of(st.text(), st.text("PTYMWDHS0123456789.,+-sm ", max_size=30)))
def test_any_text_is_a_finite_number_of_seconds_or_invalid(text: str) -> None:
    with suppress(Invalid):
        assert math.isfinite(seconds(text))
