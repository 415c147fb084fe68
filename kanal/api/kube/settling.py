"""Filling in an object that is there already: what may not change is filled in as it is, whatever is filled in by now.

Otherwise a default that somebody changes would look like a change of every object that relied on the former one.
"""

from __future__ import annotations

from typing import Any

from eventing.kinds.meta import Defaults, Resource


def settled(old: Resource | None, new: Resource, defaults: Defaults) -> Resource:
    """`new` with its defaults; of the fields that stay, those that `old` has, or has not, in place of others."""
    full = new.defaulted(defaults)
    if old is None or type(old) is not type(new):
        return full
    fixed = {name for name, info in type(new.spec).model_fields.items() if (info.alias or name) in new.FIXED}
    kept: dict[str, Any] = {
        name: getattr(old.spec, name)
        for name in fixed
        if getattr(new.spec, name) is None and getattr(full.spec, name) is not None
    }
    return full.model_copy(update={"spec": full.spec.model_copy(update=kept)}) if kept else full
