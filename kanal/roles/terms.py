"""What the settings say of every resource, for whoever takes resources: the controller, the local API, the webhook."""

from __future__ import annotations

from eventing.kinds.meta import Defaults, Features
from eventing.settings import Settings


def defaults_of(settings: Settings) -> Defaults:
    """What the settings fill into resources."""
    return Defaults(
        partitions=settings.kafka.default_partitions or 1,
        replication_factor=settings.kafka.default_replication_factor or 1,
        broker_partitions=settings.kafka.default_broker_partitions or 10,
    )


def features_of(settings: Settings) -> Features:
    """What the settings allow in resources."""
    return Features(cross_namespace_event_links=settings.control.cross_namespace_links)
