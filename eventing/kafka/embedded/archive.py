"""The JVM's archive of loaded and linked classes, with which Kafka starts in one second instead of two and a half.

It's recorded from one real start on a scratch directory and costs about ten seconds once, so a plain start never makes
it: fetching ahead of time does (`kanal kafka --fetch-only`, as in an image build). The JVM checks by itself whether an
archive fits and goes without it otherwise.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from eventing.errors import EventingError, Unavailable
from eventing.kafka.embedded import EmbeddedKafka, java, silent
from eventing.kafka.embedded.jars import Jars, Progress, Tell
from eventing.kafka.embedded.options import Options
from eventing.kafka.embedded.storage import Storage

_PATIENCE_S = 120.0


async def make(jars: Jars, options: Options, progress: Tell = silent) -> bool:
    """Make the archive beside the jars if there is none; False where that failed, which costs only speed."""
    if jars.archive.exists():
        return True
    progress(Progress("archive", "recording a start of Apache Kafka, so that later ones are quicker"))
    try:
        with tempfile.TemporaryDirectory(prefix="kanal-") as scratch:
            await _record(jars, options, Path(scratch))
    except (EventingError, OSError) as error:
        progress(Progress("archive", f"later starts will be slower: {error}"))
        return False
    return True


async def _record(jars: Jars, options: Options, scratch: Path) -> None:
    recorded = scratch / "recorded"
    flags = ("-XX:AOTMode=record", f"-XX:AOTConfiguration={recorded}")
    kafka = await EmbeddedKafka.start(
        Options(
            data=scratch / "data",
            port=0,
            jvm=flags,
            heap_mib=options.heap_mib,
            cache=options.cache,
            jars=options.jars,
            stop_grace_s=_PATIENCE_S,
        )
    )
    await kafka.stop()
    storage = Storage(kafka.data, java(), jars, [f"-Xmx{options.heap_mib}m"])
    lock = await asyncio.to_thread(storage.lock)
    made = jars.archive.with_suffix(".partial")
    child = storage.archive(recorded, made, lock)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await child.wait()
    except TimeoutError as error:
        raise Unavailable("took too long", where=str(jars.archive)) from error
    finally:
        code = await child.stop(0)
        lock.release()
    if code != 0:
        made.unlink(missing_ok=True)
        raise storage.failure(f"could not be archived (code {code})")
    made.rename(jars.archive)
