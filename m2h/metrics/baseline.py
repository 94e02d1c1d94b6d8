"""The mean depth map: what a network must beat that has learned more than where the floor is."""

from __future__ import annotations

import numpy as np

from m2h.types import F4, F8

GRID = (60, 80)  # rows, columns: finer detail of a mean over rooms is noise


class MeanDepthMap:
    """Mean of the known depth at every place of the image, over images of any size."""

    def __init__(self) -> None:
        self._sum_m: F8 = np.zeros(GRID)
        self._count: F8 = np.zeros(GRID)

    def add(self, depth_m: F4) -> None:
        """Count one depth image (H, W), 0 = unknown."""
        sum_m, count = _cells(depth_m)
        self._sum_m += sum_m
        self._count += count

    def map(self, height: int, width: int, *, without: F4 | None = None) -> F4:
        """The mean map (height, width) in metres, bilinear.

        Args:
            height: of the result.
            width: of the result.
            without: a depth image that was added and shall not count (leave one out).
        """
        import cv2

        sum_m, count = self._sum_m, self._count
        if without is not None:
            own_sum_m, own_count = _cells(without)
            sum_m, count = sum_m - own_sum_m, count - own_count
        total = float(sum_m.sum() / max(count.sum(), 1.0))
        mean_m = np.where(count > 0.5, sum_m / np.maximum(count, 0.5), total)
        resized = cv2.resize(mean_m, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(resized, dtype=np.float32)


def _cells(depth_m: F4) -> tuple[F8, F8]:
    """Sum and number of the known pixels in every cell of the grid."""
    # an image smaller than the grid is enlarged, or cells between its pixels would stay empty
    repeats = [-(-cells // pixels) for cells, pixels in zip(GRID, depth_m.shape, strict=True)]
    depth_m = depth_m.repeat(repeats[0], axis=0).repeat(repeats[1], axis=1)
    known = np.isfinite(depth_m) & (depth_m > 0)
    rows, columns = np.nonzero(known)
    height, width = depth_m.shape
    cell = (rows * GRID[0] // height) * GRID[1] + columns * GRID[1] // width
    n_cells = GRID[0] * GRID[1]
    sum_m = np.bincount(cell, weights=depth_m[known], minlength=n_cells).astype(np.float64)
    count = np.bincount(cell, minlength=n_cells).astype(np.float64)
    return sum_m.reshape(GRID), count.reshape(GRID)
