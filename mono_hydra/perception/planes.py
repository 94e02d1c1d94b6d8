"""Planes of floors, ceilings and walls, estimated from many uncertain views.

A plane keeps a normal and learns its offset. Depth errors repeat where a surface is seen again
from the same side, so evidence is kept per patch of the surface and sector of the viewing
direction: a view that repeats another refines its patch and adds no new one.
World frame, z up, metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mono_hydra.perception.plane_kernels import weigh
from mono_hydra.types import F4, F8, I8

Kind = Literal["floor", "ceiling", "wall"]
KINDS: tuple[Kind, ...] = ("floor", "ceiling", "wall")

PATCH_M = 1.0  # about the area over which a network's error is one number
LENGTH_M = 0.7  # correlation length of the mean errors of patches
TURN_RAD = 1.5  # an error seen from this far aside is another one
SCALE_SHARE = 0.2  # of the variance of ln depth that belongs to a view
N_SECTORS = 6  # of the viewing azimuth
MAX_GAP_M = 1.5  # between the middles of patches of one stretch of wall
FLATNESS_M = {"floor": 0.01, "ceiling": 0.01, "wall": 0.01}  # none is flatter than this
DIRECTION_RAD = 0.05  # standard deviation of the walls' direction by one view
STEP_M = 0.15  # standard deviation between walls that go on beside each other
STEP_ODDS = 10.0  # for a step that was searched for
MIN_PATCHES = 4  # on each side of a step
MIN_SAMPLES = 8  # of a patch in a view


@dataclass(eq=False)
class Plane:
    """Points x with normal @ x = offset; the normal points to the side it was seen from."""

    kind: Kind
    normal_world: F8  # (3,)
    offset_m: float = 0.0
    sigma_m: float = np.inf
    runs_m: list[tuple[float, float]] = field(default_factory=lambda: [(-np.inf, np.inf)])
    n_views: int = 0
    keys: I8 = field(default_factory=lambda: np.zeros(0, np.int64))  # (N,) patch and sector
    # (N, 7) views, offset, distance, along, across, azimuth, variance of ln depth: means
    patches: F8 = field(default_factory=lambda: np.zeros((0, 7)))

    @property
    def along_world(self) -> F8:
        """(3,) horizontal direction in the plane."""
        n = self.normal_world
        return np.array([1.0, 0.0, 0.0]) if self.kind != "wall" else np.array([-n[1], n[0], 0.0])

    def distance_m(self, place_world_m: F8) -> float:
        """Of a place in front of the plane; at least 0.15."""
        return max(float(self.normal_world @ place_world_m) - self.offset_m, 0.15)

    def learn(self, points_world_m: F8, camera_world_m: F8, error: F4, variance: F4) -> None:
        """Add one view's points (N, 3) on the plane, seen from a place.

        Args:
            points_world_m: (N, 3).
            camera_world_m: (3,).
            error: (N,) what is known of the points' error of ln depth by other planes.
            variance: (N,) of ln depth that is left then.
        """
        distance_m = float(self.normal_world @ camera_world_m) - self.offset_m
        view = points_world_m - camera_world_m
        azimuth = np.arctan2(view[:, 1], view[:, 0])
        along_m = points_world_m @ self.along_world
        across_m = points_world_m[:, 2 if self.kind == "wall" else 1]
        keys = _keys(along_m, across_m, azimuth)
        ratio = view @ self.normal_world / -max(distance_m, 0.05)
        # the mean of ln depth is unbiased, the mean of depth is not
        off = np.log(np.maximum(ratio, 0.1)) - error
        offsets_m = self.offset_m - distance_m * off
        unique, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        rows = np.zeros((len(unique), 7))
        rows[:, 0], rows[:, 2] = 1.0, distance_m
        for column, values in ((1, offsets_m), (3, along_m), (4, across_m), (6, variance)):
            rows[:, column] = np.bincount(inverse, values) / counts
        sector = unique % 10
        rows[:, 5] = (sector + 0.5) * 2.0 * np.pi / N_SECTORS
        enough = counts >= MIN_SAMPLES
        if enough.any():
            self.n_views += 1
            self._add(unique[enough], rows[enough])
            self.fit()

    def absorb(self, other: Plane) -> None:
        """Take the evidence of another plane that proved to be the same."""
        self.n_views += other.n_views
        self._add(other.keys, other.patches)
        self.fit()

    def split(self) -> Plane | None:
        """Give away the part of a wall that lies on another plane; None where all is one."""
        best, best_at_m = STEP_ODDS, 0.0
        along_m = self.patches[:, 3]
        for at_m in np.unique(np.floor(along_m / PATCH_M))[1:] * PATCH_M:
            left = along_m < at_m
            if min(left.sum(), (~left).sum()) < MIN_PATCHES:
                continue
            odds = step_odds(*self._weigh(self.patches[left]), *self._weigh(self.patches[~left]))
            if odds > best:
                best, best_at_m = odds, float(at_m)
        if best == STEP_ODDS:
            return None
        left = along_m < best_at_m
        other = Plane(self.kind, self.normal_world, n_views=self.n_views)
        other._add(self.keys[~left], self.patches[~left])
        other.fit()
        self.keys, self.patches = self.keys[left], self.patches[left]
        self.fit()
        return other

    def _weigh(self, patches: F8) -> tuple[float, float]:
        offset_m, spread_m = weigh(patches, SCALE_SHARE, float(self.n_views), LENGTH_M, TURN_RAD)
        turned_m = 0.0
        if self.kind == "wall":
            turned_m = DIRECTION_RAD * float(np.std(patches[:, 3])) / np.sqrt(self.n_views)
        return offset_m, float(np.sqrt(spread_m**2 + turned_m**2 + FLATNESS_M[self.kind] ** 2))

    def _add(self, keys: I8, rows: F8) -> None:
        """Average rows (M, 7) into the patches with those keys, sure ones more."""
        merged, inverse = np.unique(np.concatenate([self.keys, keys]), return_inverse=True)
        table = np.concatenate([self.patches, rows])
        weights = table[:, 0] / table[:, 6]
        n, total = np.bincount(inverse, table[:, 0]), np.bincount(inverse, weights)
        sums = [np.bincount(inverse, weights * table[:, k]) for k in range(1, 6)]
        self.keys = merged
        self.patches = np.column_stack([n, *(s / total for s in sums), n / total])

    def fit(self) -> None:
        """Offset, its standard deviation and the extent, from the patches."""
        if not len(self.patches):
            return
        self.offset_m, self.sigma_m = self._weigh(self.patches)
        if self.kind == "wall":
            self.runs_m = _runs(np.sort(self.patches[:, 3]))

    def turn(self, normal_world: F8) -> None:
        """Give a wall a refined direction; its patches keep their places."""
        old_normal, old_along = self.normal_world, self.along_world
        self.normal_world = normal_world
        places = self.patches[:, 1:2] * old_normal + self.patches[:, 3:4] * old_along
        self.patches[:, 1] = places @ normal_world
        self.patches[:, 3] = places @ self.along_world
        self.fit()

    def rows(self, index: int, T_world_camera: F8) -> list[F8]:
        """(12,) a run, as a camera in front of the plane sees it: align_kernels."""
        t = T_world_camera[:3, 3]
        distance_m = self.distance_m(t)
        axes = T_world_camera[:3, :3].T @ np.column_stack([self.normal_world, self.along_world])
        here_m = float(self.along_world @ t)
        head = [*axes[:, 0], *axes[:, 1], distance_m, (self.sigma_m / distance_m) ** 2]
        tail = [float(KINDS.index(self.kind)), float(index)]
        return [np.array([*head, low - here_m, high - here_m, *tail]) for low, high in self.runs_m]


def step_odds(a_m: float, a_sigma_m: float, b_m: float, b_sigma_m: float) -> float:
    """How much likelier two offsets belong to two walls than to one."""
    one = a_sigma_m**2 + b_sigma_m**2
    two = one + STEP_M**2
    exponent = 0.5 * (a_m - b_m) ** 2 * (1.0 / one - 1.0 / two)
    return float(np.sqrt(one / two) * np.exp(min(exponent, 50.0)))


def overlap_m(a: Plane, b: Plane) -> float:
    """Length along two parallel walls over which both are known; infinite for floors."""
    return sum(
        max(min(a_high, b_high) - max(a_low, b_low), 0.0)
        for a_low, a_high in a.runs_m
        for b_low, b_high in b.runs_m
    )


def _keys(along_m: F8, across_m: F8, azimuth: F8) -> I8:
    sector = np.floor((azimuth / (2 * np.pi) + 0.5) * N_SECTORS)
    u = np.floor(along_m / PATCH_M) + 5000.0
    v = np.floor(across_m / PATCH_M) + 5000.0
    return ((u * 10000.0 + v) * 10.0 + np.minimum(sector, N_SECTORS - 1)).astype(np.int64)


def _runs(places_m: F8) -> list[tuple[float, float]]:
    """Intervals that ascending places cover without a gap."""
    breaks = np.flatnonzero(np.diff(places_m) > MAX_GAP_M) + 1
    half = 0.4 * PATCH_M
    return [(float(run[0]) - half, float(run[-1]) + half) for run in np.split(places_m, breaks)]
