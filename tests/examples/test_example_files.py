"""The YAML of the examples is whole: with what the commands of their READMEs start, every reference in it leads somewhere."""

from __future__ import annotations

import re
import runpy
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from readme_stand import EXAMPLES, NAMES, ROOT, displayed, readme, reads, unfulfilled

from eventing.http.lean import LeanSender
from eventing.kinds.key import Key, key_of
from eventing.kinds.meta import Resource, stable_uid
from eventing.manifest import combine, read
from eventing.plan.compile import Compiled, compile_plan
from eventing.plan.options import Options, Snapshot
from kanal.serve import serving

EVERY = sorted({file.parent.name for file in EXAMPLES.rglob("*.yaml")})
JSON = (b"content-type", b"application/json")
NO_SOURCE = [(b"ce-specversion", b"1.0"), (b"ce-type", b"t"), (b"ce-id", b"e"), JSON]
EVENT = [*NO_SOURCE, (b"ce-source", b"/s")]
NONE = [(NO_SOURCE, b"{}"), ([JSON], b""), ([JSON], b"[]")]
UNFIT = [(EVENT, b"{"), (EVENT, b'{"total": "much"}')]
TAKES_ANY_DATA = {"thank", "bounce"}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What `examples/run.py` has."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return runpy.run_path(str(EXAMPLES / "run.py"))


def start(name: str) -> list[str]:
    """The command that starts an example; the quickstart's is in the Makefile."""
    if name in NAMES:
        return readme(name).start
    (line,) = re.findall(rf"kanal up examples/{name}.*", (ROOT / "Makefile").read_text(encoding="utf-8"))
    return str(line).split()


def services(name: str, run: dict) -> set[str]:
    """The Services that the command starts."""
    words = start(name)
    found = {word.partition("=")[0] for option, word in pairwise(words) if option == "--display"}
    return found | set(run["services"](run["subscribers"](name))) if "examples/run.py" in words else found


def resources(files: Sequence[Path]) -> list[Resource]:
    manifest = combine([read(file.read_bytes(), str(file)) for file in files])
    assert [str(problem) for problem in manifest.problems] == []
    return [_stored(located.resource) for located in manifest.resources]


def _stored(resource: Resource) -> Resource:
    whole = resource.defaulted(Options().defaults)
    metadata = whole.metadata.model_copy(update={"uid": stable_uid(*key_of(whole)), "generation": 1})
    return whole.model_copy(update={"metadata": metadata})


def compiled(found: Sequence[Resource], names: set[str]) -> Compiled:
    """What the plan comes to, children included."""
    options = Options(services={name: f"http://{name}:9000" for name in names})
    children = [_stored(child) for child in compile_plan(Snapshot(tuple(found), options)).children]
    return compile_plan(Snapshot((*found, *children), options))


def wrong(found: Compiled) -> list[tuple[Key, str, str]]:
    """Every condition that does not hold; what only Kafka or an ingress can tell is unknown here."""
    return [
        (key, condition["type"], condition.get("message", ""))
        for key, status in found.statuses.items()
        for condition in status.get("conditions", ())
        if condition["status"] == "False"
    ]


@pytest.mark.parametrize("name", EVERY)
def test_every_reference_of_an_example_leads_to_what_its_command_starts_and_nothing_is_started_for_nothing(
    name: str, run: dict
) -> None:
    files, names = sorted((EXAMPLES / name).glob("*.yaml")), services(name, run)
    result = compiled(resources(files), names)
    assert wrong(result) == []
    assert result.plan.egresses
    referred = re.findall(r"kind: Service\n +name: (\S+)", "".join(file.read_text(encoding="utf-8") for file in files))
    assert set(referred) == names


def test_all_examples_can_be_applied_together(run: dict) -> None:
    names = set().union(*(services(name, run) for name in EVERY))
    assert wrong(compiled(resources(sorted(EXAMPLES.rglob("*.yaml"))), names)) == []


def test_every_example_is_in_the_list_of_them() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in EVERY if f"({name}/" not in text] == []


@pytest.mark.parametrize("page", sorted(EXAMPLES.rglob("README.md")), ids=lambda page: page.parent.name)
def test_every_link_of_an_example_leads_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#\s]+)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8")):
        target = page.parent / path
        assert target.exists(), path
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-").replace(",", "") for heading in headings}


@pytest.mark.parametrize("name", [name for name in NAMES if "examples/run.py" in readme(name).start])
async def test_a_subscriber_answers_what_it_can_not_read_with_400(name: str, run: dict) -> None:
    app, sender = run["subscribers"](name), LeanSender()
    try:
        async with serving(app, "127.0.0.1", 0, what="test") as port:
            for service in run["services"](app):
                for headers, body in NONE if service in TAKES_ANY_DATA else [*NONE, *UNFIT]:
                    answer = await sender.post(f"http://127.0.0.1:{port}/{service}", headers, body, timeout_s=5)
                    assert answer.status == 400, (service, body)
                    assert b"no event" in answer.body or b"does not fit" in answer.body
    finally:
        await sender.aclose()


def test_what_a_readme_promises_is_found_in_what_displays_print_and_missed_where_it_is_not() -> None:
    printed = displayed(["ready", "[a] ☁️  cloudevents.Event", "  id: 1", "  total:  2", "", "[b] x", "  id: 3"])
    (event,) = printed
    assert event.shows(displayed(["[a] ☁️  cloudevents.Event", "...", "  total: ..."])[0])
    (other,) = displayed(["[a] ☁️  cloudevents.Event", "  id: 2"])
    assert unfulfilled([other], printed) == ([other], [event])
    assert not reads(["one", "two"], ["two", "one"])
