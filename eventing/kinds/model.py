"""The base of every model of the kinds: camelCase outside, strict types, no unknown fields, values that don't change."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from eventing.errors import Invalid
from eventing.kinds.facts import Keywords, Rule
from eventing.kinds.field_error import checked


class Model(BaseModel):
    """Fields as Kubernetes spells them; Python code may build one with Python's names."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        extra="forbid",
        strict=True,
        frozen=True,
    )

    EXAMPLE: ClassVar[str] = ""
    """What to write where somebody wrote no fields at all."""
    RULES: ClassVar[tuple[Rule, ...]] = ()
    """What an API server is to check of the model as a whole."""
    IMPLIED: ClassVar[tuple[str, ...]] = ()
    """Fields, as YAML spells them, that mean something where they are left out: what `defaulted` fills in."""

    def document(self) -> dict[str, Any]:
        """The model as YAML or JSON would hold it; what is unset or at its default is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


@checked
def _filled(text: str) -> str:
    if not text.strip():
        raise Invalid("the text is empty", fix="give it a value or leave the field out")
    return text


Filled = Annotated[str, AfterValidator(_filled), Keywords({"pattern": r"\S"})]
"""Text that is not empty."""
