"""Filters and subscribers of the branches. A filter answers with the event to let it pass, and with nothing to hold it back."""

from __future__ import annotations

from events import Received, answer, data_of, nothing, sent_on
from fastapi import FastAPI, Response
from pydantic import BaseModel

LARGE = 1000
app = FastAPI()


class Order(BaseModel):
    """What comes in."""

    total: int


@app.post("/is-large")
def is_large(event: Received) -> Response:
    """Lets large orders pass."""
    return sent_on(event) if data_of(event, Order).total >= LARGE else nothing()


@app.post("/is-small")
def is_small(event: Received) -> Response:
    """Lets all other orders pass."""
    return sent_on(event) if data_of(event, Order).total < LARGE else nothing()


@app.post("/discount")
def discount(event: Received) -> Response:
    """Takes a tenth off."""
    order = data_of(event, Order)
    order.total = order.total * 9 // 10
    return answer(event, "/discount", order, "com.example.order.discounted")


@app.post("/thank")
def thank(event: Received) -> Response:
    """Says thank you."""
    return answer(event, "/thank", {"text": "Thank you for your order"}, "com.example.mail")
