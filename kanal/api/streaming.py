"""Answers that are streams: one JSON document a line, and where one fails in the middle, its last line is a Status."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

from eventing.errors import EventingError
from kanal.api.status import status_document

NDJSON = "application/x-ndjson"


def stream(lines: AsyncIterator[bytes]) -> StreamingResponse:
    """An answer of these lines."""
    return StreamingResponse(_told(lines), media_type=NDJSON)


async def _told(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines; an error in the middle becomes the last of them, as any refusal has it."""
    try:
        async for line in lines:
            yield line
    except EventingError as error:
        yield json.dumps(status_document(error)).encode() + b"\n"
