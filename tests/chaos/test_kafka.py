"""Kafka itself dies or has no room: senders are told so, and what they were promised comes when it is back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos_account import account
from chaos_load import Load
from chaos_processes import Broker, until
from chaos_stand import stand
from chaos_subscriber import Subscriber

DISK_MIB = 64
SPARE_KIB = 1_024


async def test_kill_9_of_kafka_in_mid_stream_loses_nothing_that_was_answered_202(
    broker: Broker, tmp_path: Path
) -> None:
    async with Subscriber() as subscriber, stand(tmp_path, broker.bootstrap, {"s1": subscriber.url}) as roles:
        async with Load(roles.url, rate=150, seed=roles.seed) as load:
            await subscriber.more(300)
            await broker.kill()
            await broker.start()
            await subscriber.more(300, 40)
        came = await account(roles, subscriber, load)
        roles.owners_vanished(subscriber)
        came.check(roles.allowed)
        await roles.settled()


class Disk:
    """A small disk with a file on it that takes the room away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave `SPARE_KIB`."""
        free = os.statvfs(self.folder)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize - SPARE_KIB * 1024)

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"a small disk can't be mounted here: {made.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_kafka_without_disk_takes_nothing_and_after_room_was_made_nothing_is_missing(
    disk: Disk, tmp_path: Path
) -> None:
    broker = Broker(disk.folder / "data", {"log.segment.bytes": str(16 * 1024 * 1024)})
    await broker.start()
    try:
        async with Subscriber() as subscriber, stand(tmp_path, broker.bootstrap, {"s1": subscriber.url}) as roles:
            async with Load(roles.url, rate=150, seed=roles.seed, body=b"x" * 10_240) as load:
                await subscriber.more(100)
                disk.fill()
                await until(lambda: load.answers[503] > 0, 30, "senders are told")
                disk.empty()
                await broker.heal()
                await subscriber.more(300, 40)
            came = await account(roles, subscriber, load)
            roles.owners_vanished(subscriber)
            came.check(roles.allowed)
    finally:
        await broker.aclose()
