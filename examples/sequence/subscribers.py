"""The steps: each takes an event and answers with the one for the next step, or with nothing, which ends the event's way."""

from __future__ import annotations

from events import Received, answer, nothing
from fastapi import FastAPI, Response

PRICES = {"book": 20, "lamp": 45}
app = FastAPI()


@app.post("/check")
def check(event: Received) -> Response:
    """Lets through only what can be bought."""
    order = event.get_data()
    return answer(event, "/check", order) if order["item"] in PRICES else nothing()


@app.post("/price")
def price(event: Received) -> Response:
    """Adds what it costs."""
    order = event.get_data()
    total = PRICES[order["item"]] * order["count"]
    return answer(event, "/price", {**order, "total": total}, "com.example.order.priced")


@app.post("/pack")
def pack(event: Received) -> Response:
    """Says that it is on its way."""
    return answer(event, "/pack", {**event.get_data(), "parcel": "P-1"}, "com.example.order.packed")
