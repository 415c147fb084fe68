"""What a trace finds, as values, and how a record is known to be the event. Pure; `trace` reads and asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controller.insight.verdict import KeptLetter, Verdict
from eventing.codec import kafka as kafka_codec
from eventing.errors import Invalid
from eventing.plan.model import Plan
from eventing.record import Record

_STRUCTURED = b"application/cloudevents"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The event that somebody looks for: its id, its source (empty: any), and since when (Unix ms; None: ever)."""

    id: str
    source: str = ""
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """So many of the records in these topics have been looked at."""

    topic: str
    scanned: int
    total: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event lies in a topic; `ingresses` are the channels or brokers that write there, as `Kind namespace/name`."""

    id: str
    source: str
    type: str
    topic: str
    partition: int
    offset: int
    at_ms: int
    ingresses: Sequence[str]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of it at one subscription or trigger; `job` names the replay that it was part of, empty for the live one.

    `dead_letters` and `letter` are topic and offset where it is kept, None for the offset where it is not.
    """

    kind: str
    namespace: str
    name: str
    topic: str
    partition: int
    offset: int
    verdict: Verdict
    job: str = ""
    dead_letters: str = ""
    letter: int | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """No such event was found in these topics; `more` says that there were others than are told, of the same id."""

    id: str
    source: str
    topics: Sequence[str]
    since_ms: int | None


@dataclass(frozen=True, slots=True)
class TooMany:
    """More events of this id lie there than are told."""

    told: int


Finding = Progress | Accepted | Fate | Missing | TooMany


def ingresses_of(plan: Plan, namespace: str) -> dict[str, list[str]]:
    """Who writes to each topic, as `Kind namespace/name`."""
    found: dict[str, list[str]] = {}
    for ingress in plan.ingresses.values():
        if namespace in ("", ingress.namespace):
            found.setdefault(ingress.topic, []).append(f"{ingress.kind} {ingress.namespace}/{ingress.name}")
    return {topic: sorted(titles) for topic, titles in found.items()}


def matcher(wanted: Wanted) -> Callable[[Record], bool]:
    """Whether a record is the event, by its headers; a structured one is decoded where its value holds the id."""
    id_, source = wanted.id.encode(), wanted.source.encode()

    def matches(record: Record) -> bool:
        structured = b""
        for name, value in record.headers:
            lower = name.lower()
            if lower == "ce_id":
                if value != id_:
                    return False
                return not source or header(record, "ce_source").encode() == source
            if lower == "content-type":
                structured = value or b""
        if not structured.lower().startswith(_STRUCTURED) or id_ not in (record.value or b""):
            return False
        try:
            attributes = kafka_codec.from_record(record.headers, record.value).attributes
        except Invalid:
            return False
        return attributes["id"] == wanted.id and wanted.source in ("", attributes["source"])

    return matches


def header(record: Record, name: str) -> str:
    """The header's value as text, empty where there is none; `name` in lower case."""
    for header, value in record.headers:
        if value is not None and header.lower() == name:
            return value.decode("utf-8", "replace")
    return ""


def accepted(record: Record, ingresses: Sequence[str]) -> Accepted:
    """What a record that was found tells of the event."""
    try:
        told = kafka_codec.from_record(record.headers, record.value).attributes
    except Invalid:
        told = {name: header(record, f"ce_{name}") for name in ("id", "source", "type")}
    place = record.topic, record.partition, record.offset, record.timestamp_ms
    return Accepted(told["id"], told["source"], told["type"], *place, ingresses)


def letter_of(one: Accepted, letters: Sequence[tuple[Record, KeptLetter]]) -> KeptLetter | None:
    """The newest letter of this very record; of any record with its id and source where none tells its offset."""
    mine = [(record, kept) for record, kept in letters if header(record, "ce_id") == one.id]
    mine = [(record, kept) for record, kept in mine if header(record, "ce_source") == one.source]
    place = str(one.partition), str(one.offset)
    exact = [
        kept
        for record, kept in mine
        if (header(record, "ce_knativekafkapartition"), header(record, "ce_knativekafkaoffset")) == place
    ]
    newest = exact or [kept for _, kept in mine]
    return newest[-1] if newest else None
