"""Strategic merge patch, `application/strategic-merge-patch+json`: what kubectl sends for Kubernetes' own kinds.

A merge patch in which some lists merge by key, and in which directives (`$patch`, `$retainKeys`,
`$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD`) say what fields alone can't.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eventing.errors import Invalid
from eventing.kinds.wording import shown
from kanal.api.kube.keyed import ITEM, METADATA_KEYS, Keys, Pattern, compact, key_names
from kanal.api.kube.plain import copied

_PATCH, _RETAIN = "$patch", "$retainKeys"
_TAKE_OUT, _ORDER = "$deleteFromPrimitiveList/", "$setElementOrder/"
_GONE = object()


def strategically(document: Any, patch: Any, keys: Keys = METADATA_KEYS) -> Any:
    """The document after a strategic merge patch; of several key fields the first is the merge key.

    Raises `Invalid` for directives that make no sense and for items without their merge key.
    """
    if not isinstance(patch, dict):
        raise Invalid("a strategic merge patch is a map of fields", fix='write {"spec": ...}')
    found = _value(copied(document), copied(patch), (), keys)
    return {} if found is _GONE else found


def _value(live: Any, patch: Any, path: Pattern, keys: Keys) -> Any:
    if isinstance(patch, dict):
        return _map(live if isinstance(live, dict) else {}, patch, path, keys)
    if not isinstance(patch, list):
        return patch
    names = key_names(path, keys)
    items = live if isinstance(live, list) else []
    if names is None:
        return [item for item in patch if not _is_directive(item)]
    if not names:
        added = [item for item in patch if not _is_directive(item)]
        kept = [] if len(added) < len(patch) else items
        return _ordered(_distinct([*kept, *added]), added, items, None)
    merged = _items(items, patch, names[0], path, keys)
    return _ordered(merged, patch, items, names[0])


def _map(live: dict[str, Any], patch: dict[str, Any], path: Pattern, keys: Keys) -> Any:
    directive, retained = patch.get(_PATCH, "merge"), patch.get(_RETAIN)
    if directive == "delete":
        return _GONE
    if directive not in ("merge", "replace"):
        raise Invalid(f"{shown(directive)} is no $patch", field=_spelt(path), fix="write delete, merge or replace")
    found = {} if directive == "replace" else live
    before = {name: value for name, value in found.items() if isinstance(value, list)}
    for name, value in patch.items():
        if name not in (_PATCH, _RETAIN) and not name.startswith((_TAKE_OUT, _ORDER)):
            result = _GONE if value is None else _value(found.get(name), value, (*path, name), keys)
            if result is _GONE:
                found.pop(name, None)
            else:
                found[name] = result
    for name, value in _directives(patch, _TAKE_OUT, path):
        if isinstance(found.get(name), list):
            unwanted = set(map(compact, value))
            found[name] = [item for item in found[name] if compact(item) not in unwanted]
    for name, value in _directives(patch, _ORDER, path):
        if isinstance(found.get(name), list):
            names = key_names((*path, name), keys)
            found[name] = _ordered(found[name], value, before.get(name, []), names[0] if names else None)
    return found if retained is None else _retained(found, patch, retained, path)


def _directives(patch: Mapping[str, Any], prefix: str, path: Pattern) -> Iterator[tuple[str, list[Any]]]:
    """The fields that directives of this sort are about, and what they say."""
    for name, value in patch.items():
        if name.startswith(prefix):
            if not isinstance(value, list):
                raise Invalid("the directive needs a list", field=_spelt((*path, name)))
            yield name.removeprefix(prefix), value


def _retained(found: dict[str, Any], patch: Mapping[str, Any], names: Any, path: Pattern) -> dict[str, Any]:
    field = _spelt((*path, _RETAIN))
    if not isinstance(names, list):
        raise Invalid("the directive needs a list of fields", field=field)
    lost = [name for name, value in patch.items() if value is not None and name[:1] != "$" and name not in names]
    if lost:
        raise Invalid(f"the patch sets {shown(lost[0])} and does not retain it", field=field, fix="add it to the list")
    return {name: value for name, value in found.items() if name in names}


def _items(live: Sequence[Any], patch: Sequence[Any], key: str, path: Pattern, keys: Keys) -> list[Any]:
    """A list of maps, merged item by item."""
    replaces = any(_is_directive(item) and item[_PATCH] == "replace" for item in patch)
    found = [] if replaces else list(live)
    places = {
        compact(one[key]): place for place, one in reversed([*enumerate(found)]) if isinstance(one, dict) and key in one
    }
    for number, item in enumerate(patch):
        if _is_directive(item) and item[_PATCH] in ("replace", "merge"):
            continue
        if not isinstance(item, dict) or item.get(key) is None:
            message = f"the item has no {key}, by which the items of this list are told apart"
            raise Invalid(message, field=f"{_spelt(path)}[{number}]", fix=f"add {key}")
        name = compact(item[key])
        if name not in places and item.get(_PATCH) != "delete":
            places[name] = len(found)
            found.append({})
        if name in places:
            result = _value(found[places[name]], item, (*path, ITEM), keys)
            found[places[name]] = result
            if result is _GONE:
                del places[name]
    return [item for item in found if item is not _GONE]


def _is_directive(item: Any) -> bool:
    return isinstance(item, dict) and item.keys() == {_PATCH}


def _distinct(items: Sequence[Any]) -> list[Any]:
    found: dict[str, Any] = {}
    for item in items:
        found.setdefault(compact(item), item)
    return list(found.values())


def _ordered(items: Sequence[Any], order: Sequence[Any], live: Sequence[Any], key: str | None) -> list[Any]:
    """The items in this order; those that it does not name keep their place before what they stood before in `live`."""

    def told(item: Any) -> str:
        return compact(item.get(key) if key is not None and isinstance(item, dict) else item)

    ranks = {told(one): rank for rank, one in enumerate(order)}
    places = {told(one): place for place, one in enumerate(live)}
    named = deque(sorted((one for one in items if told(one) in ranks), key=lambda one: ranks[told(one)]))
    found: list[Any] = []
    for item in items:
        if told(item) not in ranks:
            while named and places.get(told(named[0]), -1) < places.get(told(item), len(live)):
                found.append(named.popleft())
            found.append(item)
    return [*found, *named]


def _spelt(path: Pattern) -> str:
    return ".".join(path)
