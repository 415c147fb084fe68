"""The documents that files would give if they were applied: defaulted, with their children, and with what compiling says of them.

Nothing runs: no Kafka is asked, so a status tells what the resources themselves get wrong, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eventing.kinds.key import key_of
from eventing.kinds.meta import Resource, stable_uid
from eventing.manifest import Problem
from eventing.plan.compile import compile_plan
from eventing.plan.options import Options, Snapshot
from eventing.settings import Settings
from kanal import files
from kanal.roles.controller import options_of
from kanal.roles.terms import features_of

_IN_CLUSTER = "http://{name}.{namespace}.svc.cluster.local"


def planned(paths: Sequence[Path], settings: Settings) -> tuple[list[dict[str, Any]], list[Problem]]:
    """The documents, and what could not be read. Raises `Invalid` for a file or folder that is not there.

    Every Service counts as there, because only where they run is known which are.
    """
    options = options_of(settings)
    options = replace(options, service_template=options.service_template or _IN_CLUSTER)
    manifest = files.load(paths, features_of(settings))
    resources = [_stored(located.resource, options) for located in manifest.resources]
    compiled = compile_plan(Snapshot(tuple(resources), options))
    every = {key_of(resource): resource for resource in [*resources, *compiled.children]}
    documents = [one.document() | {"status": dict(compiled.statuses.get(key, {}))} for key, one in every.items()]
    return documents, manifest.problems


def _stored(resource: Resource, options: Options) -> Resource:
    lasting = {"uid": stable_uid(*key_of(resource)), "generation": 1}
    whole = resource.defaulted(options.defaults)
    return whole.model_copy(update={"metadata": whole.metadata.model_copy(update=lasting)})
