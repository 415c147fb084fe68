import pytest

from eventing.kinds.condition import READY, TRUE, Condition, Fact, condition_set, ready

BAD = Fact("False", "TopicMissing", "the topic is not there")
WAITING = Fact("Unknown", "Waiting", "not looked at yet")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"A": TRUE, "B": TRUE}, TRUE),
        ({"A": WAITING, "B": BAD}, BAD),
        ({"A": TRUE, "B": WAITING}, WAITING),
        ({"A": TRUE}, Fact("Unknown")),
        ({"A": TRUE, "B": TRUE, "Other": BAD}, TRUE),
    ],
)
def test_ready_is_the_and_of_its_dependents_and_tells_the_reason_of_the_first_that_spoils_it(
    facts: dict[str, Fact], expected: object
) -> None:
    assert ready(("A", "B"), facts) == expected


def test_a_set_holds_ready_every_dependent_and_further_facts_as_information() -> None:
    conditions = condition_set(("A", "B"), {"A": TRUE, "Other": BAD}, now="t1")
    assert [(one.type, one.status, one.severity) for one in conditions] == [
        ("A", "True", ""),
        ("B", "Unknown", ""),
        ("Other", "False", "Info"),
        (READY, "Unknown", ""),
    ]


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    before = condition_set(("A", "B"), {"A": TRUE, "B": BAD}, now="t1")
    after = condition_set(("A", "B"), {"A": TRUE, "B": TRUE}, previous=before, now="t2")
    assert {one.type: one.last_transition_time for one in after} == {"A": "t1", "B": "t2", READY: "t2"}


def test_a_condition_is_written_as_kubernetes_spells_it() -> None:
    condition = Condition(type="Ready", status="False", reason="R", message="m", last_transition_time="t")
    assert condition.document() == {
        "type": "Ready",
        "status": "False",
        "reason": "R",
        "message": "m",
        "lastTransitionTime": "t",
    }
