"""Nodes and mixes over a product set: the attribute tree and the additive main effects.

Candidates are numbered as the transform numbers them: the last attribute changes fastest. All of
it is symmetric under renaming values, so no candidate is a pivot. Knows no torch.
"""

from __future__ import annotations

from itertools import product
from math import prod

from obclip.cloud.plan import Mix, Node

#: For each attribute a value, or None for all of them.
Cell = tuple[int | None, ...]


def fits(n: int, sizes: tuple[int, ...] | None) -> bool:
    """Whether ``sizes`` are those of a product set of ``n`` candidates."""
    return sizes is not None and all(s >= 1 for s in sizes) and prod(sizes) == n


def order(sizes: tuple[int, ...]) -> list[int]:
    """Attributes in the order they branch: fewest values first, which keeps the tree thin."""
    return sorted((i for i, s in enumerate(sizes) if s > 1), key=lambda i: (sizes[i], i))


def members(sizes: tuple[int, ...], cell: Cell) -> Node:
    """The candidates of a cell, ascending."""
    index = product(*(range(s) for s in sizes))
    return tuple(
        i
        for i, values in enumerate(index)
        if all(c is None or c == v for c, v in zip(cell, values, strict=True))
    )


def level(sizes: tuple[int, ...], told: list[int]) -> tuple[Node, ...]:
    """The tree's nodes when the attributes ``told`` have branched and the others have not."""
    axes: list[list[int | None]] = [
        list(range(s)) if i in told else [None] for i, s in enumerate(sizes)
    ]
    return tuple(members(sizes, cell) for cell in product(*axes))


def copies(old: tuple[Node, ...], new: tuple[Node, ...]) -> Mix:
    """Each new node starts as a copy of the smallest old node that holds all its members."""
    rows = []
    for node in new:
        holders = [i for i, parent in enumerate(old) if set(node) <= set(parent)]
        parent = min(holders, key=lambda i: (len(old[i]), i))
        rows.append(tuple(float(i == parent) for i in range(len(old))))
    return tuple(rows)


def are_copies(mix: Mix) -> bool:
    """Whether each new node is a copy of one old node."""
    return all(set(row) <= {0.0, 1.0} for row in mix)


def marginals(sizes: tuple[int, ...], crossed: int) -> tuple[Node, ...]:
    """Nodes of the additive form: one value of one attribute each, all of the others.

    The first ``crossed`` attributes in branching order stay crossed with everything, so that
    their interactions are kept (2 x (3 + 5) nodes instead of 2 + 3 + 5).
    """
    inner, outer = _parts(sizes, crossed)
    nodes = []
    for fixed in product(*(range(sizes[i]) for i in inner)):
        for axis in outer:
            for value in range(sizes[axis]):
                nodes.append(members(sizes, _cell(sizes, inner, fixed, axis, value)))
    return tuple(nodes)


def main_effects(sizes: tuple[int, ...], crossed: int) -> Mix:
    """Candidates out of ``marginals``: z(a,b) = z(a,.) + z(.,b) - z(.,.), for m attributes
    the sum of the m effects less (m - 1) times the mean, the mean being that of the marginals.
    """
    inner, outer = _parts(sizes, crossed)
    block = sum(sizes[axis] for axis in outer)
    rows = []
    for values in product(*(range(s) for s in sizes)):
        start = 0
        for i in inner:
            start = start * sizes[i] + values[i]
        row = [0.0] * (block * prod(sizes[i] for i in inner))
        place = start * block
        for axis in outer:
            for value in range(sizes[axis]):
                mean = (len(outer) - 1) / (len(outer) * sizes[axis])
                row[place] = float(value == values[axis]) - mean
                place += 1
        rows.append(tuple(row))
    return tuple(rows)


def _parts(sizes: tuple[int, ...], crossed: int) -> tuple[list[int], list[int]]:
    axes = order(sizes)
    crossed = max(0, min(crossed, len(axes) - 2))  # one attribute alone has nothing to add to
    return sorted(axes[:crossed]), sorted(axes[crossed:])


def _cell(
    sizes: tuple[int, ...], inner: list[int], fixed: tuple[int, ...], axis: int, value: int
) -> Cell:
    cell: list[int | None] = [None] * len(sizes)
    for i, v in zip(inner, fixed, strict=True):
        cell[i] = v
    cell[axis] = value
    return tuple(cell)
