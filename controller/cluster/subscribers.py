"""Keeps `spec.subscribers` of KafkaChannels at what the Subscriptions say: Knative's Subscribable (behaviour §10.1).

Nobody of ours reads it. Others do: whoever asks a channel for its subscribers, and Knative's own acceptance tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from pydantic import ValidationError

from controller.backoff import Backoff
from eventing.errors import Conflict, EventingError
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key, key_of
from eventing.kinds.subscribable import SubscriberSpec
from eventing.store import Store

_log = structlog.get_logger("controller")


class Subscribers:
    """The lists in one store."""

    def __init__(self, store: Store, backoff: Backoff[Key]) -> None:
        self._store = store
        self._backoff = backoff

    async def keep(self, wanted: Mapping[Key, Sequence[Mapping[str, Any]]]) -> bool:
        """Write the lists that are not as wanted; True where one was. A channel without subscribers has an empty one."""
        channels = {key_of(one): one for one in self._store.list() if isinstance(one, KafkaChannel)}
        self._backoff.only(channels)
        due = [(key, one) for key, one in channels.items() if self._backoff.due(key)]
        return any(await asyncio.gather(*(self._keep(key, one, wanted.get(key, ())) for key, one in due)))

    async def _keep(self, key: Key, channel: KafkaChannel, wanted: Sequence[Mapping[str, Any]]) -> bool:
        try:
            entries = [SubscriberSpec.model_validate(one) for one in wanted]
            if entries == channel.spec.subscribers:
                return False
            spec = channel.spec.model_copy(update={"subscribers": entries})
            await self._store.update(channel.model_copy(update={"spec": spec}))
        except Conflict:
            return False
        # What is resolved from somebody else's status may be nothing that a spec takes; that is no other channel's matter.
        except (EventingError, ValidationError) as error:
            if self._backoff.failed(key):
                _log.warning("the subscribers of a channel can't be written yet", object=str(key), error=str(error))
            return False
        self._backoff.done(key)
        return True
