"""Whether a wall stands between two things: neighbours through a wall are no neighbours.

World frame, z up, metres.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.graph.boxes import limits_along, limits_of_box
from mono_hydra.graph.scene_graph import Box
from mono_hydra.graph.surroundings import Surroundings

IN_GAP_M = 0.08  # a box may reach this far into the wall it stands at


def is_parted(first: Box, second: Box, surroundings: Surroundings) -> bool:
    """Whether a wall's two faces lie between two boxes, one turned to each of them."""
    return _faces(first, second, surroundings) and _faces(second, first, surroundings)


def _faces(box: Box, other: Box, surroundings: Surroundings) -> bool:
    """Whether a wall faces a box from the gap between it and another one."""
    side, gap_m = _gap(box, other)
    if gap_m < 0.0:
        return False
    reach_m = gap_m + IN_GAP_M
    return surroundings.wall_gap_m(box, side, reach_m, inside_m=IN_GAP_M) is not None


def _gap(box: Box, other: Box) -> tuple[int, float]:
    """The side of a box that is farthest from another box, and how far (negative: nowhere)."""
    low, high = limits_of_box(box)
    other_low, other_high = limits_along(other, box.yaw_rad)
    gaps = np.array([*(other_low - high)[:2], *(low - other_high)[:2]])
    side = int(np.argmax(gaps))
    return side, float(gaps[side])
