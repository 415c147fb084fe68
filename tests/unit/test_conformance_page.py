"""The page of conformance promises tests, and they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
LINES = [row for row in ROWS if row[0] != "line" and set(row[0]) != {"-"}]
NAMED = sorted(set(re.findall(r"`(test_\w+)::(test_\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda one: one.removeprefix("test_"))
def test_a_test_that_the_page_names_exists(file: str, name: str) -> None:
    (found,) = (ROOT / "tests").rglob(f"{file}.py")
    assert re.search(rf"^async def {name}\(", found.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("row", LINES, ids=lambda row: row[0][:60])
def test_a_line_has_a_test_or_a_reason(row: list[str]) -> None:
    assert re.fullmatch(r"`test_\w+::test_\w+`|does not apply( yet)?: .+", row[1])


def test_every_conformance_test_stands_on_the_page() -> None:
    for file in (ROOT / "tests" / "kafka").glob("test_conformance_*.py"):
        for name in re.findall(r"^async def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE):
            assert (file.stem, name) in NAMED
