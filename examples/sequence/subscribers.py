"""The steps: each takes an event and answers with the one for the next step, or with nothing, which ends the event's way."""

from __future__ import annotations

from events import Received, answer, data_of, nothing
from fastapi import FastAPI, Response
from pydantic import BaseModel

PRICES = {"book": 20, "lamp": 45}
app = FastAPI()


class Order(BaseModel):
    """What the steps hand on; each puts something in."""

    item: str
    count: int
    total: int | None = None
    parcel: str | None = None


@app.post("/check")
def check(event: Received) -> Response:
    """Lets through only what can be bought."""
    order = data_of(event, Order)
    return answer(event, "/check", order) if order.item in PRICES else nothing()


@app.post("/price")
def price(event: Received) -> Response:
    """Adds what it costs."""
    order = data_of(event, Order)
    order.total = PRICES[order.item] * order.count
    return answer(event, "/price", order, "com.example.order.priced")


@app.post("/pack")
def pack(event: Received) -> Response:
    """Says that it is on its way."""
    order = data_of(event, Order)
    order.parcel = f"parcel of {event.get_id()}"
    return answer(event, "/pack", order, "com.example.order.packed")
