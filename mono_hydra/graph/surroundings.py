"""Floor and walls near an object, from the fused mesh: what its unseen sides may reach.

World frame, z up. Kept per mesh block, so that a changed block replaces what it said before; a
block is read when somebody asks for it, as most change many times before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from mono_hydra.graph import surroundings_kernels as kernels
from mono_hydra.graph.boxes import limits_of_box, rotation_2d
from mono_hydra.graph.scene_graph import Box
from mono_hydra.labels import LabelSpace
from mono_hydra.types import F4, F8, MeshBlock

BlockIndex = tuple[int, int, int]
Said = TypeVar("Said")

UPRIGHT = 0.8  # least |cosine| between a normal and the direction it stands for
SIDE_REACH_M = 0.8  # walls beside an object speak for the wall behind it
FLOOR_REACH_M = 1.0
YAW_EVERY = 8  # updates between two readings of all blocks for the direction of the walls
FEW_YAW_VOTES = 2000  # below this the direction is read anew at every update


class Surroundings:
    """Owns floor and wall vertices by block."""

    def __init__(self, label_space: LabelSpace, block_size_m: float) -> None:
        self.block_size_m = block_size_m
        self._is_floor = np.zeros(256, bool)
        self._is_floor[[x.id for x in label_space.labels if x.surface]] = True
        self._is_structure = label_space.mask("structure") & ~self._is_floor
        self._floor: dict[BlockIndex, tuple[float, int]] = {}  # mean height, vertices
        self._walls: dict[BlockIndex, F4] = {}  # (N, 5) position, plan normal
        self._yaw_bins: dict[BlockIndex, np.ndarray] = {}
        self._yaw_votes = np.zeros(90, np.int64)  # wall directions modulo 90 degrees
        self._unread: dict[BlockIndex, MeshBlock] = {}
        self._n_updates = 0

    def update(self, changed_mesh: Mapping[BlockIndex, MeshBlock | None]) -> None:
        """Replace what changed blocks said."""
        for index, block in changed_mesh.items():
            if block is not None and len(block.vertices_m):
                self._unread[index] = block
            else:
                self._unread.pop(index, None)
                self._forget(index)
        self._n_updates += 1
        if self._n_updates % YAW_EVERY == 0 or self._yaw_votes.sum() < FEW_YAW_VOTES:
            for index in list(self._unread):
                self._bring_up_to_date(index)

    def _forget(self, index: BlockIndex) -> None:
        self._floor.pop(index, None)
        self._walls.pop(index, None)
        old = self._yaw_bins.pop(index, None)
        if old is not None:
            self._yaw_votes -= old

    def _bring_up_to_date(self, index: BlockIndex) -> None:
        block = self._unread.pop(index, None)
        if block is not None:
            self._forget(index)
            self._read(index, block)

    def _read(self, index: BlockIndex, block: MeshBlock) -> None:
        n = len(block.labels)
        walls, votes = np.empty((n, 5), np.float32), np.zeros(90, np.int64)
        height_m, n_floor, n_walls = kernels.read_block(
            block.vertices_m, block.normals, block.labels, self._is_floor, self._is_structure,
            UPRIGHT, walls, votes,
        )  # fmt: skip
        if n_floor:
            self._floor[index] = (float(height_m), n_floor)
        if n_walls:
            self._walls[index] = walls[:n_walls].copy()
            self._yaw_bins[index] = votes
            self._yaw_votes += votes

    def floor_z_m(self, position_m: F8) -> float | None:
        """Height of the floor below a position, None where none was seen nearby."""
        reach = int(np.ceil(FLOOR_REACH_M / self.block_size_m))
        i, j, k = (int(np.floor(x / self.block_size_m)) for x in position_m)
        depth = int(np.ceil(2.6 / self.block_size_m))
        around = range(i - reach, i + reach + 1), range(j - reach, j + reach + 1)
        found = self._of_blocks(self._floor, *around, range(k - depth, k + 1))
        found = [f for f in found if f[0] <= position_m[2] + 0.1]
        if sum(n for _, n in found) < 10:
            return None
        z, n = np.array([f[0] for f in found]), np.array([f[1] for f in found])
        near_top = z >= z.max() - 0.3  # the storey's own floor, not the one below
        return float(np.average(z[near_top], weights=n[near_top]))

    def wall_yaw_rad(self) -> float | None:
        """The commonest direction of walls modulo 90 degrees, None without walls."""
        if self._yaw_votes.sum() < 100:
            return None
        votes = self._yaw_votes
        smooth = votes + np.roll(votes, 1) + np.roll(votes, -1)
        k = int(np.argmax(smooth))
        window = np.arange(k - 2, k + 3)
        return float(
            np.radians(np.average(window, weights=votes[window % 90] + 1e-9)) % (np.pi / 2)
        )

    def wall_gap_m(
        self,
        box: Box,
        side: int,
        reach_m: float,
        *,
        inside_m: float = 0.15,
        strongest: bool = False,
    ) -> float | None:
        """Distance outwards from a side of a box to a wall that faces it, None without one.

        Args:
            box: the object.
            side: 0 the +x side of the box, 1 the +y side, 2 the -x side, 3 the -y side.
            reach_m: walls farther away do not count.
            inside_m: nor do walls that lie farther behind that side.
            strongest: the wall with most surface rather than the first one outwards.
        """
        axis, sign = side % 2, 1.0 if side < 2 else -1.0
        R = rotation_2d(box.yaw_rad)
        normal = sign * R[:, axis]
        low, high = limits_of_box(box)
        face = float(high[axis] if sign > 0 else -low[axis])
        vertices = self._walls_near(box, reach_m + SIDE_REACH_M)
        if vertices is None:
            return None
        facing = vertices[:, 3:5] @ normal < -UPRIGHT
        gap = vertices[:, :2] @ normal - face
        beside = vertices[:, :2] @ R[:, 1 - axis]
        near = (beside > low[1 - axis] - SIDE_REACH_M) & (beside < high[1 - axis] + SIDE_REACH_M)
        gap = gap[facing & near & (gap > -inside_m) & (gap < reach_m)]
        if len(gap) < 8:
            return None
        bins = np.bincount(((gap + inside_m) / 0.04).astype(np.int64))
        enough = bins >= max(8, 0.3 * bins.max())
        if not enough.any():
            return None
        k = int(np.argmax(bins if strongest else enough))
        chosen = gap[np.abs(gap + inside_m - 0.04 * (k + 0.5)) < 0.05]
        return float(np.median(chosen))

    def _walls_near(self, box: Box, reach_m: float) -> F8 | None:
        half = float(np.hypot(*box.size_m[:2])) / 2 + reach_m
        reach = np.array([half, half, box.size_m[2] / 2 + 0.4])
        low = np.floor((box.center_m - reach) / self.block_size_m)
        high = np.floor((box.center_m + reach) / self.block_size_m)
        (i0, j0, k0), (i1, j1, k1) = low.astype(int), high.astype(int)
        around = range(i0, i1 + 1), range(j0, j1 + 1), range(k0, k1 + 1)
        found = self._of_blocks(self._walls, *around)
        return np.concatenate(found).astype(np.float64) if found else None

    def _of_blocks(
        self, said: Mapping[BlockIndex, Said], rows: range, columns: range, layers: range
    ) -> list[Said]:
        """What the blocks of a box say, ascending; each is up to date."""
        blocks = [(i, j, k) for i in rows for j in columns for k in layers]
        for block in blocks:
            if block in self._unread:
                self._bring_up_to_date(block)
        return [said[block] for block in blocks if block in said]
