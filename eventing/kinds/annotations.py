"""What rules for annotations share: an annotation is any text to Kubernetes, and a wrong one would do nothing silently."""

from __future__ import annotations

from collections.abc import Sequence

from eventing.kinds.field_error import FieldError
from eventing.kinds.meta import ObjectMeta
from eventing.kinds.wording import either, nearest, shown


def one_of(metadata: ObjectMeta, name: str, words: Sequence[str], wrong: str) -> list[FieldError]:
    """What is wrong with an annotation that takes one of these words, in any case; `wrong` follows the value."""
    word = metadata.annotations.get(name)
    if word is None or word.lower() in words:
        return []
    near = nearest(word, words)
    fix = f"did you mean {near}?" if near else f"write {either(words)}"
    return [FieldError(("metadata", "annotations", name), f"{shown(word)} {wrong}", fix)]
