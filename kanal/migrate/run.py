"""One look at a take-over: gather, ask Kafka, tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eventing.settings import Settings
from kanal.migrate import gather, look
from kanal.migrate import held as knatives
from kanal.migrate.estate import estate
from kanal.migrate.report import Report, report, templates_of
from kanal.migrate.switch import Switch
from kanal.roles.controller import options_of
from kanal.roles.terms import features_of


async def examined(settings: Settings, paths: Sequence[Path], system: str) -> Report:
    """What a take-over meets: of these files, or of the cluster of the settings where there are none.

    Kafka is asked where the settings name one. Raises where the cluster or Kafka does not answer.
    """
    found = gather.from_files(paths) if paths else await _from_cluster(settings, system)
    whole = estate(found.documents, features_of(settings), system)
    options = options_of(replace(settings, kubernetes=replace(settings.kubernetes, enabled=True)))
    asked = settings.kafka.bootstrap != Settings().kafka.bootstrap
    sight = None
    if asked:
        known = templates_of(whole, system)
        async with look.opened(settings.kafka) as eye:
            sight = await eye.look(knatives.topics(whole, known), knatives.groups(whole, known))
    switch = Switch(
        options.serves,
        system,
        settings.kubernetes.namespace,
        settings.kafka.bootstrap if asked else "",
        settings.kubernetes.cluster_domain,
    )
    return report(whole, found.unread, sight, options, settings.names, switch)


async def _from_cluster(settings: Settings, system: str) -> gather.Gathered:
    from eventing.store.kubernetes.connecting import connected  # noqa: PLC0415 - lightkube, half a second, for clusters alone

    async with connected(settings.kubernetes) as api:
        return await gather.from_cluster(api, system)
