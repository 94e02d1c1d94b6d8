"""The estimated places as spheres of free space: which one a point belongs to or lies in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mono_hydra.evaluation.sphere_kernels import in_spheres_of_group, list_spheres, nearest_sphere
from mono_hydra.types import F8, I8, Bool

CELL_M = 0.5
REACH_M = 0.5  # further from every sphere, a point belongs to no place


@dataclass(frozen=True, eq=False)
class Spheres:
    """Centres and radii in the true world."""

    centers_m: F8  # (P, 3)
    radii_m: F8  # (P,)

    def __len__(self) -> int:
        """Number of spheres."""
        return len(self.radii_m)

    def nearest(self, points_m: F8) -> tuple[I8, F8]:
        """Sphere (N,) with the nearest surface and the distance (N,) to it, negative inside.

        -1 and inf for points more than 0.5 m from every sphere.
        """
        nearest, gap_m = np.empty(len(points_m), np.int64), np.empty(len(points_m))
        low, shape, start, members = self._grid
        nearest_sphere(
            np.ascontiguousarray(points_m, np.float64), self.centers_m, self.radii_m, REACH_M,
            low, CELL_M, start, members, shape, nearest, gap_m,
        )  # fmt: skip
        return nearest, gap_m

    def inside_groups(self, points_m: F8, group: I8, n_groups: int) -> Bool:
        """(N, n_groups) bool: does a point lie in a sphere of a group; group (P,), -1 for none."""
        inside = np.zeros((len(points_m), n_groups), np.int64)
        low, shape, start, members = self._grid
        in_spheres_of_group(
            np.ascontiguousarray(points_m, np.float64), self.centers_m, self.radii_m, group,
            n_groups, low, CELL_M, start, members, shape, inside,
        )  # fmt: skip
        return inside.astype(bool)

    @cached_property
    def _grid(self) -> tuple[F8, I8, I8, I8]:
        """Corner, shape, and the spheres of each cell."""
        if len(self) == 0:
            none = np.zeros(0, np.int64)
            return np.zeros(3), np.zeros(3, np.int64), np.zeros(1, np.int64), none
        reach = self.radii_m[:, None] + REACH_M
        low = (self.centers_m - reach).min(axis=0)
        high = (self.centers_m + reach).max(axis=0)
        shape = np.ceil((high - low) / CELL_M).astype(np.int64) + 1
        start = np.zeros(int(shape.prod()) + 1, np.int64)
        grid = (self.centers_m, self.radii_m, REACH_M, low, CELL_M, shape)
        list_spheres(*grid, start, np.zeros(0, np.int64))
        start = np.cumsum(start)
        members = np.empty(int(start[-1]), np.int64)
        if len(members):
            list_spheres(*grid, start, members)
        return low, shape, start, members
