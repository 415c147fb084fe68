"""`/operations/v1/lag` and `/operations/v1/trace`: how subscriptions and triggers stand, and where one event went.

A trace is a stream, one finding a line in JSON (`finding` says which kind), so that progress is seen while topics are read.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from controller.insight.finding import Accepted, Fate, Finding, Missing, Progress, TooMany, Wanted
from controller.insight.lag import Gauger, Lag
from controller.insight.trace import Tracer
from controller.naming import KINDS, kind_of
from eventing.errors import NotFound
from eventing.plan.model import Plan
from kanal.api.streaming import stream

_KINDS = {Progress: "progress", Accepted: "accepted", Fate: "fate", Missing: "missing", TooMany: "too many"}


def insight(gauger: Gauger, tracer: Tracer, plan: Callable[[], Plan], now: Callable[[], float]) -> APIRouter:
    """The routes; `plan` is what the data plane does now, `now` Unix seconds."""
    router = APIRouter(prefix="/operations/v1")

    @router.get("/lag")
    async def lag(namespace: str | None = None, kind: str | None = None, name: str | None = None) -> Response:
        kinds = [one.KIND for one in (KINDS if kind is None else [kind_of(kind)])]
        wanted = [
            egress
            for egress in plan().egresses.values()
            if egress.kind in kinds and namespace in (None, egress.namespace) and name in (None, egress.name)
        ]
        if name is not None and not wanted:
            place = f"{namespace}/{name}" if namespace else name
            raise NotFound("is not running", where=f"{' or '.join(kinds)} {place}", fix="see kanal get")
        now_ms = int(now() * 1000)
        return JSONResponse({"items": [_lag(one, now_ms) for one in await gauger.lag(wanted)]})

    @router.get("/trace")
    async def trace(id: str, source: str = "", since_ms: int | None = None, namespace: str = "") -> Response:  # noqa: A002
        findings = tracer.trace(Wanted(id, source, since_ms), plan(), namespace)
        return stream(_lines(findings))

    return router


def _lag(one: Lag, now_ms: int) -> dict[str, Any]:
    age_s = max(now_ms - one.oldest_ms, 0) / 1000 if one.oldest_ms else None
    return {**asdict(one), "oldest_age_s": age_s}


def document_of(finding: Finding) -> dict[str, Any]:
    """A finding as it is told over HTTP; a fate's verdict is spread out in it."""
    document = asdict(finding)
    spread = document.pop("verdict", {})
    return {"finding": _KINDS[type(finding)], **document, **spread}


async def _lines(findings: AsyncIterator[Finding]) -> AsyncIterator[bytes]:
    async for finding in findings:
        yield json.dumps(document_of(finding)).encode() + b"\n"
