"""Columns: which edges are turned round so that no cycle is left, and how far right everything then stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Arc = tuple[int, int]


def turned(count: int, arcs: Sequence[Arc]) -> set[int]:
    """The arcs, by index, that close a cycle when all are followed in their order; turned round they close none."""
    out: list[list[int]] = [[] for _ in range(count)]
    entered = [False] * count
    for index, (source, target) in enumerate(arcs):
        out[source].append(index)
        entered[target] = True
    back: set[int] = set()
    state = [0] * count
    for root in sorted(range(count), key=lambda unit: entered[unit]):
        if state[root]:
            continue
        state[root] = 1
        stack: list[tuple[int, Iterator[int]]] = [(root, iter(out[root]))]
        while stack:
            unit, left = stack[-1]
            for index in left:
                target = arcs[index][1]
                if state[target] == 1:
                    back.add(index)
                elif state[target] == 0:
                    state[target] = 1
                    stack.append((target, iter(out[target])))
                    break
            else:
                state[unit] = 2
                stack.pop()
    return back


def columns(count: int, arcs: Sequence[Arc]) -> list[int]:
    """The column of each unit: one right of everything that leads to it, and what nothing leads to close to its targets.

    There must be no cycle.
    """
    out: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target in arcs:
        out[source].append(target)
        waiting[target] += 1
    first = [unit for unit in range(count) if not waiting[unit]]
    column, ready = [0] * count, list(first)
    for unit in ready:
        for target in out[unit]:
            column[target] = max(column[target], column[unit] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for unit in first:
        if out[unit]:
            column[unit] = min(column[target] for target in out[unit]) - 1
    return column
