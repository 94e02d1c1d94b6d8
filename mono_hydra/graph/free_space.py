"""Evidence of free space: a dense voxel grid that grows with the map and takes back exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.config import PlacesConfig
from mono_hydra.geometry import se3
from mono_hydra.graph import free_space_kernels as kernels
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.types import F8, I4, U1, Keyframe

FREE, SURFACE, SOLID, THIN = kernels.FREE, kernels.SURFACE, kernels.SOLID, kernels.THIN
CHUNK = np.array([32, 32, 8], np.int32)  # the grid grows by whole chunks, so that growing is rare
SPARE_SHARE = np.array([0.2, 0.2, 0.0])  # of its extent, ahead of what a growing side needs


@dataclass(frozen=True, eq=False)
class VoxelBox:
    """Half-open range of global voxel indices."""

    low: I4  # (3,)
    high: I4  # (3,)

    def padded(self, n: int) -> VoxelBox:
        """The box grown by n voxels on every side."""
        return VoxelBox(self.low - n, self.high + n)

    def union(self, other: VoxelBox) -> VoxelBox:
        """Smallest box that holds both."""
        return VoxelBox(np.minimum(self.low, other.low), np.maximum(self.high, other.high))

    def intersection(self, other: VoxelBox) -> VoxelBox:
        """Common part; empty (high <= low) if there is none."""
        return VoxelBox(np.maximum(self.low, other.low), np.minimum(self.high, other.high))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        x, y, z = (int(n) for n in np.maximum(self.high - self.low, 0))
        return x, y, z


class FreeSpace:
    """Votes for free, solid and surface of every voxel, and the state that follows from them.

    A keyframe votes once for each voxel centre it sees, and each of its surface points counts where
    it lies; the mean point of a surface voxel places the surface finer than the voxel.
    """

    def __init__(self, config: PlacesConfig, label_space: LabelSpace, max_range_m: float) -> None:
        self.config = config
        self._kind_of_label = _kind_of_label(label_space)
        self.voxel_m = config.voxel_size_m
        self.max_range_m = max_range_m
        self.box = VoxelBox(np.zeros(3, np.int32), np.zeros(3, np.int32))
        self._free = np.zeros((0, 0, 0), np.int32)
        self._solid, self._views = self._free, self._free
        self._hits, self._mark = self._free, np.zeros((0, 0, 0), np.uint8)
        self._sums = np.zeros((0, 0, 0, 3), np.int32)
        self._kinds = np.zeros((0, 0, 0, 2), np.int32)  # surface points labelled wall, door
        self.state: U1 = np.zeros((0, 0, 0), np.uint8)  # of `box`; see `classify`

    def add(self, keyframe: Keyframe, T_world_camera: F8, *, sign: int) -> VoxelBox:
        """Add (sign 1) or take back (-1) the votes of a keyframe seen from a pose.

        Args:
            keyframe: depth and labels of the view.
            T_world_camera: (4, 4) pose it is, or was, fused with.
            sign: +1 or -1.

        Returns:
            The box of voxels whose votes may have changed; their state is stale until `classify`.
        """
        c = self.config
        kind = self._kind_of_label[keyframe.labels]
        k = keyframe.camera.vector()
        depth_m = np.ascontiguousarray(keyframe.depth_m, np.float32)
        points, kinds = np.empty((depth_m.size, 3)), np.empty(depth_m.size, np.uint8)
        bounds = np.empty(6)
        T = np.ascontiguousarray(T_world_camera, np.float64)
        n = kernels.surface_points(
            depth_m, kind, k, T, 0.05, self.max_range_m, 2, points, kinds, bounds
        )
        if bounds[0] > bounds[3]:
            return VoxelBox(self.box.low, self.box.low)
        box = VoxelBox(
            np.floor(bounds[:3] / self.voxel_m).astype(np.int32) - 2,
            np.floor(bounds[3:] / self.voxel_m).astype(np.int32) + 3,
        )
        self._grow(box)
        kernels.add_surface(
            points[:n], kinds[:n], self.box.low, self.voxel_m, sign,
            self._views, self._hits, self._sums, self._kinds, self._mark,
        )  # fmt: skip
        kernels.add_votes(
            depth_m, kind, k, se3.inverse(T), self.box.low, box.low, box.high, self.voxel_m,
            0.10, self.max_range_m, c.free_margin_m, c.solid_band_m, sign, self._free, self._solid,
        )  # fmt: skip
        return box

    def classify(self, box: VoxelBox) -> VoxelBox:
        """Bring the state of a box up to date with its votes; the box of voxels that changed."""
        c = self.config
        changed = np.array([1 << 30] * 3 + [-1] * 3, np.int32)
        kernels.classify(
            self._free[self._slices(box)],
            self._solid[self._slices(box)],
            self._views[self._slices(box)],
            c.min_free_views,
            c.min_surface_views,
            c.min_surface_share,
            self.state[self._slices(box)],
            changed,
        )
        if changed[0] > changed[3]:
            return VoxelBox(box.low, box.low)
        low = np.maximum(box.low, self.box.low)
        return VoxelBox(low + changed[:3], low + changed[3:] + 1)

    def window(self, box: VoxelBox) -> tuple[U1, I4, I4]:
        """Copies for a box: state, surface points (X, Y, Z), sums of their offsets (..., 3)."""
        part = self._slices(box)
        state, hits, sums = self.state[part], self._hits[part], self._sums[part]
        return np.ascontiguousarray(state), np.ascontiguousarray(hits), np.ascontiguousarray(sums)

    def surfaces(self) -> tuple[I4, I4, I4]:
        """Over `box`: surface points (X, Y, Z), their offsets (..., 3), wall and door (..., 2)."""
        return self._hits, self._sums, self._kinds

    def state_at(self, points_m: F8) -> U1:
        """State of the voxels that hold the points (N, 3); unknown outside the grid."""
        index = np.floor(np.asarray(points_m) / self.voxel_m).astype(np.int64) - self.box.low
        inside = ((index >= 0) & (index < np.array(self.state.shape))).all(axis=1)
        result = np.zeros(len(index), np.uint8)
        result[inside] = self.state[tuple(index[inside].T)]
        return result

    def _slices(self, box: VoxelBox) -> tuple[slice, slice, slice]:
        clipped = box.intersection(self.box)
        x, y, z = (
            slice(
                int(clipped.low[a] - self.box.low[a]),
                max(0, int(clipped.high[a] - self.box.low[a])),
            )
            for a in range(3)
        )
        return x, y, z

    def _with_room_to_grow(self, box: VoxelBox) -> VoxelBox:
        """Both boxes; a side that moves outwards moves a good way, for each growth copies all."""
        extent = np.array(self.box.shape, np.int32)
        further = (SPARE_SHARE * extent).astype(np.int32)
        low = np.where(box.low < self.box.low, box.low - further, self.box.low)
        high = np.where(box.high > self.box.high, box.high + further, self.box.high)
        return VoxelBox(low.astype(np.int32), high.astype(np.int32))

    def _grow(self, box: VoxelBox) -> None:
        """Enlarge the arrays to hold a box; what is stored keeps its global index."""
        if self.box.shape != (0, 0, 0) and (
            (box.low >= self.box.low).all() and (box.high <= self.box.high).all()
        ):
            return
        wanted = box if self.box.shape == (0, 0, 0) else self._with_room_to_grow(box)
        low = np.floor_divide(wanted.low, CHUNK).astype(np.int32) * CHUNK
        high = -(np.floor_divide(-wanted.high, CHUNK).astype(np.int32) * CHUNK)
        new = VoxelBox(low, high)
        at = self.box.low - low
        part = tuple(slice(int(at[a]), int(at[a]) + self.box.shape[a]) for a in range(3))
        for name in ("_free", "_solid", "_views", "_hits", "_mark", "_sums", "_kinds", "state"):
            old = getattr(self, name)
            grown = np.zeros(new.shape + old.shape[3:], old.dtype)
            if old.size:
                grown[part] = old
            setattr(self, name, grown)
        self.box = new


def _kind_of_label(space: LabelSpace) -> U1:
    """(256,) kind of pixel of each label; structure but doors, floors and ceilings is wall."""
    table = np.full(256, kernels.OTHER, np.uint8)
    for label in space.labels:
        if label.kind == "dynamic":
            table[label.id] = kernels.SKIP
        elif label.kind == "structure" and label.name not in {"floor", "ceiling"}:
            table[label.id] = kernels.DOOR if label.name == "door" else kernels.WALL
    return table
