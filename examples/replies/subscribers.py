"""What the Triggers call: each answers, and its answer goes back to the broker, where another Trigger takes it."""

from __future__ import annotations

from events import Received, answer
from fastapi import FastAPI, Response

app = FastAPI()


@app.post("/price")
def price(event: Received) -> Response:
    """An order has come; this is what it costs."""
    order = event.get_data()
    return answer(event, "/price", {**order, "total": 20 * order["count"]}, "com.example.order.priced")


@app.post("/bill")
def bill(event: Received) -> Response:
    """The price is known; this is the bill."""
    return answer(event, "/bill", {"pay": event.get_data()["total"]}, "com.example.order.billed")


@app.post("/bounce")
def bounce(event: Received) -> Response:
    """Throws the ball back, to itself: only the broker's limit ends this."""
    return answer(event, "/bounce", event.get_data(), id_=f"{event.get_id()}+")
