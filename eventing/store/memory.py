"""Resources in memory: for tests, and for a run whose files say everything."""

from __future__ import annotations

from eventing.kinds.meta import Resource
from eventing.store.home import HomeStore, Operation


class MemoryStore(HomeStore):
    """A `Store` whose objects end with the process; their uids are the same in the next one."""

    async def _change(self, operation: Operation) -> Resource | None:
        prepared = operation(self._objects)
        self._count(prepared.changes)
        return prepared.answer
