"""The store in a cluster: the contract of the store port on a real API server."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from kube_server import ApiServer
from raw_http import until
from store_contract import WritingCases, changed, key
from store_deletions import DeletionCases
from store_stand import Held, define
from store_watches import WatchingCases

from eventing.errors import NotFound
from eventing.kinds.key import key_of
from eventing.kinds.meta import Resource
from eventing.store import Store
from eventing.store.kubernetes.store import KubernetesStore


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(kube: ApiServer) -> AsyncIterator[KubernetesStore]:
    """One store for all cases of the contract."""
    await asyncio.to_thread(define, kube, "a")
    # Its garbage collector has to know the new kinds.
    await asyncio.to_thread(kube.manage_anew)
    held = Held(kube)
    yield await held.start()
    await held.stop()


@pytest.mark.asyncio(loop_scope="module")
class TestKubernetesStore(WritingCases, DeletionCases, WatchingCases):
    """What an API server does in its own way: it gives uids, revisions count everybody's changes, and its garbage collector comes later."""

    keeps_what_comes = False

    def check_uid(self, made: Resource) -> None:
        assert str(uuid.UUID(made.metadata.uid)) == made.metadata.uid

    def check_next(self, revision: int, before: int) -> None:
        assert revision > before

    async def check_soon(self, holds: Callable[[], object]) -> None:
        await until(holds, 60)

    async def caught_up(self, store: Store) -> None:
        assert isinstance(store, KubernetesStore)
        collection = store._collection(key())
        assert collection is not None
        await until(lambda: collection.mirror.position >= store.revision, 60)

    @pytest_asyncio.fixture(loop_scope="module")
    async def store(self, shared: KubernetesStore) -> KubernetesStore:
        while shared.list():
            for one in shared.list():
                with contextlib.suppress(NotFound):
                    await shared.update(changed(one, finalizers=[], owner_references=[], resource_version=""))
                await shared.delete(key_of(one))
        return shared
