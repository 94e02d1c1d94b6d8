"""Largest one-to-one matching of every prefix of an ordered list, in one pass.

Source: augmenting paths (Berge 1957; Kuhn 1955). Because the left side grows and the right side is
fixed, whatever a failed search has visited can never be matched anew (a Hungarian tree) and is left
out from then on: all failures together cost one visit of every edge, so that the matching of all
thresholds takes as long as that of the lowest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def matched_in_order(
    starts: Sequence[int], neighbours: Sequence[int], n_right: int
) -> NDArray[np.bool_]:
    """Whether each left vertex enlarges the matching when it is added after those before it.

    Args:
        starts: (n_left + 1), where the neighbours of each left vertex begin.
        neighbours: right vertices, 0..n_right - 1, preferred ones first.
        n_right: number of right vertices.

    Returns:
        (n_left,); the sum of the first k is the size of a maximum matching of the first k.
    """
    n_left = len(starts) - 1
    partner_of_right, partner_of_left = [-1] * n_right, [-1] * n_left
    is_dead = bytearray(n_right)
    enlarged = np.zeros(n_left, dtype=bool)
    for left in range(n_left):
        reached_from: dict[int, int] = {}
        free = _search(left, starts, neighbours, partner_of_right, is_dead, reached_from)
        if free < 0:
            for right in reached_from:
                is_dead[right] = 1
            continue
        enlarged[left] = True
        _flip(left, free, reached_from, partner_of_right, partner_of_left)
    return enlarged


def _search(
    left: int,
    starts: Sequence[int],
    neighbours: Sequence[int],
    partner_of_right: Sequence[int],
    is_dead: bytearray,
    reached_from: dict[int, int],
) -> int:
    """Nearest free right vertex over alternating paths, -1 if none; fills `reached_from`."""
    queue = [left]
    for vertex in queue:  # grows while it is read
        for right in neighbours[starts[vertex] : starts[vertex + 1]]:
            if is_dead[right] or right in reached_from:
                continue
            reached_from[right] = vertex
            owner = partner_of_right[right]
            if owner < 0:
                return right
            queue.append(owner)
    return -1


def _flip(
    left: int,
    free: int,
    reached_from: dict[int, int],
    partner_of_right: list[int],
    partner_of_left: list[int],
) -> None:
    """Match along the path that ends in `free`, back to `left`."""
    right = free
    while True:
        vertex = reached_from[right]
        before = partner_of_left[vertex]
        partner_of_right[right], partner_of_left[vertex] = vertex, right
        if vertex == left:
            return
        right = before
