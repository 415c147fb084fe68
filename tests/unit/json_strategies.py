"""Plain documents, as JSON gives them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c", "a/b", "m~n", ""])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "y", ""])


def values(scalars: st.SearchStrategy[Any] = SCALARS, names: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[Any]:
    return st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))


def maps(scalars: st.SearchStrategy[Any] = SCALARS, names: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[Any]:
    return st.dictionaries(names, values(scalars, names), max_size=4)
