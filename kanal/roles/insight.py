"""What answers `kanal lag` and `kanal trace`, put together from the controller's connections."""

from __future__ import annotations

import time

from fastapi import APIRouter

from controller.insight.lag import Gauger
from controller.insight.trace import Tracer
from controller.reconcile import Controller
from eventing.outcomes import checked_keep
from eventing.settings import Settings
from kanal.api.insight import insight
from kanal.roles.common import Clients


def looking(settings: Settings, controller: Controller, kafka: Clients) -> APIRouter:
    """The routes, for what this controller makes of its resources."""
    topic, own = settings.names.outcome_topic, settings.outcomes
    gauger = Gauger(kafka.admin, kafka.scanner, topic, own.interval_s, time.time)
    tracer = Tracer(kafka.admin, kafka.scanner, topic, checked_keep(own.keep), time.time, time.monotonic)
    return insight(gauger, tracer, lambda: controller.plan, time.time)
