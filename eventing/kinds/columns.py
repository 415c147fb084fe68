"""What `kubectl get` shows of a kind: said once, for the tables of the local API and the CRDs' printer columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `path` is a JSONPath as CRDs take it; a priority above 0 is for `-o wide` alone.

    In place of a path, kinds without a CRD may have the fields of the document whose entries are `counted` together.
    """

    name: str
    type: Literal["string", "integer", "number", "boolean", "date"]
    path: str = ""
    priority: int = 0
    description: str = ""
    counted: tuple[str, ...] = ()


URL = Column("URL", "string", ".status.address.url")
AGE = Column("Age", "date", ".metadata.creationTimestamp")
READY = Column("Ready", "string", '.status.conditions[?(@.type=="Ready")].status')
REASON = Column("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason')
ADDRESSABLE_COLUMNS = (URL, AGE, READY, REASON)
"""Of everything that takes events."""
