"""Where a group goes on is told partition by partition, and what would be skipped or come again is a problem with its command."""

from __future__ import annotations

from eventing.marks import marked
from eventing.record import Mark, Span
from kanal.migrate.finding import Finding
from kanal.migrate.positions import findings
from kanal.migrate.sight import GroupSeen


def seen(marks: dict[int, int], spans: dict[int, tuple[int, int]]) -> GroupSeen:
    return GroupSeen(
        (), {n: Mark(offset) for n, offset in marks.items()}, {n: Span(*span) for n, span in spans.items()}
    )


def told(one: GroupSeen) -> list[Finding]:
    return list(findings("Trigger shop/pay", "g", "t", one, "kafka:9092"))


def test_a_group_that_has_committed_everywhere_goes_on_there() -> None:
    one = seen({0: 4, 1: 10, 2: 0}, {0: (0, 10), 1: (0, 10), 2: (0, 0)})
    assert one.starts == {0: 4, 1: 10, 2: 0}
    assert one.lag == 6
    assert told(one) == []


def test_a_group_that_has_committed_nothing_would_begin_with_what_comes_later() -> None:
    one = seen({}, {0: (0, 10), 1: (5, 7)})
    assert one.starts == {0: 10, 1: 7}
    (problem,) = told(one)
    assert problem.severity == "problem"
    assert "has committed nothing for the topic t" in problem.message
    assert problem.fix.endswith(
        "kafka-consumer-groups.sh --bootstrap-server kafka:9092 --group g --topic t --reset-offsets --to-earliest --execute"
    )


def test_a_partition_without_a_commit_is_told_by_number_even_where_it_is_empty() -> None:
    one = seen({0: 1, 3: 2}, {0: (0, 1), 1: (0, 9), 2: (0, 0), 3: (0, 2)})
    assert one.starts == {0: 1, 1: 9, 2: 0, 3: 2}
    (problem,) = told(one)
    assert "for partition 1,2 of t" in problem.message
    assert "--topic t:1,2 " in problem.fix


def test_partitions_added_behind_the_others_begin_at_their_first_event_and_are_no_problem() -> None:
    one = seen({0: 3, 1: 3}, {0: (0, 3), 1: (0, 3), 2: (2, 8)})
    assert one.starts == {0: 3, 1: 3, 2: 2}
    assert one.lag == 6
    assert told(one) == []


def test_what_retention_has_deleted_is_counted_and_only_a_difference() -> None:
    one = seen({0: 2}, {0: (7, 9)})
    assert one.starts == {0: 7}
    assert one.lag == 2
    (difference,) = told(one)
    assert difference.severity == "difference"
    assert "had not finished 5 events of t that retention has deleted" in difference.message


def test_a_commit_beyond_the_end_belongs_to_a_topic_that_was_made_again() -> None:
    one = seen({0: 50, 1: 3}, {0: (0, 4), 1: (0, 3)})
    assert one.starts == {0: 0, 1: 3}
    (problem,) = told(one)
    assert "stands behind the end of partition 0 of t" in problem.message
    assert "--topic t:0 --reset-offsets --to-latest --execute" in problem.fix


def test_what_kanal_itself_has_finished_beyond_a_commit_is_no_lag() -> None:
    """Looked at after the switch: its own commits say more than an offset."""
    one = GroupSeen((), {0: marked(2, [Span(4, 6)])}, {0: Span(0, 6)})
    assert one.lag == 2


def test_a_group_that_could_not_be_read_says_why() -> None:
    (problem,) = told(GroupSeen(error="Kafka does not answer"))
    assert "the group g could not be read: Kafka does not answer" in problem.message
