"""What the Triggers call: each answers, and its answer goes back to the broker, where another Trigger takes it."""

from __future__ import annotations

from events import Received, answer, data_of
from fastapi import FastAPI, Response
from pydantic import BaseModel

PRICE = 20
app = FastAPI()


class Order(BaseModel):
    """What is ordered, and what it costs once that is known."""

    count: int
    total: int | None = None


@app.post("/price")
def price(event: Received) -> Response:
    """An order has come; this is what it costs."""
    order = data_of(event, Order)
    order.total = PRICE * order.count
    return answer(event, "/price", order, "com.example.order.priced")


@app.post("/bill")
def bill(event: Received) -> Response:
    """The price is known; this is the bill."""
    return answer(event, "/bill", {"pay": data_of(event, Order).total}, "com.example.order.billed")


@app.post("/bounce")
def bounce(event: Received) -> Response:
    """Throws the ball back, to itself: only the broker's limit ends this."""
    return answer(event, "/bounce", event.get_data(), id_=f"{event.get_id()}+")
