"""What an address asks of each event, decided before anything is stored."""

from __future__ import annotations

import json

import pytest

from channel import terms as module
from channel.admit import entries, types_of
from channel.terms import Rules, Terms
from eventing.errors import Invalid
from eventing.plan.model import Ingress
from eventing.schemas import compiled
from eventing.ttl import ATTRIBUTE

SCHEMA = '{"type": "object", "required": ["id"]}'
HEADERS = [
    (b"ce-specversion", b"1.0"), (b"ce-type", b"t.a"), (b"ce-source", b"/s"), (b"ce-id", b"1"),
    (b"content-type", b"application/json"),
]  # fmt: skip
FITS, MISFITS = b'{"id":1}', b'{"no":1}'


def ingress(uid: str = "u", ttl: int | None = None, **schemas: str) -> Ingress:
    named = {name.replace("_", "."): text for name, text in schemas.items()}
    return Ingress(uid, "Broker", "default", "mesh", "topic", "/default/mesh", ttl=ttl, schemas=named)


def terms(ttl: int | None = None, **schemas: str) -> Terms:
    rules = Rules()
    rules.replace([ingress(ttl=ttl, **schemas)])
    return rules.terms["u"]


def attributes(found: list[tuple[str, bytes]]) -> dict[str, str]:
    return {name: value.decode() for name, value in found}


def batch(*bodies: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    events = [
        {"specversion": "1.0", "type": "t.a", "source": "/s", "id": str(n), "data": json.loads(body)}
        for n, body in enumerate(bodies)
    ]
    return [(b"content-type", b"application/cloudevents-batch+json")], json.dumps(events).encode()


def test_an_address_that_asks_for_nothing_has_no_terms() -> None:
    rules = Rules()
    rules.replace([ingress("a"), ingress("b", ttl=3), ingress("c", t_a=SCHEMA)])
    assert sorted(rules.terms) == ["b", "c"]


def test_an_event_that_enters_has_one_pass_less() -> None:
    [entry] = entries(HEADERS, FITS, terms(ttl=7))
    assert attributes(entry.headers)[f"ce_{ATTRIBUTE}"] == "7"
    [entry] = entries([*HEADERS, (b"ce-knativebrokerttl", b"5")], FITS, terms(ttl=7))
    assert attributes(entry.headers)[f"ce_{ATTRIBUTE}"] == "4"


@pytest.mark.parametrize("left", [b"1", b"0", b"-3", b"many"])
def test_an_event_without_a_pass_left_is_refused_with_the_reason(left: bytes) -> None:
    with pytest.raises(Invalid, match="knativebrokerttl: the event has passed through brokers too often"):
        entries([*HEADERS, (b"ce-knativebrokerttl", left)], FITS, terms(ttl=7))


def test_data_has_to_fit_the_schema_of_its_type_and_of_no_other() -> None:
    asked = terms(t_a=SCHEMA)
    assert len(entries(HEADERS, FITS, asked)) == 1
    with pytest.raises(Invalid, match='"id" is a required property'):
        entries(HEADERS, MISFITS, asked)
    other = [(name, b"t.b" if name == b"ce-type" else value) for name, value in HEADERS]
    assert len(entries(other, MISFITS, asked)) == 1


def test_one_event_of_a_batch_that_is_refused_refuses_the_batch_and_is_named() -> None:
    assert len(entries(*batch(FITS, FITS), terms(t_a=SCHEMA))) == 2
    with pytest.raises(
        Invalid, match=r'^event 2 of the batch: data: it does not fit the .*"id" is a required property$'
    ):
        entries(*batch(FITS, MISFITS, FITS), terms(t_a=SCHEMA))
    assert entries(*batch(), terms(ttl=1, t_a=SCHEMA)) == []


def test_a_schema_is_compiled_once_for_all_plans_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "compiled", lambda text: asked.append(text) or compiled(text))  # type: ignore[func-returns-value]
    rules = Rules()
    for _ in range(3):
        rules.replace([ingress("a", t_a=SCHEMA, t_b="{}"), ingress("b", t_c=SCHEMA)])
    assert sorted(asked) == [SCHEMA, "{}"]
    rules.replace([])
    assert rules.terms == {}
    rules.replace([ingress("a", t_a=SCHEMA)])
    assert len(asked) == 3


def test_a_schema_that_this_ingress_can_not_use_is_told_and_the_others_count() -> None:
    rules = Rules()
    rules.replace([ingress(t_a='{"type": "unheard"}', t_b=SCHEMA)])
    [why] = rules.broken.values()
    assert why.startswith("it is no JSON schema")
    assert len(entries(HEADERS, MISFITS, rules.terms["u"])) == 1
    rules.replace([])
    assert rules.broken == {}


def test_the_type_of_an_event_can_be_told_from_its_record() -> None:
    found = entries([*HEADERS, (b"ce-dataschema", b"urn:a"), (b"ce-subject", b"x")], FITS)
    assert types_of(found) == [{"type": "t.a", "source": "/s", "dataschema": "urn:a"}]
