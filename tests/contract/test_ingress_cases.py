"""Real trouble of other ingresses, by the numbers of the cases; what a subscriber then sees is the Kafka tests' business."""

from __future__ import annotations

import asyncio
import json

import psutil
import pytest
import uvloop
from ingress_stand import BODY, GOOD, PATH, Client, Stand, ingress, request, structured

from eventing.errors import TooLarge, Unavailable

LOOPS = {"uvloop": uvloop.new_event_loop}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCHED = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
MIB = 2**20


class TestEncoding:
    loops = LOOPS

    async def test_b01_attributes_are_percent_decoded_once_and_encoded_once(self) -> None:
        async with ingress() as stand:
            sent = {"ce-subject": "Euro%20%e2%82%ac%20%F0%9F%98%80", "ce-pct": "100%25", "ce-plain": "a%41b"}
            record = await stand.accepted(GOOD | sent)
            assert record.attributes["ce_subject"] == "Euro € 😀"
            assert record.attributes["ce_pct"] == "100%"
            assert record.attributes["ce_plain"] == "aAb"
            assert (b"ce-subject", b"Euro%20%E2%82%AC%20%F0%9F%98%80") in record.delivered()
            assert (b"ce-pct", b"100%25") in record.delivered()
            body = structured(subject="Euro € 😀", pct="100%", quote='a"b')
            record = await stand.accepted(STRUCTURED, body.encode())
            assert record.attributes["ce_subject"] == "Euro € 😀"
            assert (b"ce-subject", b"Euro%20%E2%82%AC%20%F0%9F%98%80") in record.delivered()
            assert (b"ce-quote", b"a%22b") in record.delivered()

    async def test_b03_raw_utf8_is_taken_as_text_and_raw_latin_1_refused(self) -> None:
        async with ingress() as stand:
            record = await stand.accepted(GOOD | {"ce-subject": "Abraão".encode()})
            assert (b"ce-subject", b"Abra%C3%A3o") in record.delivered()
            reply = await stand.post(GOOD | {"ce-subject": "Abraão".encode("latin-1")})
            assert reply.status == 400
            assert "ce-subject" in reply.body

    async def test_b04_an_illegal_attribute_name_is_always_refused(self) -> None:
        async with ingress() as stand:
            old = GOOD | {"ce-specversion": "0.3"}
            for _ in range(50):
                reply = await stand.post(old | {"ce-content-type": "application/json"})
                assert (reply.status, "content-type" in reply.body) == (400, True)
                reply = await stand.post(GOOD | {"Ce-Fc-Code-Checksum": "x"})
                assert (reply.status, "fc-code-checksum" in reply.body) == (400, True)
                for name in ("example-extension", "my_ext"):
                    reply = await stand.post_structured(structured(**{name: "1"}))
                    assert (reply.status, name in reply.body) == (400, True)
            assert stand.kafka.stored == []

    async def test_b05_header_names_come_in_any_case_and_members_in_one(self) -> None:
        async with ingress() as stand:
            sent = {"CE-ID": "1", "Ce-Type": "T.a", "cE-sOuRcE": "/S", "CE-SPECVERSION": "1.0", "ce-FOO": "Bar"}
            record = await stand.accepted(sent)
            assert record.attributes["ce_foo"] == "Bar"
            assert [header for header in record.delivered() if header[0] == b"ce-foo"] == [(b"ce-foo", b"Bar")]
            for member in ({"Subject": "x"}, {"myExt": "x"}):
                assert (await stand.post_structured(structured(**member))).status == 400
            assert len(stand.kafka.stored) == 1

    async def test_b06_duplicate_empty_and_forbidden_headers_are_treated_the_same_every_time(self) -> None:
        async with ingress() as stand:
            for _ in range(50):
                assert (await stand.post([*GOOD.items(), ("ce-type", "t.b")])).status == 400
                assert (await stand.post([*GOOD.items(), ("ce-ext", "x"), ("ce-ext", "x")])).status == 400
            assert (await stand.post(GOOD | {"ce-id": ""})).status == 400
            assert (await stand.post(GOOD | {"ce-subject": ""})).status == 400
            assert stand.kafka.stored == []
            record = await stand.accepted(GOOD | {"ce-datacontenttype": "text/xml"})
            assert (b"content-type", b"application/json") in record.delivered()
            assert b"ce-datacontenttype" not in dict(record.delivered())

    @pytest.mark.parametrize("body", [b"hello world", b"\x00\xff\xfe\x80"])
    async def test_b07_without_content_type_none_is_invented(self, body: bytes) -> None:
        async with ingress() as stand:
            bare = {name: value for name, value in GOOD.items() if name != "Content-Type"}
            record = await stand.accepted(bare, body)
            assert record.value == body
            assert b"content-type" not in dict(record.delivered())

    @pytest.mark.parametrize(
        ("content_type", "charset"),
        [("application/json; charset=UTF-8", "utf-8"), ('application/json;charset="iso-8859-1"', "iso-8859-1")],
    )
    async def test_b07_content_type_and_body_stay_as_they_are(self, content_type: str, charset: str) -> None:
        async with ingress() as stand:
            record = await stand.accepted(GOOD | {"Content-Type": content_type}, '{"n":"é"}'.encode(charset))
            assert record.value == '{"n":"é"}'.encode(charset)
            assert (b"content-type", content_type.encode()) in record.delivered()

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            *[({name: value for name, value in GOOD.items() if name != left_out}, BODY) for left_out in list(GOOD)[:4]],
            (GOOD | {"ce-specversion": "2.0"}, BODY),
            ({"Content-Type": "application/json"}, BODY),
            (STRUCTURED, b""),
            (STRUCTURED, b"[]"),
            (STRUCTURED, structured().encode()[:-5]),
            (STRUCTURED, structured().encode()[:-1] + b',"id":"2"}'),
            (GOOD | {"ce-time": "yesterday"}, BODY),
            (GOOD | {"ce-dataschema": "not a uri"}, BODY),
            (GOOD | {"ce-subject": "a%0D%0AX-Evil: 1"}, BODY),
            (STRUCTURED, structured(subject="a\r\nX-Evil: 1").encode()),
        ],
    )
    async def test_b08_garbage_is_never_accepted(self, headers: dict[str, str | bytes], body: bytes) -> None:
        async with ingress() as stand:
            reply = await stand.post(headers, body)
            assert reply.status == 400
            assert reply.body.strip()
            assert reply.body.count("\n") == 1
            assert stand.kafka.stored == []
            assert stand.metric("kanal_ingress_events_total", kind="Channel", namespace="default", name="c1") == 0

    @pytest.mark.parametrize(
        "time",
        [
            "2026-11-25T02:30:00.123456789Z", "2026-11-25T02:30:00.1234567+05:30", "2026-11-25T02:30:00Z",
            "2016-12-31T23:59:60Z", "2026-11-25t02:30:00z",
        ],
    )  # fmt: skip
    async def test_b11_a_time_is_stored_as_it_was_sent(self, time: str) -> None:
        async with ingress() as stand:
            assert (b"ce-time", time.encode()) in (await stand.accepted(GOOD | {"ce-time": time})).delivered()
            record = await stand.accepted(STRUCTURED, structured(time=time).encode())
            assert (b"ce-time", time.encode()) in record.delivered()


class TestBatches:
    loops = LOOPS

    @pytest.mark.parametrize("content_type", [BATCHED["Content-Type"], "APPLICATION/CLOUDEVENTS-BATCH+JSON"])
    async def test_b10_a_batch_is_accepted_when_every_record_is_acknowledged(self, content_type: str) -> None:
        async with ingress() as stand:
            stand.kafka.hold = True
            client = await stand.connect()
            batch = ",".join(structured(id=str(number), partitionkey="k") for number in range(3))
            await client.send(request({"Content-Type": content_type}, f"[{batch}]".encode()))
            await stand.kafka.given(3)
            assert [record.attributes["ce_id"] for record in stand.kafka.stored] == ["0", "1", "2"]
            assert stand.metric("kanal_ingress_events_total", kind="Channel", namespace="default", name="c1") == 0
            stand.kafka.release()
            assert (await client.reply()).status == 202
            assert stand.metric("kanal_ingress_events_total", kind="Channel", namespace="default", name="c1") == 3

    async def test_b10_an_empty_batch_is_accepted_and_stores_nothing(self) -> None:
        async with ingress() as stand:
            assert (await stand.post(BATCHED, b"[]")).status == 202
            assert stand.kafka.stored == []

    async def test_b10_one_invalid_element_stores_nothing(self) -> None:
        async with ingress() as stand:
            for wrong in (structured(id=""), structured(id="2")[:-1], "{}", "1", structured(my_ext="1")):
                reply = await stand.post(BATCHED, f"[{structured()},{wrong},{structured()}]".encode())
                assert (reply.status, "event 2 of the batch" in reply.body) == (400, True)
            assert stand.kafka.stored == []

    async def test_b10_a_thousand_events_in_a_mebibyte_are_a_thousand_records(self) -> None:
        async with ingress() as stand:
            batch = ",".join(structured(id=str(number), data="x" * 950) for number in range(1000))
            assert (await stand.post(BATCHED, f"[{batch}]".encode())).status == 202
            assert len({record.attributes["ce_id"] for record in stand.kafka.stored}) == 1000

    async def test_a_batch_that_fails_in_part_is_an_error_and_what_may_be_repeated_comes_first(self) -> None:
        async with ingress() as stand:
            batch = f"[{structured(id='1')},{structured(id='2')},{structured(id='3')}]".encode()
            stand.kafka.answers = [None, TooLarge("too large"), Unavailable("no answer")]
            assert (await stand.post(BATCHED, batch)).status == 503
            stand.kafka.answers = [None, TooLarge("too large"), None]
            assert (await stand.post(BATCHED, batch)).status == 413
            stand.kafka.refuse = [None, TooLarge("too large")]
            assert (await stand.post(BATCHED, batch)).status == 413
            assert stand.metric("kanal_ingress_events_total", kind="Channel", namespace="default", name="c1") == 0

    async def test_b13_what_kafka_finds_too_large_is_413_and_smaller_events_go_on(self) -> None:
        async with ingress() as stand:
            stand.kafka.answers = [TooLarge("the record has 2000000 bytes, topic-1 takes 1048588 (max.message.bytes)")]
            reply, other = await asyncio.gather(stand.post(GOOD, b"x" * 2_000_000), stand.post(GOOD))
            assert {reply.status, other.status} == {413, 202}
            assert len(stand.kafka.stored) == 1
            refused = reply if reply.status == 413 else other
            assert "max.message.bytes" in refused.body
            assert refused.header("retry-after") is None


class TestBodies:
    """B14: fifty of each at once, with events of others in between."""

    loops = LOOPS
    LIMIT = MIB

    async def fifty(self, stand: Stand, head: bytes) -> list[Client]:
        clients = [await stand.connect() for _ in range(50)]
        for client in clients:
            await client.send(head)
        return clients

    async def good_ones(self, stand: Stand) -> None:
        client = await stand.connect()
        for _ in range(20):
            await client.send(request(GOOD, BODY))
            assert (await client.reply()).status == 202

    async def test_b14a_an_announced_giant_is_refused_before_it_is_read(self) -> None:
        async with ingress(max_body_bytes=self.LIMIT) as stand:
            clients = await self.fifty(stand, request(GOOD | {"Content-Length": "6442450944"}, None) + b"0123456789")
            for client in clients:
                reply = await client.reply()
                assert (reply.status, reply.header("connection")) == (413, "close")
                assert "6442450944" in reply.body
            await self.good_ones(stand)
            assert await clients[0].ended() == b""

    async def test_b14b_an_endless_chunked_body_is_cut_off_at_the_limit(self) -> None:
        async with ingress(max_body_bytes=self.LIMIT, max_held_bytes=100 * MIB) as stand:
            clients = await self.fifty(stand, request(GOOD | {"Transfer-Encoding": "chunked"}, None))
            chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
            floods = [asyncio.ensure_future(client.flood(chunk, 100 * MIB)) for client in clients]
            for client in clients:
                reply = await client.reply()
                assert (reply.status, reply.header("connection")) == (413, "close")
            await self.good_ones(stand)
            assert max(await asyncio.gather(*floods)) < 100 * MIB
            assert stand.metric("kanal_ingress_held_bytes") == 0
            assert len(stand.kafka.stored) == 20

    async def test_b14c_a_body_in_one_byte_chunks_costs_no_more_memory_than_its_bytes(self) -> None:
        async with ingress(max_body_bytes=self.LIMIT) as stand:
            size = 64 * 1024
            before = psutil.Process().memory_info().rss
            clients = await self.fifty(stand, request(GOOD | {"Transfer-Encoding": "chunked"}, None))
            piece = b"1\r\nx\r\n" * 1024
            for _ in range(size // 1024):
                for client in clients:
                    await client.send(piece)
            assert psutil.Process().memory_info().rss - before < 50 * MIB
            for client in clients:
                await client.send(b"0\r\n\r\n")
                assert (await client.reply()).status == 202
            assert {record.value for record in stand.kafka.stored} == {b"x" * size}

    async def test_b14d_a_body_that_stops_coming_is_given_up_after_the_read_timeout(self) -> None:
        async with ingress(read_timeout_s=0.2) as stand:
            stalled = await self.fifty(stand, request(GOOD | {"Content-Length": "1000"}, None))
            half = await self.fifty(stand, request(GOOD | {"Content-Length": "1000"}, None) + b"x" * 500)
            waiting = asyncio.ensure_future(self.good_ones(stand))
            for client in (*stalled, *half):
                reply = await client.reply()
                assert (reply.status, reply.header("connection")) == (408, "close")
                assert "ingress.read_timeout_s" in reply.body
            await waiting
            assert stand.metric("kanal_ingress_held_bytes") == 0

    async def test_b14d_only_silence_counts_and_not_the_whole_time(self) -> None:
        async with ingress(read_timeout_s=0.3) as stand:
            client = await stand.connect()
            await client.send(request(GOOD | {"Content-Length": "12"}, None))
            loop, due = asyncio.get_running_loop(), asyncio.Event()
            for piece in (b"x",) * 8 + (b"xxxx",):
                # A wait of its own and no sleep: what is tested here is the passing of real time between two pieces.
                loop.call_later(0.1, due.set)
                await due.wait()
                due.clear()
                await client.send(piece)
            assert (await client.reply()).status == 202

    async def test_b14e_a_client_that_leaves_halfway_stores_nothing(self) -> None:
        async with ingress() as stand:
            clients = await self.fifty(stand, request(GOOD | {"Content-Length": "1000"}, None) + b"x" * 500)
            while stand.metric("kanal_ingress_held_bytes") < 50 * 500:
                await asyncio.sleep(0)
            for client in clients:
                client.close()
            await self.good_ones(stand)
            while stand.metric("kanal_ingress_held_bytes") > 0:
                await asyncio.sleep(0)
            assert len(stand.kafka.stored) == 20

    async def test_bodies_being_read_share_one_budget(self) -> None:
        async with ingress(max_held_bytes=40_000) as stand:
            first = await stand.connect()
            await first.send(request(GOOD | {"Content-Length": "30001"}, None) + b"x" * 30_000)
            while stand.metric("kanal_ingress_held_bytes") < 30_000:
                await asyncio.sleep(0)
            reply = await stand.post(GOOD, b"y" * 20_000)
            assert (reply.status, reply.header("retry-after"), reply.header("connection")) == (429, "1", "close")
            assert "ingress.max_held_bytes" in reply.body
            assert (await stand.post(GOOD, b"y" * 5_000)).status == 202
            await first.send(b"x")
            assert (await first.reply()).status == 202
            assert (await stand.post(GOOD, b"y" * 20_000)).status == 202

    async def test_a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(self) -> None:
        async with ingress(max_body_bytes=100_000) as stand:
            assert (await stand.post(GOOD, b"x" * 100_000)).status == 202
            assert (await stand.post(GOOD, b"x" * 100_001)).status == 413
            client = await stand.connect()
            await client.send(request(GOOD | {"Transfer-Encoding": "chunked"}, None), b"186a1\r\n" + b"x" * 100_001)
            assert (await client.reply()).status == 413

    async def test_a_refused_body_is_skipped_and_the_connection_goes_on(self) -> None:
        async with ingress() as stand:
            client = await stand.connect()
            await client.send(request(GOOD, b"x" * 500_000, path="/nothing"), request(GOOD, BODY))
            assert [(await client.reply()).status for _ in range(2)] == [404, 202]

    async def test_json_nested_too_deeply_is_refused(self) -> None:
        async with ingress() as stand:
            deep = json.dumps({"specversion": "1.0"})[:-1] + ',"data":' + "[" * 200_000 + "]" * 200_000 + "}"
            reply = await stand.post_structured(deep)
            assert (reply.status, "too deeply" in reply.body) == (400, True)
            assert (await stand.tell(request(GOOD, BODY, path=PATH))).status == 202
