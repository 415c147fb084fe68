"""The guarded child process of the embedded Kafka, with other programs in Kafka's place."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

from eventing.kafka.embedded.process import Child, hold


async def test_one_that_is_killed_together_with_its_guard_leaves_no_open_pipe(tmp_path: Path) -> None:
    lock = hold(tmp_path / "lock", patience_s=1)
    for _ in range(20):
        child = Child(
            ["sleep", "60"], output=tmp_path / "out", cwd=tmp_path, environment={"PATH": os.environ["PATH"]}, lock=lock
        )
        os.killpg(child.pid, signal.SIGKILL)
        assert await child.wait() == -signal.SIGKILL
    del child
    gc.collect()
    lock.release()
