"""The volume: truncated signed distance, colour and label evidence in 8 x 8 x 8 voxel blocks.

A block is a pure function of the keyframes k >= first(b) whose frustum meets it, in index order,
first(b) being the first keyframe whose truncation band touches it. Blocks far from the camera are
archived (compressed) and come back unchanged; when poses move, affected blocks are fused afresh.
Curless and Levoy (1996); block hashing after Niessner et al. (2013).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lz4.block
import numpy as np

from mono_hydra.config import MappingConfig
from mono_hydra.geometry import se3
from mono_hydra.labels import LabelSpace
from mono_hydra.mapping import volume_kernels as kernels
from mono_hydra.mapping.volume_kernels import EMPTY, SIDE, TOP_LABELS, VOXELS
from mono_hydra.types import F4, F8, I4, I8, U1, U2, U4, Bool, Camera, Keyframe, MovedKeyframe

BlockIndex = tuple[int, int, int]

_TOUCH_STRIDE_PX = 4  # 7 cm at 5 m and 320 px: far below a block's edge
# evidence of a label by its stored probability: log-odds, +1 so that only p < 0.27 says nothing
_P = np.clip(np.arange(256) / 255.0, 0.02, 0.98)
_ODDS: F4 = np.maximum(np.log(_P / (1.0 - _P)) + 1.0, 0.0).astype(np.float32)


class _Blocks:
    """Growing arrays of voxel blocks with a table from key to slot."""

    def __init__(self, capacity: int = 1024) -> None:
        self.sdf_m: F4 = np.zeros((capacity, VOXELS), np.float32)
        self.weights: F4 = np.zeros((capacity, VOXELS), np.float32)
        self.rgb_fixed: U2 = np.zeros((capacity, VOXELS, 3), np.uint16)
        self.label_ids: U1 = np.zeros((capacity, VOXELS, TOP_LABELS), np.uint8)
        self.label_evidence: F4 = np.zeros((capacity, VOXELS, TOP_LABELS), np.float32)
        self.key_of_slot: I8 = np.full(capacity, EMPTY, np.int64)
        self.first_of_slot: I4 = np.zeros(capacity, np.int32)  # first(b), a keyframe id
        self._free: list[int] = list(range(capacity - 1, -1, -1))
        self._rebuild_table(4 * capacity)

    def arrays(self) -> tuple[np.ndarray, ...]:
        return self.sdf_m, self.weights, self.rgb_fixed, self.label_ids, self.label_evidence

    def _rebuild_table(self, size: int) -> None:
        self.table_keys: I8 = np.full(size, EMPTY, np.int64)
        self.table_slots: I4 = np.full(size, -1, np.int32)
        slots = np.flatnonzero(self.key_of_slot != EMPTY).astype(np.int32)
        kernels.table_insert(self.table_keys, self.table_slots, self.key_of_slot[slots], slots)

    def find(self, keys: I8) -> I4:
        found: I4 = kernels.find_slots(self.table_keys, self.table_slots, keys)
        return found

    def keys(self) -> I8:
        """Keys of all blocks, ascending."""
        return np.sort(self.key_of_slot[self.key_of_slot != EMPTY])

    def allocate(self, keys: I8, first: I4) -> I4:
        """Empty blocks for absent keys; returns their slots."""
        while len(self._free) < len(keys):
            self._grow()
        slots = np.array([self._free.pop() for _ in range(len(keys))], np.int32)
        for array in self.arrays():
            array[slots] = 0
        self.key_of_slot[slots] = keys
        self.first_of_slot[slots] = first
        kernels.table_insert(self.table_keys, self.table_slots, keys, slots)
        return slots

    def release(self, keys: I8) -> None:
        """Forget blocks."""
        if len(keys):
            slots = self.find(keys)
            self.key_of_slot[slots] = EMPTY
            self._free.extend(int(s) for s in slots[::-1])
            self._rebuild_table(len(self.table_keys))

    def _grow(self) -> None:
        old = len(self.key_of_slot)
        for name in ("sdf_m", "weights", "rgb_fixed", "label_ids", "label_evidence"):
            array = getattr(self, name)
            setattr(self, name, np.concatenate([array, np.zeros_like(array)]))
        self.key_of_slot = np.concatenate([self.key_of_slot, np.full(old, EMPTY, np.int64)])
        self.first_of_slot = np.concatenate([self.first_of_slot, np.zeros(old, np.int32)])
        self._free = list(range(2 * old - 1, old - 1, -1)) + self._free
        self._rebuild_table(8 * old)


@dataclass(frozen=True, eq=False)
class _View:
    """A keyframe made ready for fusion."""

    keyframe: Keyframe
    T_camera_world: F8
    pixels: F4  # (H, W, 4) depth, slope, weight, stretch
    colour_label: U4  # (H, W)
    evidence: F4  # (H, W)


class Volume:
    """Fuses keyframes; `step` returns the blocks whose mesh may have changed."""

    def __init__(self, config: MappingConfig, label_space: LabelSpace) -> None:
        self.config = config
        self.block_m = SIDE * config.voxel_size_m
        self.front_m = config.truncation_front_voxels * config.voxel_size_m
        self.behind_m = config.truncation_behind_voxels * config.voxel_size_m
        self.blocks = _Blocks()
        self._archive: dict[int, bytes] = {}
        self._archive_first: dict[int, int] = {}
        self._window_center: F8 = np.zeros(3)
        self._window_reach_m = 0.0
        self._touched: list[I8] = []  # per keyframe: keys its band passes through
        self._is_skipped = label_space.mask("dynamic")
        self._scratch: I8 = np.full(1 << 15, EMPTY, np.int64)

    # -- live fusion -----------------------------------------------------------------------

    def step(
        self,
        keyframe: Keyframe,
        moved: Sequence[MovedKeyframe] = (),
        keyframe_of: Callable[[int], Keyframe] | None = None,
    ) -> I8:
        """Fuse a new keyframe, after re-fusing what moved keyframes had touched.

        Returns:
            Keys (N,), ascending, of blocks that changed or vanished.
        """
        changed = (
            self.refuse(moved, keyframe_of) if moved and keyframe_of else np.empty(0, np.int64)
        )
        self._move_window(keyframe)
        return np.union1d(changed, self.integrate(keyframe))

    def integrate(self, keyframe: Keyframe, *, only_band: bool = False) -> I8:
        """Fuse the next keyframe into the active blocks; returns the keys that changed."""
        assert keyframe.id == len(self._touched), "keyframes are fused once, in order of their ids"
        view = self._prepare(keyframe)
        touched = self._touch(view)
        self._touched.append(touched)
        slots = self.blocks.find(touched)
        new = touched[slots < 0]
        if len(new):
            self.blocks.allocate(new, np.full(len(new), keyframe.id, np.int32))
        if only_band:
            keys = touched
        else:
            keys = self.blocks.key_of_slot[self.blocks.key_of_slot != EMPTY]
            keys = keys[self._meets(keyframe.camera, view.T_camera_world, keys)]
        dirty = self._fuse(view, keys, only_band=only_band)
        return np.sort(keys[dirty])

    def _prepare(self, keyframe: Keyframe) -> _View:
        shape = keyframe.depth_m.shape
        pixels = np.empty((*shape, 4), np.float32)
        colour_label, evidence = np.empty(shape, np.uint32), np.empty(shape, np.float32)
        kernels.prepare(
            keyframe.depth_m,
            keyframe.depth_sigma,
            keyframe.rgb,
            keyframe.labels,
            keyframe.confidence,
            _ODDS,
            self._is_skipped,
            keyframe.camera.vector(),
            0.5 * self.config.voxel_size_m,
            self.config.truncation_sigmas / self.front_m,
            max(self.config.max_truncation_m / self.front_m, 1.0),
            pixels,
            colour_label,
            evidence,
        )
        T_camera_world = se3.inverse(keyframe.T_world_camera)
        return _View(keyframe, T_camera_world, pixels, colour_label, evidence)

    def _touch(self, view: _View, T_world_camera: F8 | None = None) -> I8:
        keyframe = view.keyframe
        keys: I8 = kernels.touch(
            view.pixels,
            view.evidence,
            keyframe.camera.vector(),
            keyframe.T_world_camera if T_world_camera is None else T_world_camera,
            self.block_m,
            self.front_m,
            self.behind_m,
            self.config.max_range_m,
            _TOUCH_STRIDE_PX,
            self._scratch,
        )
        return keys

    def _meets(self, camera: Camera, T_camera_world: F8, keys: I8) -> Bool:
        meets: Bool = kernels.meets_frustum(
            keys,
            camera.vector(),
            camera.width,
            camera.height,
            T_camera_world,
            self.block_m,
            self.config.min_range_m,
            self.config.max_range_m,
        )
        return meets

    def _fuse(self, view: _View, keys: I8, *, only_band: bool = False) -> Bool:
        b, k, c = self.blocks, view.keyframe, self.config
        dirty = np.zeros(len(keys), np.bool_)
        kernels.integrate(
            b.find(keys),
            keys,
            b.sdf_m,
            b.weights,
            b.rgb_fixed,
            b.label_ids,
            b.label_evidence,
            view.pixels,
            view.colour_label,
            view.evidence,
            k.camera.vector(),
            view.T_camera_world,
            c.voxel_size_m,
            self.front_m,
            self.behind_m,
            c.min_range_m,
            c.max_range_m,
            c.max_weight,
            c.min_weight,
            only_band,
            dirty,
        )
        return dirty

    # -- re-fusion -------------------------------------------------------------------------

    def refuse(self, moved: Sequence[MovedKeyframe], keyframe_of: Callable[[int], Keyframe]) -> I8:
        """Fuse afresh every block that a moved keyframe touches or sees, before or after.

        Args:
            moved: keyframes with their former and new poses; ids not fused yet are ignored.
            keyframe_of: the stored keyframe of an id, carrying the new pose.

        Returns:
            Keys (N,), ascending, of blocks that changed, appeared or vanished.
        """
        moved = [m for m in moved if m.id < len(self._touched)]
        if not moved:
            return np.empty(0, np.int64)
        candidates = [self.all_keys()]
        for m in moved:
            keyframe = keyframe_of(m.id)
            candidates.append(self._touched[m.id])
            self._touched[m.id] = self._touch(self._prepare(keyframe), m.T_world_camera_after)
            candidates.append(self._touched[m.id])
        keys = np.unique(np.concatenate(candidates))
        affected = np.zeros(len(keys), np.bool_)
        for m, before, after in zip(moved, candidates[1::2], candidates[2::2], strict=True):
            camera = keyframe_of(m.id).camera
            affected |= np.isin(keys, before) | np.isin(keys, after)
            for T in (m.T_world_camera_before, m.T_world_camera_after):
                affected |= self._meets(camera, se3.inverse(T), keys)
        self._rebuild(keys[affected], keyframe_of)
        self._restore_around(keys[affected])
        return keys[affected]

    def _rebuild(self, keys: I8, keyframe_of: Callable[[int], Keyframe]) -> None:
        self._forget(keys)
        first = np.full(len(keys), np.iinfo(np.int32).max, np.int32)
        for keyframe_id in range(len(self._touched) - 1, -1, -1):
            first[np.isin(keys, self._touched[keyframe_id], assume_unique=True)] = keyframe_id
        exists = first < np.iinfo(np.int32).max
        keys, first = keys[exists], first[exists]
        self.blocks.allocate(keys, first)
        for keyframe_id in range(int(first.min(initial=0)), len(self._touched)):
            due = keys[first <= keyframe_id]
            if not len(due):
                continue
            keyframe = keyframe_of(keyframe_id)
            T_camera_world = se3.inverse(keyframe.T_world_camera)
            due = due[self._meets(keyframe.camera, T_camera_world, due)]
            if len(due):
                self._fuse(self._prepare(keyframe), due)

    def _restore_around(self, keys: I8) -> None:
        """Bring back archived neighbours: the mesh of a block reads the blocks around it."""
        around = np.unique(kernels.neighbours(keys))
        self._restore(np.array([k for k in around.tolist() if k in self._archive], np.int64))

    def _forget(self, keys: I8) -> None:
        active = keys[self.blocks.find(keys) >= 0]
        self.blocks.release(active)
        for key in keys.tolist():
            self._archive.pop(key, None)
            self._archive_first.pop(key, None)

    # -- window and archive ----------------------------------------------------------------

    def _move_window(self, keyframe: Keyframe) -> None:
        """Bring back every block this view can meet, put away those well outside the window."""
        camera = keyframe.camera
        x = max(camera.cx, camera.width - camera.cx) / camera.fx
        y = max(camera.cy, camera.height - camera.cy) / camera.fy
        corner_m = self.config.max_range_m * float(np.sqrt(1.0 + x * x + y * y))
        slack_m = 2 * self.block_m  # the window is looked at again once the camera moved as far
        reach_m = max(corner_m + 2 * self.block_m, self.config.window_radius_m) + slack_m
        center = keyframe.T_world_camera[:3, 3]
        if reach_m <= self._window_reach_m and (
            np.linalg.norm(center - self._window_center) <= slack_m
        ):
            return
        self._window_center, self._window_reach_m = center.copy(), reach_m
        if self._archive:
            keys = np.fromiter(self._archive, np.int64, len(self._archive))
            back = keys[self._distance_m(keys, center) < reach_m]
            if len(back):
                self._restore(np.sort(back))
        keys = self.blocks.keys()
        away = keys[self._distance_m(keys, center) > reach_m + 8 * self.block_m]
        if len(away):
            self._put_away(away)

    def _distance_m(self, keys: I8, center_m: F8) -> F8:
        centers = (kernels.unpack(keys) + 0.5) * self.block_m
        return np.asarray(np.linalg.norm(centers - center_m, axis=1))

    def _put_away(self, keys: I8) -> None:
        for key, slot in zip(keys.tolist(), self.blocks.find(keys).tolist(), strict=True):
            raw = b"".join(array[slot].tobytes() for array in self.blocks.arrays())
            self._archive[key] = lz4.block.compress(raw, mode="fast", acceleration=8)
            self._archive_first[key] = int(self.blocks.first_of_slot[slot])
        self.blocks.release(keys)

    def _restore(self, keys: I8) -> None:
        first = np.array([self._archive_first.pop(int(k)) for k in keys], np.int32)
        slots = self.blocks.allocate(keys, first)
        for key, slot in zip(keys.tolist(), slots.tolist(), strict=True):
            self._unpack_into(lz4.block.decompress(self._archive.pop(key)), slot)

    def _unpack_into(self, raw: bytes, slot: int) -> None:
        at = 0
        for array in self.blocks.arrays():
            row = array[slot]
            row[...] = np.frombuffer(raw, row.dtype, row.size, at).reshape(row.shape)
            at += row.nbytes

    # -- access ----------------------------------------------------------------------------

    def all_keys(self) -> I8:
        """Keys of all blocks, active and archived, ascending."""
        archived = np.fromiter(self._archive, np.int64, len(self._archive))
        return np.sort(np.concatenate([self.blocks.keys(), archived]))

    def restore_all(self) -> None:
        """Bring every archived block back (for export and comparison)."""
        if self._archive:
            self._restore(np.sort(np.fromiter(self._archive, np.int64, len(self._archive))))

    def archived_bytes(self) -> int:
        """Memory of the archive."""
        return sum(len(b) for b in self._archive.values())
