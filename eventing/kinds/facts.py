"""What a model says of itself beyond its types, so that a CRD's schema can refuse what the model would.

A validator is code, which no API server can run. Beside it stands what OpenAPI or CEL can say of the same rule: as much of
it as they can, and never more, because what the schema refuses no webhook can take back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Keywords:
    """What OpenAPI says of a field; stands in its `Annotated` beside the validator that says the same."""

    words: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule in CEL over the fields of a model, which are those of `self`; the message says what is wrong and the fix.

    `field` is the one, as YAML spells it, at which the API server shows the message; the model's own place where it's empty.
    A rule with `oldSelf` in it is asked at updates only.
    """

    holds: str
    message: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class MayBeEmpty:
    """In the `Annotated` of a field: no fields at all mean the same as leaving it out, so no rule of its model holds then."""
