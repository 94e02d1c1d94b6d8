"""Planes of floors, ceilings and walls, estimated from many uncertain views.

A plane keeps a fixed normal and learns its offset. Depth errors repeat where a surface is seen
again from the same side, so evidence is kept per patch of the surface and sector of the viewing
direction: a view that repeats another refines its patch and adds no new one.
World frame, z up, metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mono_hydra.types import F8, I8

Kind = Literal["floor", "ceiling", "wall"]
KINDS: tuple[Kind, ...] = ("floor", "ceiling", "wall")

PATCH_M = 1.0  # about the area over which a network's error is one number
N_SECTORS = 6  # of the viewing azimuth
INFLATION = 8.0  # neighbouring patches and sectors share part of their error
MAX_GAP_M = 1.5  # between the middles of patches of one stretch of wall
FLOOR_SIGMA_M = 0.01  # no plane of a building is flatter than this


@dataclass(eq=False)
class Plane:
    """Points x with normal @ x = offset; the normal points to the side it was seen from."""

    kind: Kind
    normal_world: F8  # (3,)
    offset_m: float = 0.0
    sigma_m: float = np.inf
    runs_m: list[tuple[float, float]] = field(default_factory=lambda: [(-np.inf, np.inf)])
    _sigma: float = 0.07  # of ln depth, of the last view
    # per patch and sector: (n, mean offset, mean distance, along)
    patches: dict[int, F8] = field(default_factory=dict)

    @property
    def along_world(self) -> F8:
        """(3,) horizontal direction in the plane."""
        n = self.normal_world
        return np.array([1.0, 0.0, 0.0]) if self.kind != "wall" else np.array([-n[1], n[0], 0.0])

    def distance_m(self, place_world_m: F8) -> float:
        """Of a place in front of the plane; at least 0.15."""
        return max(float(self.normal_world @ place_world_m) - self.offset_m, 0.15)

    def learn(self, points_world_m: F8, camera_world_m: F8, sigma: float) -> None:
        """Add one view's points (N, 3) on the plane, seen from a place.

        Args:
            points_world_m: (N, 3).
            camera_world_m: (3,).
            sigma: standard deviation of ln depth of the view.
        """
        distance_m = float(self.normal_world @ camera_world_m) - self.offset_m
        keys, along_m = self._keys(points_world_m, camera_world_m)
        ratio = (points_world_m - camera_world_m) @ self.normal_world / -max(distance_m, 0.05)
        # the mean of ln depth is unbiased, the mean of depth is not
        offsets_m = distance_m + self.offset_m - distance_m * (1.0 + np.log(np.maximum(ratio, 0.1)))
        unique, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        mean_offset = np.bincount(inverse, offsets_m) / counts
        mean_along = np.bincount(inverse, along_m) / counts
        for k, key in enumerate(unique):
            if counts[k] < 8:
                continue
            old = self.patches.get(int(key), np.zeros(4))
            n = old[0] + 1.0
            new = np.array([mean_offset[k], distance_m, mean_along[k]])
            self.patches[int(key)] = np.concatenate([[n], old[1:] + (new - old[1:]) / n])
        self.fit(sigma)

    def _keys(self, points_world_m: F8, camera_world_m: F8) -> tuple[I8, F8]:
        view = points_world_m - camera_world_m
        sector = np.floor((np.arctan2(view[:, 1], view[:, 0]) / (2 * np.pi) + 0.5) * N_SECTORS)
        along_m = points_world_m @ self.along_world
        across_m = points_world_m @ np.cross(self.normal_world, self.along_world)
        u = np.floor(along_m / PATCH_M) + 5000.0
        v = np.floor(across_m / PATCH_M) + 5000.0
        return ((u * 10000.0 + v) * 10.0 + sector).astype(np.int64), along_m

    def fit(self, sigma: float) -> None:
        """Offset, its standard deviation and the extent, from the patches."""
        if not self.patches:
            return
        table = np.array([self.patches[key] for key in sorted(self.patches)])
        self._sigma = sigma
        weights = 1.0 / (np.maximum(table[:, 2], 0.3) * sigma) ** 2
        self.offset_m = float((weights * table[:, 1]).sum() / weights.sum())
        self.sigma_m = float(np.hypot(np.sqrt(INFLATION / weights.sum()), FLOOR_SIGMA_M))
        if self.kind == "wall":
            self.runs_m = _runs(np.sort(table[:, 3]))

    def turn(self, normal_world: F8) -> None:
        """Give a wall a refined direction; its patches keep their places."""
        old_normal, old_along = self.normal_world, self.along_world
        self.normal_world = normal_world
        new_along = self.along_world
        for key, (n, offset_m, distance_m, along_m) in self.patches.items():
            place = offset_m * old_normal + along_m * old_along
            self.patches[key] = np.array(
                [n, float(place @ normal_world), distance_m, float(place @ new_along)]
            )
        self.fit(self._sigma)

    def rows(self, index: int) -> list[F8]:
        """(9,) a run, for the kernels: normal, offset, sigma, extent, kind, index."""
        n, kind = self.normal_world, KINDS.index(self.kind)
        return [
            np.array([*n, self.offset_m, self.sigma_m, low, high, kind, index])
            for low, high in self.runs_m
        ]


def _runs(places_m: F8) -> list[tuple[float, float]]:
    """Intervals that ascending places cover without a gap."""
    breaks = np.flatnonzero(np.diff(places_m) > MAX_GAP_M) + 1
    half = 0.4 * PATCH_M
    return [(float(run[0]) - half, float(run[-1]) + half) for run in np.split(places_m, breaks)]
