"""The webhook's certificate: a client that trusts the bundle trusts the server, and nobody else."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from typing import Self

import pytest

from kanal.webhook.certificates import LIFE, Certificate, made, names_of, read
from kanal.webhook.identity import Identity

NAMES = names_of("kanal-webhook", "ns", "cluster.local")


def now() -> datetime:
    return datetime.now(UTC)


class Server:
    """Answers one byte to whoever trusts it."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._identity.context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"!")
        writer.close()

    async def greets(self, authorities: bytes, name: str = NAMES[0]) -> bool:
        """Whether somebody who trusts these authorities takes the server for the one of this name."""
        context = ssl.create_default_context(cadata=authorities.decode())
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.port, ssl=context, server_hostname=name
                )
                found = await reader.read(1)
        except ssl.SSLCertVerificationError:
            return False
        writer.close()
        return found == b"!"


@pytest.mark.parametrize("name", NAMES)
async def test_it_proves_each_name_of_the_service_and_the_loopback(name: str) -> None:
    identity, certificate = Identity(), made(NAMES, now())
    identity.take(certificate)
    async with Server(identity) as server:
        assert await server.greets(certificate.authorities, name)


async def test_it_proves_no_other_name_and_no_other_authority_vouches_for_it() -> None:
    identity, certificate = Identity(), made(NAMES, now())
    identity.take(certificate)
    async with Server(identity) as server:
        assert not await server.greets(certificate.authorities, "kanal-webhook.other.svc")
        assert not await server.greets(made(NAMES, now()).authorities)


async def test_a_server_that_runs_shows_the_next_one_to_whoever_comes_next() -> None:
    identity, first = Identity(), made(NAMES, now())
    identity.take(first)
    second = made(NAMES, now(), first.authorities)
    async with Server(identity) as server:
        assert await server.greets(first.authorities)
        assert await server.greets(second.authorities), "who has heard of both trusts the first one still"
        identity.take(second)
        assert await server.greets(second.authorities)
        assert not await server.greets(first.authorities)


def test_it_comes_back_from_the_data_of_a_secret_as_it_was() -> None:
    certificate = made(NAMES, now())
    assert read(certificate.data()) == certificate


def test_it_serves_until_a_third_of_its_life_is_left() -> None:
    start = now()
    certificate = made(NAMES, start)
    assert certificate.serves(NAMES, start)
    assert certificate.serves(NAMES[:2], start + LIFE * 0.6)
    assert not certificate.serves(NAMES, start + LIFE * 0.68)
    assert not certificate.serves(NAMES, start + LIFE)
    assert not certificate.serves(NAMES, start - timedelta(days=1)), "its time is yet to come"
    assert not certificate.serves(names_of("kanal-webhook", "other", "cluster.local"), start)


def test_authorities_that_are_over_are_trusted_no_longer_and_few_are_kept() -> None:
    def count(one: Certificate) -> int:
        return one.authorities.count(b"BEGIN CERTIFICATE")

    start = now()
    one = made(NAMES, start - LIFE * 2)
    two = made(NAMES, start, one.authorities)
    assert count(two) == 1
    for _ in range(5):
        two = made(NAMES, start, two.authorities)
    assert count(two) == 3
    assert count(made(NAMES, start, b"no PEM")) == 1


def test_parts_that_do_not_belong_together_are_no_certificate() -> None:
    one, other = made(NAMES, now()), made(NAMES, now())
    data = one.data()
    assert read({}) is None
    for name, part in other.data().items():
        assert read({**data, name: part}) is None
        assert read({**data, name: b"x"}) is None
        assert read({**data, name: b""}) is None
        assert read({key: value for key, value in data.items() if key != name}) is None
