"""The ingress as senders meet it: statuses, routes, probes and its own end (behaviour §1, conformance A and K)."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
import uvloop
from ingress_stand import BODY, GOOD, HOST, PATH, PLAN, ingress, request, structured, taken_port

from channel.server import Server
from eventing import settings
from eventing.errors import Denied, Invalid, Overloaded, TooLarge, Unavailable
from eventing.plan.model import Plan

STRUCTURED = {"Content-Type": "application/cloudevents+json"}
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class TestStatus:
    loops = {"uvloop": uvloop.new_event_loop}

    async def test_a_binary_event_is_stored_and_then_accepted(self) -> None:
        async with ingress() as stand:
            record = await stand.accepted(GOOD)
            assert (record.topic, record.key, record.value) == ("topic-1", None, BODY)
            assert record.attributes == {
                "ce_specversion": "1.0", "ce_type": "t.a", "ce_source": "/s", "ce_id": "1", "content-type": "application/json",
            }  # fmt: skip
            assert stand.metric("kanal_ingress_events_total", kind="Channel", namespace="default", name="c1") == 1
            assert stand.metric("kanal_ingress_requests_total", status="202") == 1

    async def test_the_mission_s_own_example_keeps_every_digit_of_its_time(self) -> None:
        async with ingress() as stand:
            record = await stand.accepted(
                {
                    "Ce-Id": "say-hello", "Ce-Specversion": "1.0", "Ce-Type": "com.icloud2native.sayhievent",
                    "Ce-Time": "2023-12-01T11:35:56.7181741Z", "Ce-Source": "sendoff", "Content-Type": "application/json",
                },
                b'{"msg":"Hello littlyboy Knative!"}',
            )  # fmt: skip
            assert record.attributes["ce_time"] == "2023-12-01T11:35:56.7181741Z"
            assert record.value == b'{"msg":"Hello littlyboy Knative!"}'

    async def test_a_structured_event_is_stored_in_binary_mode(self) -> None:
        async with ingress() as stand:
            record = await stand.accepted(STRUCTURED, structured(partitionkey="k", data={"b": 1.0, "a": [1]}).encode())
            assert (record.key, record.value) == (b"k", b'{"b": 1.0, "a": [1]}')
            assert record.attributes["content-type"] == "application/json"
            assert record.attributes["ce_partitionkey"] == "k"

    @pytest.mark.parametrize("version", ["0.3", "1.0"])
    async def test_both_versions_are_taken_and_kept(self, version: str) -> None:
        async with ingress() as stand:
            assert (await stand.accepted(GOOD | {"ce-specversion": version})).attributes["ce_specversion"] == version
            body = structured(specversion=version).encode()
            assert (await stand.accepted(STRUCTURED, body)).attributes["ce_specversion"] == version

    @pytest.mark.parametrize(
        "path", ["/default/c1/x", "/default", "/default/nothing", "/", "//default/c1", "/default/c1//", "/a/b/c/d"]
    )
    async def test_an_address_without_a_resource_is_404_whatever_the_body_is(self, path: str) -> None:
        async with ingress() as stand:
            for headers in (GOOD, {}):
                reply = await stand.tell(request(headers, b"\x00no event", path=path))
                assert reply.status == 404
                assert reply.body.count("\n") == 1
            assert stand.kafka.stored == []

    @pytest.mark.parametrize(
        ("headers", "body"),
        [
            ({}, b"this is not a cloud event"),
            ({}, b""),
            ({"Content-Type": "application/json"}, BODY),
            ({"Content-Type": "application/json"}, structured().encode()),
            ({"Content-Type": "application/cloudevents+avro"}, b"x"),
            ({"Content-Type": "application/cloudevents+json"}, b"this is not a cloud event"),
        ],
    )
    async def test_what_is_no_event_is_400_with_one_line_of_text(
        self, headers: dict[str, str | bytes], body: bytes
    ) -> None:
        async with ingress() as stand:
            reply = await stand.post(headers, body)
            assert reply.status == 400
            assert reply.header("content-type") == "text/plain; charset=utf-8"
            assert reply.body.endswith("\n")
            assert reply.body.count("\n") == 1
            assert stand.metric("kanal_ingress_requests_total", status="400") == 1
            assert stand.metric("kanal_ingress_events_total", kind="Channel", namespace="default", name="c1") == 0

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
    @pytest.mark.parametrize("path", [PATH, "/default/nothing"])
    async def test_every_other_method_is_405_and_told_what_is_allowed(self, method: str, path: str) -> None:
        async with ingress() as stand:
            reply = await stand.tell(request(GOOD, method=method, path=path))
            assert reply.status == 405
            assert reply.header("allow") == "POST, OPTIONS"

    async def test_options_answers_the_webhook_handshake(self) -> None:
        async with ingress() as stand:
            reply = await stand.tell(request({"WebHook-Request-Origin": "example.com"}, method="OPTIONS"))
            assert reply.status == 200
            assert reply.header("allow") == "POST, OPTIONS"
            assert reply.header("webhook-allowed-origin") == "*"
            assert reply.header("webhook-allowed-rate") == "*"

    @pytest.mark.parametrize(
        ("error", "status", "retry_after"),
        [
            (Overloaded("the queue is full"), 429, "1"), (TooLarge("more than the topic takes"), 413, None),
            (Unavailable("Kafka does not answer"), 503, "1"), (Denied("no permission to write"), 503, "1"),
            (Invalid("a setting is wrong"), 503, "1"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("at_once", [False, True])
    async def test_what_kafka_does_not_take_is_never_accepted(
        self, error: Exception, status: int, retry_after: str | None, at_once: bool
    ) -> None:
        async with ingress() as stand:
            (stand.kafka.refuse if at_once else stand.kafka.answers).append(error)  # type: ignore[arg-type]
            reply = await stand.post(GOOD)
            assert (reply.status, reply.header("retry-after")) == (status, retry_after)
            assert str(error) in reply.body
            assert stand.metric("kanal_ingress_events_total", kind="Channel", namespace="default", name="c1") == 0

    async def test_nothing_is_accepted_before_kafka_has_acknowledged(self) -> None:
        async with ingress() as stand:
            stand.kafka.hold = True
            client = await stand.connect()
            await client.send(request(GOOD, BODY))
            await stand.kafka.given(1)
            waiting = asyncio.ensure_future(client.reply())
            assert (await stand.tell(request({}, method="GET", path="/healthz"))).status == 200
            assert not waiting.done()
            stand.kafka.release()
            assert (await waiting).status == 202

    async def test_one_connection_carries_request_after_request_also_pipelined(self) -> None:
        async with ingress() as stand:
            client = await stand.connect()
            for _ in range(3):
                await client.send(request(GOOD, BODY))
                assert (await client.reply()).status == 202
                await client.send(request(GOOD, BODY, path="/nothing"))
                assert (await client.reply()).status == 404
            await client.send(request(GOOD, BODY) + request({}, BODY) + request(GOOD, BODY))
            assert [(await client.reply()).status for _ in range(3)] == [202, 400, 202]

    async def test_an_ordinary_client_is_served(self) -> None:
        async with ingress() as stand, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{stand.server.port}{PATH}"
            async with session.post(url, data=BODY, headers=GOOD) as response:
                assert response.status == 202
            async with session.post(url, data=BODY, headers=GOOD, expect100=True, chunked=True) as response:
                assert response.status == 202
            assert [record.value for record in stand.kafka.stored] == [BODY, BODY]


class TestRoutes:
    loops = {"uvloop": uvloop.new_event_loop}

    async def test_one_trailing_slash_and_a_query_make_no_difference(self) -> None:
        async with ingress() as stand:
            for path in (f"{PATH}/", f"{PATH}?a=b", "/default/%631"):
                assert (await stand.tell(request(GOOD, BODY, path=path))).status == 202

    @pytest.mark.parametrize(
        "host", [HOST, f"{HOST}:80", HOST.upper(), "c1-kn-channel.default.svc", "c1-kn-channel.default:8080"]
    )
    async def test_a_host_routes_where_the_path_does_not(self, host: str) -> None:
        async with ingress() as stand:
            assert (await stand.tell(request(GOOD, BODY, path="/", host=host))).status == 202
            assert stand.kafka.stored[0].topic == "topic-1"
            assert (await stand.tell(request(GOOD, BODY, path="/healthz", host=host))).status == 202
            # The path comes first, also against a host that means another resource.
            assert (await stand.tell(request(GOOD, BODY, path="/other/c2", host=host))).status == 202
            assert stand.kafka.stored[2].topic == "topic-2"

    async def test_before_the_first_plan_senders_are_asked_to_come_again(self) -> None:
        async with ingress(plan=None) as stand:
            reply = await stand.post(GOOD)
            assert (reply.status, reply.header("retry-after")) == (503, "1")
            probe = {"K-Network-Probe": "probe", "K-Network-Hash": "h"}
            assert (await stand.tell(request(probe, method="GET"))).status == 503
            assert (await stand.tell(request({}, method="GET", path="/readyz"))).status == 503
            assert (await stand.tell(request({}, method="GET", path="/healthz"))).status == 200
            stand.events.replace(PLAN)
            assert (await stand.post(GOOD)).status == 202
            assert (await stand.tell(request({}, method="GET", path="/readyz"))).status == 200

    async def test_a_new_plan_counts_from_the_next_request_on(self) -> None:
        async with ingress() as stand:
            await stand.accepted(GOOD)
            stand.events.replace(Plan())
            assert (await stand.post(GOOD)).status == 404
            # A resource that is gone leaves the metrics, too.
            assert "c1" not in (await stand.tell(request({}, method="GET", path="/metrics"))).body

    async def test_the_control_plane_s_probe_is_answered_by_route(self) -> None:
        async with ingress() as stand:
            probe = {"K-Network-Probe": "probe", "K-Network-Hash": "a1b2"}
            found = await stand.tell(request(probe, method="GET"))
            assert (found.status, found.header("k-network-hash")) == (200, "a1b2")
            by_host = await stand.tell(request(probe, method="GET", path="/", host=HOST))
            assert (by_host.status, by_host.header("k-network-hash")) == (200, "a1b2")
            assert (await stand.tell(request(probe, method="GET", path="/default/nothing"))).status == 404
            assert (await stand.tell(request({"K-Network-Probe": "other"}, method="GET"))).status == 405
            assert stand.kafka.stored == []

    async def test_readiness_says_what_is_missing(self) -> None:
        missing = ["Kafka does not answer"]
        async with ingress(not_ready=lambda: missing[0]) as stand:
            reply = await stand.tell(request({}, method="GET", path="/readyz"))
            assert (reply.status, reply.body) == (503, "Kafka does not answer\n")
            missing[0] = ""
            assert (await stand.tell(request({}, method="GET", path="/readyz"))).status == 200

    async def test_metrics_are_prometheus_text(self) -> None:
        async with ingress() as stand:
            await stand.accepted(GOOD)
            reply = await stand.tell(request({}, method="GET", path="/metrics"))
            assert reply.status == 200
            assert 'kanal_ingress_events_total{kind="Channel",name="c1",namespace="default"} 1.0' in reply.body
            assert 'kanal_ingress_requests_total{status="202"} 1.0' in reply.body
            assert "kanal_ingress_held_bytes 0.0" in reply.body
            assert "process_resident_memory_bytes" in reply.body

    async def test_there_are_no_pages_that_nobody_asked_for(self) -> None:
        async with ingress() as stand:
            for path in ("/docs", "/openapi.json", "/redoc"):
                assert (await stand.tell(request({}, method="GET", path=path))).status == 405

    async def test_trace_context_is_stored_beside_the_event(self) -> None:
        async with ingress() as stand:
            record = await stand.accepted(GOOD | {"traceparent": PARENT, "tracestate": "a=1"})
            assert record.attributes["traceparent"] == PARENT
            assert record.attributes["tracestate"] == "a=1"
            assert "ce_traceparent" not in record.attributes


class TestConnection:
    loops = {"uvloop": uvloop.new_event_loop}

    async def test_100_continue_is_sent_for_a_body_that_is_wanted_and_for_no_other(self) -> None:
        async with ingress() as stand:
            client = await stand.connect()
            head = request(GOOD | {"Expect": "100-continue", "Content-Length": str(len(BODY))}, None)
            await client.send(head)
            assert (await client.reply()).status == 100
            await client.send(BODY)
            assert (await client.reply()).status == 202
            unwanted = await stand.connect()
            await unwanted.send(head.replace(PATH.encode(), b"/nothing"))
            reply = await unwanted.reply()
            assert (reply.status, reply.header("connection")) == (404, "close")
            assert await unwanted.ended() == b""

    @pytest.mark.parametrize("upgrade", ["h2c", "websocket"])
    async def test_an_upgrade_is_declined_and_the_body_not_lost(self, upgrade: str) -> None:
        async with ingress() as stand:
            wish = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": upgrade, "HTTP2-Settings": "AAMAAABkAAQ"}
            raw = request(GOOD | wish, BODY)
            client = await stand.connect()
            await client.send(raw)
            assert (await client.reply()).status == 202
            await client.send(raw[:40])
            await client.send(raw[40:-3])
            await client.send(raw[-3:] + request(GOOD | wish, b"second") + request(GOOD | wish, b"", method="GET"))
            assert [(await client.reply()).status for _ in range(3)] == [202, 202, 405]
            chunked = request(GOOD | wish | {"Transfer-Encoding": "chunked"}, None)
            await client.send(chunked + b"5\r\nchunk\r\n0\r\n\r\n")
            assert (await client.reply()).status == 202
            assert [record.value for record in stand.kafka.stored] == [BODY, BODY, b"second", b"chunk"]

    async def test_connect_is_refused(self) -> None:
        async with ingress() as stand:
            client = await stand.connect()
            await client.send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n")
            assert (await client.reply()).status == 405
            assert await client.ended() == b""

    async def test_fields_after_a_chunked_body_are_no_attributes(self) -> None:
        async with ingress() as stand:
            client = await stand.connect()
            await client.send(
                request(GOOD | {"Transfer-Encoding": "chunked", "Trailer": "ce-ext"}, None),
                b"7\r\n" + BODY + b"\r\n0\r\nce-ext: smuggled\r\nce-id: 2\r\n\r\n",
            )
            assert (await client.reply()).status == 202
            assert stand.kafka.stored[0].attributes["ce_id"] == "1"
            assert "ce_ext" not in stand.kafka.stored[0].attributes

    @pytest.mark.parametrize(
        "raw",
        [
            b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"POST / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            request(GOOD | {"Transfer-Encoding": "chunked"}, b"x"), request(GOOD | {"Content-Length": "2"}, b"x"),
            request(GOOD | {"ce-ext": "a\x00b"}), request(GOOD | {"ce-ext": "a\r\n folded"}),
        ],
    )  # fmt: skip
    async def test_what_is_no_http_is_400_and_the_connection_closed(self, raw: bytes) -> None:
        async with ingress() as stand:
            client = await stand.connect()
            await client.send(raw)
            reply = await client.reply()
            assert (reply.status, reply.header("connection")) == (400, "close")
            assert await client.ended() == b""
            assert stand.kafka.stored == []

    async def test_an_endless_head_is_cut_off(self) -> None:
        async with ingress() as stand:
            client = await stand.connect()
            await client.send(request(GOOD, None)[:-2], b"x: ")
            flood = asyncio.ensure_future(client.flood(b"y" * 65_536, 2**26))
            assert (await client.reply()).status == 431
            assert await flood < 2**26

    async def test_a_large_head_is_not_an_endless_one(self) -> None:
        async with ingress() as stand:
            many = {f"ce-ext{number}": "v" * 20 for number in range(120)}
            record = await stand.accepted(GOOD | many | {"ce-long": "x" * 10_240})
            assert len(record.headers) == 5 + 120 + 1

    async def test_a_connection_that_never_asks_is_closed(self) -> None:
        async with ingress(keep_alive_s=0) as stand:
            silent, half = await stand.connect(), await stand.connect()
            await half.send(request(GOOD, BODY)[:50])
            assert await silent.ended() == b""
            assert await half.ended() == b""

    async def test_a_stop_lets_requests_under_way_finish_and_closes_idle_connections(self) -> None:
        async with ingress() as stand:
            stand.kafka.hold = True
            idle, busy = await stand.connect(), await stand.connect()
            await busy.send(request(GOOD, BODY))
            await stand.kafka.given(1)
            stopping = asyncio.ensure_future(stand.server.aclose(grace_s=20))
            assert await idle.ended() == b""
            with pytest.raises(ConnectionError):
                await stand.connect()
            stand.kafka.release()
            reply = await busy.reply()
            assert (reply.status, reply.header("connection")) == (202, "close")
            await stopping

    async def test_a_stop_that_has_waited_long_enough_says_so_to_the_sender(self) -> None:
        async with ingress() as stand:
            stand.kafka.hold = True
            client = await stand.connect()
            await client.send(request(GOOD, BODY))
            await stand.kafka.given(1)
            await stand.server.aclose(grace_s=0.01)
            reply = await client.reply()
            assert (reply.status, reply.header("retry-after")) == (503, "1")
            assert await client.ended() == b""

    async def test_a_port_that_is_taken_is_named(self) -> None:
        with taken_port() as listener:
            wanted = settings.Ingress(host="127.0.0.1", port=listener.getsockname()[1])
            with pytest.raises(Unavailable, match=rf"ingress.port: can't listen on 127.0.0.1:{wanted.port}"):
                await Server.start(lambda *_: None, wanted.host, wanted.port, where="ingress", setting="ingress.port")  # type: ignore[arg-type,return-value]
