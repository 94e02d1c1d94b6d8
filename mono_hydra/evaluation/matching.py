"""One-to-one matching: as many admissible pairs as possible, then the least total cost."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from mono_hydra.types import F8, Bool

INADMISSIBLE = 1e6  # above any sum of costs, so that one more pair always pays


def match(cost: F8, admissible: Bool) -> list[tuple[int, int]]:
    """Pairs (row, column), ascending.

    Args:
        cost: (N, M), far below 1e6.
        admissible: (N, M) bool.
    """
    if cost.size == 0:
        return []
    rows, columns = linear_sum_assignment(np.where(admissible, cost, INADMISSIBLE))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if admissible[i, j]]
