"""What senders are told where a broker counts passes, validates, or is watched for event types."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from ingress_stand import BODY, GOOD, PATH, ingress

from eventing.errors import Unavailable
from eventing.plan.model import Ingress, Plan
from eventing.sightings import Sighting, Sightings

SCHEMA = '{"type": "object", "properties": {"n": {"type": "integer"}}}'


def plan(ttl: int | None = None, **schemas: str) -> Plan:
    named = {name.replace("_", "."): text for name, text in schemas.items()}
    return Plan({"u": Ingress("u", "Broker", "default", "c1", "topic", PATH, ttl=ttl, schemas=named)})


async def test_data_that_does_not_fit_is_a_400_that_says_where_and_nothing_is_stored() -> None:
    async with ingress(plan=plan(t_a=SCHEMA)) as stand:
        reply = await stand.post(GOOD, b'{"n":"many"}')
        assert (reply.status, reply.body) == (
            400, 'data: it does not fit the schema of its type: at /n: the value is not of type "integer"\n'
        )  # fmt: skip
        assert stand.kafka.stored == []
        await stand.accepted(GOOD, BODY)


async def test_data_that_is_no_json_is_a_400_where_its_type_has_a_schema() -> None:
    async with ingress(plan=plan(t_a=SCHEMA)) as stand:
        reply = await stand.post({**GOOD, "Content-Type": "text/plain"}, b"hello")
        assert (reply.status, reply.body.split(" can't")[0]) == (400, "datacontenttype: text/plain")
        await stand.accepted({**GOOD, "ce-type": "t.other", "Content-Type": "text/plain"}, b"hello")


async def test_structured_events_and_batches_are_checked_alike() -> None:
    event = {"specversion": "1.0", "type": "t.a", "source": "/s", "id": "1", "data": {"n": "many"}}
    async with ingress(plan=plan(t_a=SCHEMA)) as stand:
        reply = await stand.post_structured(json.dumps(event))
        assert (reply.status, "at /n: " in reply.body) == (400, True)
        good = {**event, "data": {"n": 1}}
        reply = await stand.post_structured(json.dumps([good, event]), "application/cloudevents-batch+json")
        assert (reply.status, reply.body.split(": ")[0]) == (400, "event 2 of the batch")
        assert stand.kafka.stored == []


@pytest.mark.parametrize(("left", "status"), [("2", 202), ("1", 400), ("0", 400), ("x", 400)])
async def test_an_event_that_went_in_a_circle_is_a_400_with_the_reason(left: str, status: int) -> None:
    async with ingress(plan=plan(ttl=3)) as stand:
        reply = await stand.post({**GOOD, "ce-knativebrokerttl": left}, BODY)
        assert reply.status == status
        assert ("too often" in reply.body) == (status == 400)
        assert len(stand.kafka.stored) == (status == 202)


async def test_an_event_that_is_new_gets_the_brokers_limit() -> None:
    async with ingress(plan=plan(ttl=3)) as stand:
        assert (await stand.accepted(GOOD, BODY)).attributes["ce_knativebrokerttl"] == "3"


async def test_terms_change_with_the_plan() -> None:
    async with ingress(plan=plan(t_a='{"type": "array"}')) as stand:
        assert (await stand.post(GOOD, BODY)).status == 400
        stand.events.replace(plan())
        assert "ce_knativebrokerttl" not in (await stand.accepted(GOOD, BODY)).attributes
        stand.events.replace(plan(t_a='{"type": "string"}'))
        assert (await stand.post(GOOD, BODY)).status == 400


async def test_types_of_accepted_events_are_noticed_and_of_no_others() -> None:
    seen = Sightings()

    def noticed(target: Ingress, attributes: Mapping[str, str]) -> None:
        seen.note(target.kind, target.namespace, target.name, attributes)

    async with ingress(plan=plan(t_bad="false"), noticed=noticed) as stand:
        await stand.post({**GOOD, "ce-type": "t.bad"}, BODY)
        stand.kafka.answers = [Unavailable("away")]
        assert (await stand.post({**GOOD, "ce-type": "t.lost"}, BODY)).status == 503
        await stand.accepted(GOOD, BODY)
        await stand.accepted({**GOOD, "ce-type": "t.b", "ce-dataschema": "urn:a"}, BODY)
        await stand.accepted(GOOD, BODY)
    place = ("Broker", "default", "c1")
    assert seen.take() == [Sighting(*place, "t.a", "/s"), Sighting(*place, "t.b", "/s", "urn:a")]
