"""Secret: Kubernetes' own kind. Kanal keeps it for those who refer to it; no message and no table holds a value of it."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from eventing.kinds.columns import AGE, Column
from eventing.kinds.configmap import ConfigKey, NoSpec
from eventing.kinds.field_error import FieldError, refuse
from eventing.kinds.immutability import unchangeable
from eventing.kinds.meta import Defaults, Resource

_FIX = "delete the Secret and apply it anew"


class Secret(Resource):
    """Bytes by key that not everybody may see."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Secret"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    PLURAL: ClassVar[str] = "secrets"
    SINGULAR: ClassVar[str] = "secret"
    CATEGORIES: ClassVar[tuple[str, ...]] = ()
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("Type", "string", ".type"),
        Column("Data", "string", counted=("data",)),
        AGE,
    )

    api_version: str = "v1"
    kind: str = "Secret"
    spec: NoSpec = Field(default=NoSpec(), exclude=True)
    type: str | None = Field(None, description="What it is for; Opaque where left out.")
    data: dict[ConfigKey, str] = Field(default={}, repr=False, description="Bytes by key, in base64.")
    string_data: dict[ConfigKey, str] = Field(
        default={}, repr=False, description="Texts by key, which are kept in `data`."
    )
    immutable: bool = Field(default=False, description="Whether the data stay as they are.")

    @model_validator(mode="before")
    @classmethod
    def _is_sound(cls, found: Any) -> Any:
        """Checked here, because the usual findings show what stands in a field."""
        if not isinstance(found, Mapping):
            return found
        wrong = [FieldError(("spec",), "there is no such field")] if "spec" in found else []
        for field, is_sound, fix in (("data", _is_base64, "encode it"), ("stringData", _is_text, "put it in quotes")):
            values = found.get(field)
            for key, value in values.items() if isinstance(values, Mapping) else ():
                if not is_sound(value):
                    what = "base64" if field == "data" else "text"
                    wrong.append(FieldError((field, str(key)), f"the value is no {what}", fix))
        if wrong:
            raise refuse(*wrong)
        return found

    def defaulted(self, defaults: Defaults) -> Self:  # noqa: ARG002 - nothing of the installation's is filled in
        added = {key: b64encode(text.encode()).decode() for key, text in self.string_data.items()}
        filled = {"type": self.type or "Opaque", "data": {**self.data, **added}, "string_data": {}}
        return self.model_copy(update=filled)

    @classmethod
    def check_update(cls, old: Self, new: Self) -> list[FieldError]:
        found = unchangeable(("type",), old.type, new.type, _FIX)
        if old.immutable and not (old.data == new.data and new.immutable):
            found.append(FieldError(("data",), "an immutable Secret stays as it is", _FIX))
        return found

    def document(self) -> dict[str, Any]:
        """The resource as YAML or JSON would hold it."""
        whole = super().document()
        del whole["spec"]
        own = {"type": self.type, "data": self.data, "stringData": self.string_data, "immutable": self.immutable}
        return whole | {name: value for name, value in own.items() if value}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_base64(value: Any) -> bool:
    try:
        return isinstance(value, str) and b64decode(value, validate=True) is not None
    except (binascii.Error, ValueError):
        return False
