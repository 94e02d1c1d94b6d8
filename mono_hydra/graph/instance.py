"""One tracked object: its views and the evidence of its voxels.

The voxels are the sum over the views of the voxels of their points, so that an instance can be made
anew from its views at other poses: counts are whole numbers, and no order matters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono_hydra.graph import object_kernels as kernels
from mono_hydra.graph.boxes import footprint_yaw, turned_box
from mono_hydra.graph.scene_graph import Box
from mono_hydra.types import F8, I4, I8, U1, Bool

VOXEL_M = 0.025
COARSE_M = 0.05
HITS, MISSES, WEIGHT = 0, 1, 2  # columns of `counts`
SURE_M = 0.02  # errors below the voxel size count as this
FULL_PRECISION = 400
UNCERTAIN_SIGMA = 0.012  # of ln depth; a depth sensor states less, a network more
MIN_MISSES = 3  # fewer looks through a voxel may be pixels of its rim


@dataclass(frozen=True, eq=False)
class Observation:
    """What one view showed of an instance."""

    keyframe_id: int
    stamp_s: float
    label: int
    n_px: int
    confidence: float
    sigma: float  # mean, of ln depth
    depth_m: float  # mean
    border_share: float
    points_mm: np.ndarray  # (N, 3) int16, camera frame

    @property
    def weight(self) -> float:
        """Votes for the label."""
        return self.n_px * self.confidence

    @property
    def noise_m(self) -> float:
        """Usual error of its points along the view, as predicted."""
        return self.sigma * self.depth_m

    @property
    def precision(self) -> int:
        """Weight of its points: the inverse variance, whole so that no order matters."""
        return max(1, round(FULL_PRECISION * (SURE_M / max(self.noise_m, SURE_M)) ** 2))

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
    counts: I4 = field(default_factory=lambda: np.empty((0, 3), np.int32))
    coarse_keys: I8 = field(default_factory=lambda: np.empty(0, np.int64))  # of solid voxels
    low_m: F8 = field(default_factory=lambda: np.full(3, np.inf))
    high_m: F8 = field(default_factory=lambda: np.full(3, -np.inf))
    label_votes: F8 = field(default_factory=lambda: np.zeros(256))
    seen_as: F8 = field(default_factory=lambda: np.zeros(256))  # labels measured at its voxels
    votes_whole: int = 0  # views that show it as one piece
    votes_split: int = 0  # views that show two pieces with a gap
    n_checked: int = 0  # voxels when it was last tried to be cut
    n_hosted: int = 0  # voxels when it was last tried to be joined with what it is a part of
    crop_rgb: U1 | None = None
    crop_score: float = 0.0
    _rough_box: Box | None = None

    @property
    def views(self) -> int:
        """Keyframes that show it."""
        return len({o.keyframe_id for o in self.observations})

    @property
    def noise_m(self) -> float:
        """Usual error of its points along the view, as predicted."""
        if not self.observations:
            return 0.0
        return float(np.median([o.noise_m for o in self.observations[-20:]]))

    @property
    def is_uncertain(self) -> bool:
        """Whether depth is so uncertain that outlines tell more than points do."""
        if not self.observations:
            return False
        return float(np.median([o.sigma for o in self.observations[-20:]])) > UNCERTAIN_SIGMA

    @property
    def sureness(self) -> float:
        """Mean confidence of its pixels in its label."""
        weights = [o.n_px for o in self.observations]
        return float(np.average([o.confidence for o in self.observations], weights=weights))

    def add(self, observation: Observation, T_world_camera: F8) -> None:
        """Count a view in."""
        self.observations.append(observation)
        self.label_votes[observation.label] += observation.weight
        points = observation.points_world_m(T_world_camera)
        keys = unique_keys(points, VOXEL_M)
        counts = np.zeros((len(keys), 3), np.int32)
        counts[:, HITS] = 1
        counts[:, WEIGHT] = observation.precision
        self._merge(keys, counts)
        self.coarse_keys = kernels.union_sorted(self.coarse_keys, unique_keys(points, COARSE_M))
        kernels.grow_bounds(points, self.low_m, self.high_m)

    def absorb(self, other: Instance) -> None:
        """Take over all views and voxels of another instance."""
        self.observations = sorted(
            self.observations + other.observations, key=lambda o: o.keyframe_id
        )
        self.label_votes += other.label_votes
        self.seen_as += other.seen_as
        self._merge(other.keys, other.counts)
        self.refresh()
        if other.crop_score > self.crop_score:
            self.crop_rgb, self.crop_score = other.crop_rgb, other.crop_score

    def carve(self, through: Bool) -> None:
        """Count the voxels that a view looks through."""
        before = self.solid()
        self.counts[through, MISSES] += 1
        if (self.solid() != before).any():
            self.refresh()

    def _merge(self, keys: I8, counts: I4) -> None:
        merged = np.empty(len(self.keys) + len(keys), np.int64)
        merged_counts = np.empty((len(merged), 3), np.int32)
        n = kernels.merge_sorted(self.keys, self.counts, keys, counts, merged, merged_counts)
        if n != len(self.keys):
            self._rough_box = None
        self.keys, self.counts = merged[:n].copy(), merged_counts[:n].copy()

    def refresh(self) -> None:
        """Recompute what follows from the solid voxels."""
        solid = self.centers_m(self.solid())
        self.coarse_keys = unique_keys(solid, COARSE_M)
        self._rough_box = None
        if len(solid):
            self.low_m, self.high_m = solid.min(axis=0), solid.max(axis=0)
        else:
            self.low_m, self.high_m = np.full(3, np.inf), np.full(3, -np.inf)

    def solid(self) -> Bool:
        """(V,) voxels that views confirm more often than they look through."""
        hits, misses = self.counts[:, HITS], self.counts[:, MISSES]
        return np.asarray((hits > 0) & ((misses < MIN_MISSES) | (misses <= hits)))

    def centers_m(self, chosen: Bool | None = None) -> F8:
        """(V, 3) voxel centres."""
        return key_centers(self.keys if chosen is None else self.keys[chosen], VOXEL_M)

    def rough_box(self) -> Box | None:
        """Turned box of the coarse voxels; None without any."""
        if self._rough_box is None and len(self.coarse_keys):
            points = key_centers(self.coarse_keys, COARSE_M)
            self._rough_box = turned_box(points, footprint_yaw(points))
        return self._rough_box


def union_box(a: Instance, b: Instance) -> Box:
    """Turned box around two instances."""
    points = key_centers(np.concatenate([a.coarse_keys, b.coarse_keys]), COARSE_M)
    return turned_box(points, footprint_yaw(points))


def key_centers(keys: I8, size_m: float) -> F8:
    """(V, 3) centres of voxels."""
    centers = np.empty((len(keys), 3))
    kernels.centers_of_keys(keys, size_m, centers)
    return centers


def unique_keys(points_m: F8, size_m: float) -> I8:
    """Sorted unique voxel keys of points (N, 3)."""
    keys: I8 = kernels.unique_keys_of_points(np.ascontiguousarray(points_m, np.float64), size_m)
    return keys
