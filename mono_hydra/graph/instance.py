"""One tracked object: its views and the evidence of its voxels.

The voxels are the sum over the views of the voxels of their points, so a view can be taken back and
added again at another pose: counts are whole numbers and nothing depends on the order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono_hydra.graph import object_kernels as kernels
from mono_hydra.types import F8, I4, I8, U1, Bool

VOXEL_M = 0.025
COARSE_M = 0.05
HITS, MISSES = 0, 1  # columns of `counts`


@dataclass(frozen=True, eq=False)
class Observation:
    """What one view showed of an instance."""

    keyframe_id: int
    stamp_s: float
    label: int
    n_px: int
    weight: float  # votes for the label: pixels times confidence
    sigma: float  # mean, of ln depth
    border_share: float
    points_mm: np.ndarray  # (N, 3) int16, camera frame

    def points_world_m(self, T_world_camera: F8) -> F8:
        """(N, 3) points in the world."""
        points = self.points_mm.astype(np.float64) * 1e-3
        return np.asarray(points @ T_world_camera[:3, :3].T + T_world_camera[:3, 3])


@dataclass(eq=False)
class Instance:
    """State of one instance; `ObjectsBuilder` owns it."""

    id: int
    label: int
    observations: list[Observation] = field(default_factory=list)
    keys: I8 = field(default_factory=lambda: np.empty(0, np.int64))  # sorted voxel keys
    counts: I4 = field(default_factory=lambda: np.empty((0, 2), np.int32))
    coarse_keys: I8 = field(default_factory=lambda: np.empty(0, np.int64))
    low_m: F8 = field(default_factory=lambda: np.full(3, np.inf))
    high_m: F8 = field(default_factory=lambda: np.full(3, -np.inf))
    label_votes: F8 = field(default_factory=lambda: np.zeros(256))
    seen_as: F8 = field(default_factory=lambda: np.zeros(256))  # labels measured at its voxels
    crop_rgb: U1 | None = None
    crop_score: float = 0.0

    @property
    def views(self) -> int:
        """Keyframes that show it."""
        return len({o.keyframe_id for o in self.observations})

    def add(self, observation: Observation, T_world_camera: F8) -> None:
        """Count a view in."""
        self.observations.append(observation)
        self.label_votes[observation.label] += observation.weight
        keys, counts = voxels_of(observation.points_world_m(T_world_camera))
        self._merge(keys, counts)

    def absorb(self, other: Instance) -> None:
        """Take over all views and voxels of another instance."""
        self.observations = sorted(
            self.observations + other.observations, key=lambda o: o.keyframe_id
        )
        self.label_votes += other.label_votes
        self.seen_as += other.seen_as
        self._merge(other.keys, other.counts)
        if other.crop_score > self.crop_score:
            self.crop_rgb, self.crop_score = other.crop_rgb, other.crop_score

    def _merge(self, keys: I8, counts: I4) -> None:
        merged = np.empty(len(self.keys) + len(keys), np.int64)
        merged_counts = np.empty((len(merged), 2), np.int32)
        n = kernels.merge_sorted(self.keys, self.counts, keys, counts, merged, merged_counts)
        self.keys, self.counts = merged[:n].copy(), merged_counts[:n].copy()
        self.refresh()

    def refresh(self) -> None:
        """Recompute what follows from the voxels."""
        solid = self.centers_m(self.solid())
        self.coarse_keys = unique_keys(solid, COARSE_M)
        if len(solid):
            self.low_m, self.high_m = solid.min(axis=0), solid.max(axis=0)
        else:
            self.low_m, self.high_m = np.full(3, np.inf), np.full(3, -np.inf)

    def solid(self) -> Bool:
        """(V,) voxels that views confirm more often than they look through."""
        hits, misses = self.counts[:, HITS], self.counts[:, MISSES]
        return np.asarray((hits > 0) & ((misses < 3) | (misses <= hits)))

    def centers_m(self, chosen: Bool | None = None) -> F8:
        """(V, 3) voxel centres."""
        keys = self.keys if chosen is None else self.keys[chosen]
        centers = np.empty((len(keys), 3))
        kernels.centers_of_keys(keys, VOXEL_M, centers)
        return centers


def voxels_of(points_m: F8) -> tuple[I8, I4]:
    """Sorted voxel keys of points and their counts (V, 2): one hit each, no miss."""
    keys = unique_keys(points_m, VOXEL_M)
    counts = np.zeros((len(keys), 2), np.int32)
    counts[:, HITS] = 1
    return keys, counts


def unique_keys(points_m: F8, size_m: float) -> I8:
    """Sorted unique voxel keys of points (N, 3)."""
    keys = np.empty(len(points_m), np.int64)
    kernels.keys_of_points(np.ascontiguousarray(points_m, np.float64), size_m, keys)
    return np.unique(keys)
