"""Angle between predicted and true normals, pooled over the pixels of the set."""

from __future__ import annotations

import numpy as np

from m2h.types import F4, F8

BIN_DEG = 0.01  # resolution of the median; mean and shares are exact
LIMITS_DEG = (11.25, 22.5, 30.0)


class NormalScores:
    """Collects normal images; `result()` gives the block `normals`."""

    def __init__(self) -> None:
        self._histogram = np.zeros(round(180 / BIN_DEG) + 1, dtype=np.int64)
        self._sum_deg = 0.0
        self._below = np.zeros(len(LIMITS_DEG), dtype=np.int64)
        self._n_images = 0

    def add(self, predicted: F4, true: F4) -> None:
        """Count one image; both (H, W, 3), camera axes right, down, forward; truth 0 = unknown."""
        known = np.sum(true**2, axis=-1) > 0.25
        if not known.any():
            return
        angle_deg = angles_deg(np.nan_to_num(predicted[known]), true[known])
        self._sum_deg += float(angle_deg.sum())
        self._below += [int((angle_deg < limit).sum()) for limit in LIMITS_DEG]
        bins = (angle_deg / BIN_DEG).astype(np.int64)
        self._histogram += np.bincount(bins, minlength=len(self._histogram))
        self._n_images += 1

    def result(self) -> dict[str, object]:
        """All keys of the block; empty if no image was counted."""
        n = int(self._histogram.sum())
        if not n:
            return {}
        median_bin = int(np.searchsorted(np.cumsum(self._histogram), n / 2))
        shares = {
            f"below_{limit:g}_deg": float(below / n)
            for limit, below in zip(LIMITS_DEG, self._below, strict=True)
        }
        return {
            "mean_deg": self._sum_deg / n,
            "median_deg": (median_bin + 0.5) * BIN_DEG,
            **shares,
            "images": self._n_images,
        }


def angles_deg(a: F4 | F8, b: F4 | F8) -> F4:
    """Angle between rows of (N, 3); a zero row is 90 degrees off."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    # not the arc cosine alone: it loses a fifth of a degree near 0 in single precision
    angle = np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1))
    is_zero = ~(np.any(a, axis=-1) & np.any(b, axis=-1))
    angle[is_zero] = np.pi / 2
    return np.asarray(np.degrees(angle), dtype=np.float32)
