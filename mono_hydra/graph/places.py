"""Places: spheres of observed free space on its generalised Voronoi diagram, and ways between.

Where the evidence changes, the distance field is computed anew in a box around the change and the
cells of that box get their places again; everything else stays as it is. Source of the idea: Hughes
et al., "Hydra", 2022, section on places; here one place stands at the widest point of each cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mono_hydra.config import PlacesConfig
from mono_hydra.graph import places_kernels as kernels
from mono_hydra.graph.distance_field_kernels import nearest_sites
from mono_hydra.graph.free_space import FreeSpace, VoxelBox
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.types import F4, F8, I4, I8, U1, Bool, Keyframe, MovedKeyframe

MAX_WINDOW_PLACES = 20_000
MAX_COS = 0.5  # basis points are seen at least 60 degrees apart


def _no_ids() -> I8:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class PlaceLayer:
    """All places after a step; arrays are read-only, ids ascend and are never used again."""

    ids: I8  # (N,)
    positions_m: F8  # (N, 3)
    clearance_m: F8  # (N,) to the nearest observed surface
    obstacle_m: F8  # (N, 3) that surface's point
    n_basis: I4  # (N,)
    is_active: Bool  # (N,) near the camera
    edges: I8  # (E, 2) ids, first < second, ascending
    edge_clearance_m: F8  # (E,) smallest along the straight way
    changed_ids: I8 = field(default_factory=_no_ids)  # new, moved or re-joined
    removed_ids: I8 = field(default_factory=_no_ids)
    free_space: FreeSpace | None = None  # the evidence behind it


@dataclass(frozen=True, eq=False)
class _Edges:
    """Some edges, ascending."""

    ends: I8  # (E, 2) ids
    clearance_m: F8  # (E,)


@dataclass(frozen=True, eq=False)
class _Field:
    """Distance field of a window with what the kernels need beside it."""

    box: VoxelBox
    state: U1
    hits: I4
    sums: I4
    squared: F4
    site: I4

    def tail(self, voxel_m: float) -> tuple[I4, I4, I4, I4, float]:
        return self.site, self.hits, self.sums, np.ascontiguousarray(self.box.low), voxel_m


class PlacesBuilder:
    """Turns keyframes into places, one keyframe at a time."""

    def __init__(self, config: PlacesConfig, label_space: LabelSpace, max_range_m: float) -> None:
        self.config = config
        self.free_space = FreeSpace(config, label_space, max_range_m)
        self._pose_of: dict[int, F8] = {}
        self._next_id = 0
        self._ids = np.zeros(0, np.int64)
        self._positions = np.zeros((0, 3))
        self._clearance = np.zeros(0)
        self._obstacle = np.zeros((0, 3))
        self._basis = np.zeros(0, np.int32)
        self._edges = np.zeros((0, 2), np.int64)
        self._edge_clearance = np.zeros(0)
        self._known: VoxelBox | None = None
        self._camera_m = np.zeros(3)
        self._published = np.zeros(0, np.int64)
        self._touched: list[I8] = []
        self._changed: VoxelBox | None = None  # evidence that no renewal has read
        self._wait = 0
        self._layer: PlaceLayer | None = None

    def step(
        self,
        keyframe: Keyframe | None,
        moved: Sequence[MovedKeyframe],
        keyframe_of: Callable[[int], Keyframe],
    ) -> PlaceLayer:
        """Take back and add evidence, then renew the places near what changed.

        The renewal waits for `renew_every` keyframes, since their views overlap; moved keyframes
        are not kept waiting.

        Args:
            keyframe: the new one, or None.
            moved: keyframes whose fused pose was replaced; those never seen here are ignored.
            keyframe_of: the stored keyframe of an id.
        """
        boxes = [self._move(m, keyframe_of) for m in moved if m.id in self._pose_of]
        if keyframe is not None and keyframe.id not in self._pose_of:
            self._camera_m = np.array(keyframe.T_world_camera[:3, 3], np.float64)
            boxes.append([self._add(keyframe.id, keyframe, keyframe.T_world_camera)])
        for box in (b for pair in boxes for b in pair if min(b.shape) > 0):
            self._changed = box if self._changed is None else self._changed.union(box)
        self._wait -= 1
        if moved or self._wait <= 0 or self._layer is None:
            return self.renew()
        self._layer = replace(self._layer, changed_ids=_no_ids(), removed_ids=_no_ids())
        return self._layer

    def renew(self) -> PlaceLayer:
        """Renew the places near all that changed since the last time."""
        self._wait = self.config.renew_every
        self._touched = []
        if self._changed is not None:
            changed = self.free_space.classify(self._changed)
            self._changed = None
            if min(changed.shape) > 0:
                self._renew(changed)
        self._layer = self._publish()
        return self._layer

    def visible_place(self, points_m: F8, reach_m: float = 4.0) -> I8:
        """Id of the nearest place without a wall between, for each point (M, 3); -1 without one."""
        points = np.ascontiguousarray(points_m, np.float64).reshape(-1, 3)
        found = np.empty(len(points), np.int64)
        shown = np.searchsorted(self._ids, self._published)
        hits, _, kinds = self.free_space.surfaces()
        kernels.nearest_in_sight(
            points,
            self._positions[shown],
            reach_m,
            12,
            self.free_space.state,
            hits,
            kinds,
            self.free_space.box.low,
            self.free_space.voxel_m,
            found,
        )
        return np.where(found >= 0, self._published[np.maximum(found, 0)] if len(shown) else -1, -1)

    def _move(self, m: MovedKeyframe, keyframe_of: Callable[[int], Keyframe]) -> list[VoxelBox]:
        keyframe = keyframe_of(m.id)
        before = self.free_space.add(keyframe, self._pose_of[m.id], sign=-1)
        return [before, self._add(m.id, keyframe, m.T_world_camera_after)]

    def _add(self, index: int, keyframe: Keyframe, T_world_camera: F8) -> VoxelBox:
        self._pose_of[index] = np.array(T_world_camera, np.float64)
        box = self.free_space.add(keyframe, self._pose_of[index], sign=1)
        if min(box.shape) > 0:
            self._known = box if self._known is None else self._known.union(box)
        return box

    def _renew(self, changed: VoxelBox) -> None:
        """Places and edges of all cells whose distance field the change can have moved."""
        c, voxel_m = self.config, self.free_space.voxel_m
        assert self._known is not None
        side = max(1, round(c.cell_m / voxel_m))
        reach = int(np.ceil(c.reach_m / voxel_m))
        inner = changed.padded(reach).intersection(self._known)
        inner = VoxelBox(
            (np.floor_divide(inner.low, side) * side).astype(np.int32),
            (-np.floor_divide(-inner.high, side) * side).astype(np.int32),
        )
        window = self._distance_field(inner.padded(reach).intersection(self._known))
        fresh = self._representatives(window, inner, side)
        cell = np.floor(self._positions / voxel_m)
        was_inner = np.asarray(((cell >= inner.low) & (cell < inner.high)).all(axis=1))
        fresh = self._apart(fresh, self._positions[~was_inner], self._clearance[~was_inner])
        self._replace(was_inner, fresh)
        self._join(window, inner)

    def _distance_field(self, box: VoxelBox) -> _Field:
        state, hits, sums = self.free_space.window(box)
        squared = np.empty(state.shape, np.float32)
        site = np.empty(state.shape, np.int32)
        reach = int(np.ceil(self.config.max_clearance_m / self.free_space.voxel_m))
        nearest_sites(state >= 2, reach, squared, site)
        return _Field(box, state, hits, sums, squared, site)

    def _representatives(self, window: _Field, inner: VoxelBox, side: int) -> tuple[F8, F8, F8, I4]:
        """Position (N, 3), clearance (N), obstacle (N, 3), basis points (N) of the inner cells."""
        c, voxel_m = self.config, self.free_space.voxel_m
        medial = np.zeros(window.state.shape, np.uint8)
        least = max(1.0, c.min_clearance_m / voxel_m - 0.5)
        kernels.medial_voxels(
            window.state, window.squared, window.site, least**2, 0.3 / voxel_m, MAX_COS, medial
        )
        n = MAX_WINDOW_PLACES
        position, clearance = np.empty((n, 3)), np.empty(n)
        obstacle, basis = np.empty((n, 3)), np.empty(n, np.int32)
        found = kernels.cell_representatives(
            medial, window.state, window.squared, *window.tail(voxel_m),
            np.ascontiguousarray(inner.low - window.box.low),
            np.array(inner.shape, np.int32) // side,
            side, c.min_clearance_m, position, clearance, obstacle, basis,
        )  # fmt: skip
        clearance = np.minimum(clearance[:found], c.max_clearance_m)
        return position[:found], clearance, obstacle[:found], basis[:found]

    def _apart(
        self, fresh: tuple[F8, F8, F8, I4], others_m: F8, others_clearance_m: F8
    ) -> tuple[F8, F8, F8, I4]:
        """The fresh places without those too near to a wider one."""
        position, clearance, obstacle, basis = fresh
        if len(position) == 0:
            return fresh
        low, high = position.min(axis=0) - 1.0, position.max(axis=0) + 1.0
        near = ((others_m > low) & (others_m < high)).all(axis=1)
        points = np.concatenate([position, others_m[near]])
        widths = np.concatenate([clearance, others_clearance_m[near]])
        fixed = np.arange(len(points)) >= len(position)
        order = np.lexsort((points[:, 2], points[:, 1], points[:, 0], -widths))
        keep = np.zeros(len(points), bool)
        kernels.keep_apart(points, widths, order, fixed, self.config.merge_distance_m, keep)
        kept = keep[: len(position)]
        return position[kept], clearance[kept], obstacle[kept], basis[kept]

    def _replace(self, was_inner: Bool, fresh: tuple[F8, F8, F8, I4]) -> None:
        """Put fresh places where the inner ones were; one that stays about there keeps its id."""
        position, clearance, obstacle, basis = fresh
        former = np.flatnonzero(was_inner)
        match = _matches(position, self._positions[former], self.config.cell_m)
        ids = np.where(match >= 0, self._ids[former[match]] if len(former) else -1, -1)
        new = match < 0
        ids[new] = self._next_id + np.arange(int(new.sum()))
        self._next_id += int(new.sum())
        same = ~new
        at = former[match[same]]
        same[same] = (
            (position[same] == self._positions[at]).all(axis=1)
            & (clearance[same] == self._clearance[at])
            & (obstacle[same] == self._obstacle[at]).all(axis=1)
            & (basis[same] == self._basis[at])
        )
        self._touched.append(ids[~same])
        stay = ~was_inner
        order = np.argsort(np.concatenate([self._ids[stay], ids]), kind="stable")
        self._ids = np.concatenate([self._ids[stay], ids])[order]
        self._positions = np.concatenate([self._positions[stay], position])[order]
        self._clearance = np.concatenate([self._clearance[stay], clearance])[order]
        self._obstacle = np.concatenate([self._obstacle[stay], obstacle])[order]
        self._basis = np.concatenate([self._basis[stay], basis])[order]

    def _join(self, window: _Field, inner: VoxelBox) -> None:
        """Renew all edges with an end in the inner box."""
        c, voxel_m = self.config, self.free_space.voxel_m
        margin = c.bridge_m
        low, high = inner.low * voxel_m - margin, inner.high * voxel_m + margin
        member = ((self._positions > low) & (self._positions < high)).all(axis=1)
        slots = np.flatnonzero(member)
        slots = slots[np.argsort(self._positions[slots, 0], kind="stable")]
        points = np.ascontiguousarray(self._positions[slots])
        pair, width = self._passages(points, c.max_edge_m, c.min_edge_clearance_m, window)
        bridge, bridge_width = self._bridges(points, pair, window)
        pair = np.concatenate([pair, bridge])
        width = np.concatenate([width, bridge_width])
        cell = np.floor(points / voxel_m)
        is_inner = np.asarray(((cell >= inner.low) & (cell < inner.high)).all(axis=1))
        renewed = is_inner[pair].any(axis=1)
        ids = self._ids[slots]
        ends = np.sort(ids[pair[renewed]], axis=1).reshape(-1, 2)
        order = np.lexsort((ends[:, 1], ends[:, 0]))
        fresh = _Edges(ends[order], width[renewed][order])
        alive = np.zeros(self._next_id + 1, bool)
        alive[self._ids] = True
        alive[ids[is_inner]] = False
        keep = alive[self._edges].all(axis=1)
        former = _Edges(self._edges[~keep], self._edge_clearance[~keep])
        self._touched.append(_ends_of_changed(former, fresh))
        kept = self._edges[keep]
        at = np.searchsorted(_edge_keys(kept), _edge_keys(fresh.ends))
        self._edges = np.insert(kept, at, fresh.ends, axis=0)
        self._edge_clearance = np.insert(self._edge_clearance[keep], at, fresh.clearance_m)

    def _passages(
        self, points_m: F8, longest_m: float, least_m: float, window: _Field
    ) -> tuple[I4, F8]:
        pair = np.empty((60 * len(points_m) + 1, 2), np.int32)
        width = np.empty(len(pair))
        n = kernels.passages(
            points_m, longest_m, least_m, window.state, window.squared,
            *window.tail(self.free_space.voxel_m),
            pair, width,
        )  # fmt: skip
        pair, width = pair[:n], width[:n]
        first, other, edge = _adjacency(len(points_m), pair)
        keep = np.zeros(n, bool)
        kernels.prune_passages(points_m, pair, width, 0.30, first, other, edge, keep)
        return pair[keep], width[keep]

    def _bridges(self, points_m: F8, pair: I4, window: _Field) -> tuple[I4, F8]:
        """Shortest straight ways between pieces that no edge joins yet."""
        c = self.config
        root = np.empty(len(points_m), np.int32)
        kernels.components(len(points_m), pair, root)
        bridge, width = np.empty((len(points_m), 2), np.int32), np.empty(len(points_m))
        n = kernels.bridges(
            points_m, root, c.bridge_m, c.min_bridge_clearance_m, window.state, window.squared,
            *window.tail(self.free_space.voxel_m), bridge, width,
        )  # fmt: skip
        return bridge[:n], width[:n]

    def _publish(self) -> PlaceLayer:
        """The layer without stray pieces of a few places that nothing joins to the rest."""
        slot = np.full(self._next_id + 1, -1, np.int32)
        slot[self._ids] = np.arange(len(self._ids))
        pair = slot[self._edges].astype(np.int32)
        root = np.empty(len(self._ids), np.int32)
        kernels.components(len(self._ids), pair, root)
        size = np.bincount(root, minlength=len(root)) if len(root) else np.zeros(0, np.int64)
        biggest = int(size.max()) if len(size) else 0
        shown = size[root] >= min(biggest, self.config.min_component) if len(root) else root > 0
        kept = shown[pair[:, 0]] if len(pair) else np.zeros(0, bool)
        ids = self._ids[shown]
        distance = np.linalg.norm(self._positions[shown] - self._camera_m, axis=1)
        touched = np.unique(np.concatenate(self._touched)) if self._touched else ids[:0]
        flag = np.zeros(self._next_id + 1, bool)
        flag[ids] = True
        came = np.setdiff1d(ids, self._published, assume_unique=True)
        removed = self._published[~flag[self._published]]
        changed = np.union1d(touched[flag[touched]], came)
        self._published = ids
        arrays = (
            ids, self._positions[shown], self._clearance[shown], self._obstacle[shown],
            self._basis[shown], distance <= self.config.active_radius_m,
            self._edges[kept], self._edge_clearance[kept], changed, removed,
        )  # fmt: skip
        for array in arrays:
            array.setflags(write=False)
        return PlaceLayer(*arrays, free_space=self.free_space)


def _matches(fresh_m: F8, former_m: F8, reach_m: float) -> I8:
    """Row of the nearest former place for each fresh one (N,), one to one, -1 without one."""
    match = np.full(len(fresh_m), -1, np.int64)
    if len(fresh_m) == 0 or len(former_m) == 0:
        return match
    pair, gap = np.empty((60 * len(fresh_m), 2), np.int32), np.empty(60 * len(fresh_m))
    n = kernels.pairs_within(
        np.ascontiguousarray(fresh_m), np.ascontiguousarray(former_m), reach_m, pair, gap
    )
    fresh, former = pair[:n].T
    order = np.lexsort((former, fresh, gap[:n]))
    taken = np.zeros(len(former_m), bool)
    for a, b in zip(fresh[order].tolist(), former[order].tolist(), strict=True):
        if match[a] < 0 and not taken[b]:
            match[a] = b
            taken[b] = True
    return match


def _edge_keys(ends: I8) -> I8:
    """One number (E,) for each edge (E, 2), in the order of the edges."""
    return np.asarray((ends[:, 0] << 32) | ends[:, 1])


def _ends_of_changed(before: _Edges, after: _Edges) -> I8:
    """Ids of places with an edge that came, went or has another clearance."""
    keys_before, keys_after = _edge_keys(before.ends), _edge_keys(after.ends)
    gone = ~np.isin(keys_before, keys_after, assume_unique=True)
    came = ~np.isin(keys_after, keys_before, assume_unique=True)
    changed = came.copy()  # both are in the same order, so what stayed can be compared row by row
    changed[~came] = after.clearance_m[~came] != before.clearance_m[~gone]
    return np.unique(np.concatenate([before.ends[gone].ravel(), after.ends[changed].ravel()]))


def _adjacency(n: int, pair: I4) -> tuple[I8, I4, I4]:
    """CSR of an undirected graph: first (n + 1), neighbour and edge index (2 E)."""
    ends = np.concatenate([pair[:, 0], pair[:, 1]])
    other = np.concatenate([pair[:, 1], pair[:, 0]])
    edge = np.tile(np.arange(len(pair), dtype=np.int32), 2)
    order = np.argsort(ends, kind="stable")
    first = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(ends, minlength=n), out=first[1:])
    return first, np.ascontiguousarray(other[order]), np.ascontiguousarray(edge[order])
