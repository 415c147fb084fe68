"""The CESQL conformance kit: every expression of it gives the value and the error that it should.

The vectors are not ours to keep: `KANAL_TCK` names their folder, else it is looked for beside the repository.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from eventing.errors import Invalid
from eventing.filters import cesql

ROOT = Path(os.environ.get("KANAL_TCK") or Path(__file__).parents[2] / ".." / "shared" / "tck") / "cesql"

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=f"no CESQL vectors at {ROOT}; set KANAL_TCK")

VALID = {"specversion": "1.0", "id": "any", "source": "/any", "type": "any"}


class _Loader(yaml.SafeLoader):
    """YAML without times, which the kit's events and results hold as texts."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith("timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{path.stem}: {case['name']}")
        for path in sorted(ROOT.glob("*.yaml"))
        for case in yaml.load(path.read_text("utf-8"), _Loader)["tests"]
    ]


def test_the_kit_is_all_there() -> None:
    assert len(cases()) >= 275


@pytest.mark.parametrize("case", cases())
def test_an_expression_gives_the_value_and_the_error_of_the_kit(case: dict[str, Any]) -> None:
    # What the kit writes without quotes is text of CESQL all the same: `TRUE`, `10`.
    text = case["expression"] if isinstance(case["expression"], str) else str(case["expression"]).upper()
    attributes = case.get("event") or VALID | case.get("eventOverrides", {})
    assert not any(isinstance(value, date) for value in attributes.values())
    try:
        outcome = cesql.parse(text).evaluate(attributes.get)
    except Invalid:
        assert case.get("error") == "parse"
        return
    assert outcome.error == case.get("error", "")
    if "result" in case:
        assert (type(outcome.value), outcome.value) == (type(case["result"]), case["result"])
