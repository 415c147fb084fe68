"""What a subscriber in Python needs: the event out of a request, and an event as the answer.

Events are the CloudEvents SDK's. An answer keeps the id of its event and has a source of its own, so that whoever gets an
answer twice, because its event was delivered twice, can tell.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent
from fastapi import Depends, HTTPException, Request, Response
from pydantic import BaseModel, ValidationError

Data = TypeVar("Data", bound=BaseModel)


async def received(request: Request) -> BaseCloudEvent:
    """The event in a request. What is none is answered with 400, which is not tried again."""
    try:
        return from_http_event(HTTPMessage(dict(request.headers), await request.body()))
    except Exception as error:  # the SDK has many ways to say what it can't read
        raise HTTPException(400, f"this is no event: {error}") from error


Received = Annotated[BaseCloudEvent, Depends(received)]


def data_of(event: BaseCloudEvent, model: type[Data]) -> Data:
    """The event's data. What does not fit would fit no better next time, so it is answered with 400."""
    try:
        return model.model_validate(event.get_data())
    except ValidationError as error:
        raise HTTPException(400, f"the data does not fit: {error}") from error


def answer(event: BaseCloudEvent, source: str, data: Any, type_: str | None = None, id_: str | None = None) -> Response:
    """The answer to an event, of the same type unless another is named."""
    data = data.model_dump(exclude_unset=True) if isinstance(data, BaseModel) else data
    attributes = {"type": type_ or event.get_type(), "source": source, "id": id_ or event.get_id()}
    return sent_on(CloudEvent({**attributes, "datacontenttype": "application/json"}, data))


def sent_on(event: BaseCloudEvent) -> Response:
    """An event as it is, as the answer."""
    message = to_binary_event(event)
    return Response(message.body, headers=message.headers)


def nothing() -> Response:
    """The answer of one that has nothing to say: the event is done, and goes no further."""
    return Response(status_code=204)
