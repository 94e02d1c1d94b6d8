"""Edges of one pixel: non-maximum suppression and morphological thinning.

Sources: suppression along the edge's normal as in Structured Forests (Dollar and Zitnick 2013),
radius 1, border 5; thinning of Guo and Hall 1989 with a table over the 8 neighbours.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from m2h.types import F4

BORDER_PX = 5
TIE = 1.01  # a neighbour must be 1 % stronger to win: plateaus survive until the thinning
Bools = NDArray[np.bool_]


def suppress_non_maxima(strength: F4) -> F4:
    """Strength (H, W) where it is a maximum across the edge, else 0; fades to 0 at the border."""
    import cv2

    direction_rad = _across_edges(strength)
    rows, columns = np.indices(strength.shape, dtype=np.float32)
    keep = np.ones(strength.shape, dtype=bool)
    for side in (-1, 1):
        beside = cv2.remap(
            strength,
            columns + np.float32(side) * np.cos(direction_rad),
            rows + np.float32(side) * np.sin(direction_rad),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        keep &= strength * TIE >= beside
    height, width = strength.shape
    fade_y = np.minimum(np.minimum(np.arange(height), np.arange(height)[::-1]) / BORDER_PX, 1)
    fade_x = np.minimum(np.minimum(np.arange(width), np.arange(width)[::-1]) / BORDER_PX, 1)
    return np.asarray(strength * keep * fade_y[:, None] * fade_x[None], dtype=np.float32)


def _across_edges(strength: F4) -> F4:
    """Direction across the edge (H, W) in radians, from the curvature of the smoothed image."""
    import cv2

    triangle = np.minimum(np.arange(1, 10), np.arange(9, 0, -1)).astype(np.float64)
    triangle /= triangle.sum()
    smooth = cv2.sepFilter2D(
        strength.astype(np.float64), -1, triangle, triangle, borderType=cv2.BORDER_REFLECT
    )
    d_y, d_x = np.gradient(smooth)
    d_xx = np.gradient(d_x, axis=1)
    d_yy, d_xy = np.gradient(d_y)
    # the eigenvector of the larger absolute curvature
    angle = 0.5 * np.arctan2(2 * d_xy, d_xx - d_yy)
    along_first = d_xx + d_yy > 0  # a valley: the larger absolute curvature is the positive one
    return np.asarray(np.where(along_first, angle, angle + np.pi / 2), dtype=np.float32)


def thin(mask: Bools) -> Bools:
    """The mask (H, W) worn down to lines of one pixel; connections stay."""
    import cv2

    # weights that turn the 8 neighbours into one number; clockwise from north
    weights = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], dtype=np.float32)
    image = mask.astype(np.uint8)
    while True:
        n_before = int(image.sum())
        for table in _removable():
            code = cv2.filter2D(image, -1, weights, borderType=cv2.BORDER_CONSTANT)
            image[table[code]] = 0
        if int(image.sum()) == n_before:
            return image.astype(bool)


@lru_cache(maxsize=1)
def _removable() -> tuple[Bools, Bools]:
    """For each half-iteration: which of the 256 neighbourhoods lose their centre."""
    tables = np.zeros((2, 256), dtype=bool)
    for code in range(256):
        n, ne, e, se, s, sw, w, nw = (bool(code >> k & 1) for k in range(8))
        crossings = (
            (not n and (ne or e)) + (not e and (se or s))
            + (not s and (sw or w)) + (not w and (nw or n))
        )  # fmt: skip
        pairs = min(
            (nw or n) + (ne or e) + (se or s) + (sw or w),
            (n or ne) + (e or se) + (s or sw) + (w or nw),
        )
        if crossings == 1 and 2 <= pairs <= 3:
            tables[0, code] = not ((n or ne or not se) and e)
            tables[1, code] = not ((s or sw or not nw) and w)
    return tables[0], tables[1]
