"""ConfigMap: Kubernetes' own kind, as far as `spec.config` of a Broker needs it (behaviour §2).

It has no spec and no conditions: nothing is made of it, others read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from eventing.errors import Invalid
from eventing.kinds.columns import AGE, Column
from eventing.kinds.field_error import FieldError, checked, refuse
from eventing.kinds.immutability import unchangeable
from eventing.kinds.meta import Resource
from eventing.kinds.model import Model
from eventing.kinds.wording import shown

_KEPT = ("data", "binaryData", "immutable")
_FIX = "delete the ConfigMap and apply it anew"
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")


@checked
def _key(text: str) -> str:
    if not _KEY.fullmatch(text) or text in (".", ".."):
        raise Invalid(f"{shown(text)} can't be a key", fix="253 of letters, digits, - . and _ are allowed")
    return text


ConfigKey = Annotated[str, AfterValidator(_key)]


class NoSpec(Model):
    """Nothing."""


class ConfigMap(Resource):
    """Texts by key, to which others refer."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "ConfigMap"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    PLURAL: ClassVar[str] = "configmaps"
    SINGULAR: ClassVar[str] = "configmap"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("cm",)
    CATEGORIES: ClassVar[tuple[str, ...]] = ()
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = (Column("Data", "string", counted=("data", "binaryData")), AGE)

    api_version: str = "v1"
    kind: str = "ConfigMap"
    spec: NoSpec = Field(default=NoSpec(), exclude=True)
    data: dict[ConfigKey, str] = Field(default={}, description="Texts by key.")
    binary_data: dict[ConfigKey, str] = Field(default={}, description="Bytes by key, in base64; Kanal reads none.")
    immutable: bool = Field(default=False, description="Whether the data stay as they are.")

    @model_validator(mode="before")
    @classmethod
    def _has_no_spec(cls, found: Any) -> Any:
        if isinstance(found, Mapping) and "spec" in found:
            raise refuse(
                FieldError(("spec",), "there is no such field", "a ConfigMap's fields are data and binaryData")
            )
        return found

    @classmethod
    def check_update(cls, old: Self, new: Self) -> list[FieldError]:
        if not old.immutable:
            return []
        before, after = ({name: one.document().get(name) for name in _KEPT} for one in (old, new))
        return [fault for name in _KEPT for fault in unchangeable((name,), before[name], after[name], _FIX)]

    def document(self) -> dict[str, Any]:
        """The resource as YAML or JSON would hold it."""
        whole = super().document()
        del whole["spec"]
        own = {"data": self.data, "binaryData": self.binary_data, "immutable": self.immutable}
        return whole | {name: value for name, value in own.items() if value}
