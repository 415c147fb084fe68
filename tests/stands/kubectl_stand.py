"""The real kubectl (and kn) against the local API on a free port, with a store in memory and no Kafka."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from eventing.kinds.condition import Condition
from eventing.kinds.key import Key
from eventing.store.memory import MemoryStore
from kanal import kubeconfig
from kanal.api.app import api
from kanal.api.kube.happenings import Happenings
from kanal.roles.common import beside
from kanal.serve import serving

KUBECTL = shutil.which("kubectl")
PATIENCE_S = 30.0
TOKEN = "secret"


@dataclass
class Kubectl:
    """Types kubectl verbs, or those of another `program`; `store` is what the API serves."""

    store: MemoryStore
    folder: Path
    environment: dict[str, str]
    program: str = KUBECTL or "kubectl"

    async def __call__(self, *words: str, code: int = 0, given: str = "", **environment: str) -> str:
        """Run one verb to its end; what it printed, or why it failed."""
        process = await self.start(*words, **environment)
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate(given.encode())
        assert process.returncode == code, (words, out, err)
        return (out or err).decode()

    async def start(self, *words: str, **environment: str) -> asyncio.subprocess.Process:
        """Start one verb."""
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            self.program,
            *words,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            cwd=self.folder,
            env={**self.environment, **environment},
        )

    def file(self, name: str, text: str) -> str:
        """Write a file; its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    async def say_ready(
        self,
        kind: str,
        name: str,
        reason: str = "",
        message: str = "",
        url: str = "",
        group: str = "messaging.knative.dev",
    ) -> None:
        """What a controller writes into a status: ready, or not ready for this reason."""
        key = Key(group, kind, "default", name)
        ready = Condition(type="Ready", status="False" if reason else "True", reason=reason, message=message)
        status = {"conditions": [ready.document()], **({"address": {"url": url}} if url else {})}
        assert await self.store.set_status(key, status) is not None


@asynccontextmanager
async def kubectl_stand(folder: Path) -> AsyncIterator[Kubectl]:
    """A kubectl that is led to an API of its own, while inside."""

    def now() -> datetime:
        return datetime.now(UTC)

    store = MemoryStore(now)
    events = Happenings(store, now)
    app = api(store, ready=lambda: True, metrics=lambda: (b"", b""), token=TOKEN, events=events, now=now)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(beside(events.run()))
        port = await stack.enter_async_context(serving(app, "127.0.0.1", 0, what="test"))
        config = folder / "kubeconfig"
        kubeconfig.write(config, kubeconfig.document(kubeconfig.address("127.0.0.1", port), TOKEN))
        # HOME holds the cache of what discovery said.
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "KUBECONFIG": str(config)}
        yield Kubectl(store, folder, environment)
