"""The plan as rows: whatever goes in comes out, and a newer controller's fields do not stop an older data plane."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from eventing.feed import wire
from eventing.plan.model import Egress, Ingress, Plan, Remnant, TopicSpec
from eventing.verdict import RetryPolicy

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
optional = st.none() | texts
seconds = st.floats(0, 1e9, allow_nan=False, allow_infinity=False)
policies = st.builds(
    RetryPolicy, st.integers(0, 1000), st.sampled_from(["linear", "exponential"]), seconds, seconds, st.none() | seconds, seconds
)  # fmt: skip
ingresses = st.builds(Ingress, texts, texts, texts, texts, texts, texts, st.lists(texts, max_size=3).map(tuple))
egresses = st.builds(
    Egress,
    *[texts] * 8,
    reply=optional,
    dead_letter=optional,
    policy=policies,
    order=st.sampled_from(["ordered", "unordered"]),
)
topics = st.builds(TopicSpec, texts, st.integers(1, 100), st.integers(1, 5), st.dictionaries(texts, texts, max_size=3))
remnants = st.builds(Remnant, texts, topic=texts, path=texts)
plans = st.builds(
    Plan,
    st.dictionaries(texts, ingresses, max_size=3),
    st.dictionaries(texts, egresses, max_size=3),
    st.dictionaries(texts, topics, max_size=3),
    st.dictionaries(texts, remnants, max_size=3),
    st.dictionaries(texts, remnants, max_size=3),
)


@given(plans)
def test_a_plan_comes_back_from_its_rows_as_it_was(plan: Plan) -> None:
    assert wire.plan(wire.rows(plan)) == plan


@given(plans, texts, st.none() | st.booleans() | texts | st.lists(texts, max_size=2))
def test_fields_and_rows_that_nobody_knows_are_passed_over(plan: Plan, name: str, value: object) -> None:
    rows = wire.rows(plan)
    for key, row in rows.items():
        document = orjson.loads(row)
        document[f"new {name}"] = value
        if "policy" in document:
            document["policy"][f"new {name}"] = value
        rows[key] = orjson.dumps(document)
    assert wire.plan({**rows, f"later kind/{name}": b"[1]", "later": b"?"}) == plan


def test_without_the_marker_nothing_is_known_and_it_comes_last() -> None:
    rows = wire.rows(Plan(topics={"t": TopicSpec("t")}))
    assert list(rows)[-1] == wire.MARKER
    del rows[wire.MARKER]
    assert wire.plan(rows) is None
    assert wire.plan({wire.MARKER: b"{}"}) == Plan()
