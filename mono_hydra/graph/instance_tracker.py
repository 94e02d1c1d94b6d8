"""Which segments of successive views show the same object.

A segment goes to the instances it overlaps in space, measured in both directions: share of the
segment near the instance, and share of the instance's seen voxels on the segment. Instances that
views show as one piece are joined, one that views show as two pieces with a gap is cut, as far as
the usual sizes of the class allow it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mono_hydra.config import ObjectsConfig
from mono_hydra.geometry import se3
from mono_hydra.graph import object_kernels as kernels
from mono_hydra.graph.boxes import touching
from mono_hydra.graph.class_sizes import ClassSize
from mono_hydra.graph.instance import (
    COARSE_M,
    VOXEL_M,
    Instance,
    Observation,
    key_centers,
    union_box,
)
from mono_hydra.graph.segments import Segment, Segments, segment_view
from mono_hydra.types import F8, U1, Bool, Keyframe

SAME_PIECE_SHARE = 0.35  # overlap from which a segment belongs to an instance
WELL_SEEN_SHARE = 0.75  # of an instance's voxels in view that are not hidden
GAP_M = 0.04  # pieces farther apart than this are two
MIN_SHARED_VOXELS = 8
KNOWN_SHARE = 0.7  # error of a surface that several views agree on, against its best view's
ALIGN_FROM_M = 0.03  # views whose points are more uncertain are moved onto the known surface
SEARCH_M = 0.15
GROWN_SHARE = 0.9  # an instance that has hardly grown since is not looked at again
LARGE_PART_SHARE = 0.12  # of the voxels
CROP_PX = 96
TOUCH_M = 0.05  # things of one class nearer than this over a good part of a side are one
TOUCH_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Look:
    """How a view sees one instance."""

    hits: np.ndarray  # (C,) its seen voxels by component of the view
    n_seen: int
    n_hidden: int
    seen_on: np.ndarray  # (V,) component of each seen voxel, -1 elsewhere
    log_ratio: np.ndarray  # (V,) ln of its depth over the measured one, where seen

    def scale_to(self, component: int) -> float | None:
        """Factor on the depth of a component that brings it onto the voxels; None unknown."""
        ratios = self.log_ratio[self.seen_on == component]
        return float(np.exp(np.median(ratios))) if len(ratios) >= MIN_SHARED_VOXELS else None

    @property
    def is_good(self) -> bool:
        """Whether enough of it is seen to judge how many pieces it has."""
        return self.n_seen >= 6 and self.n_seen >= WELL_SEEN_SHARE * (self.n_seen + self.n_hidden)

    @property
    def piece(self) -> int:
        """The component that holds most of it, -1 if it lies on none."""
        return int(np.argmax(self.hits)) if self.hits.any() else -1


class InstanceTracker:
    """Owns the instances and the evidence about pairs of them."""

    def __init__(self, config: ObjectsConfig, is_object: Bool, sizes: dict[int, ClassSize]) -> None:
        self.config = config
        self.instances: dict[int, Instance] = {}
        self._is_object = is_object
        self._sizes = sizes
        self._next_id = 0
        self._bounds = np.full((64, 6), np.inf)  # low, high by id
        self._together: dict[tuple[int, int], int] = {}
        self._apart: dict[tuple[int, int], int] = {}
        self.pose_of: dict[int, F8] = {}

    def add_view(self, keyframe: Keyframe) -> set[int]:
        """Track the instances into a view; returns the ids that may have changed."""
        self.pose_of[keyframe.id] = keyframe.T_world_camera
        segments = segment_view(
            keyframe,
            self._is_object,
            max_depth_m=self.config.max_depth_m,
            min_px=self.config.min_segment_px,
            max_points=self.config.points_per_segment,
        )
        looks, carved = self._look(keyframe, segments)
        candidates = sorted(looks)
        owners: dict[int, list[int]] = {}
        world: dict[int, F8] = {}
        touched: set[int] = carved
        for segment in segments.items:
            if segment.n_inner_px == 0:
                continue
            points = se3.transform(keyframe.T_world_camera, segment.points_m.astype(np.float64))
            world[segment.index] = points
            owners[segment.index] = self._assign(segment, points, keyframe, candidates, looks)
        touched |= {index for found in owners.values() for index in found}
        self._count_pairs(owners, looks)
        touched |= self._join_pairs(owners)
        touched |= self._cut(owners, looks, world)
        touched |= self._cut_too_large(touched)
        touched |= self._take_in_fragments(touched)
        return touched

    def _look(self, keyframe: Keyframe, segments: Segments) -> tuple[dict[int, Look], set[int]]:
        """Project the instances near the view into it, and carve them."""
        T_camera_world = se3.inverse(keyframe.T_world_camera)
        looks: dict[int, Look] = {}
        carved: set[int] = set()
        for index in self._in_view(T_camera_world, keyframe):
            instance = self.instances[index]
            hits = np.zeros(segments.n_components, np.int32)
            labels = np.zeros(256, np.int32)
            state = np.zeros(len(instance.keys), np.uint8)
            seen_on = np.empty(len(state), np.int32)
            log_ratio = np.empty(len(state), np.float32)
            kernels.look_at_voxels(
                instance.keys,
                VOXEL_M,
                T_camera_world,
                keyframe.camera.vector(),
                keyframe.depth_m,
                keyframe.depth_sigma,
                segments.component,
                keyframe.labels,
                self.config.max_depth_m + 0.5,
                self.config.margin_m,
                hits,
                labels,
                state,
                seen_on,
                log_ratio,
            )
            counts = np.bincount(state, minlength=4)
            instance.seen_as += labels
            if counts[3]:
                instance.carve(state == 3)
                self._set_bounds(instance)
                carved.add(index)
            looks[index] = Look(hits, int(counts[2]), int(counts[1]), seen_on, log_ratio)
        return looks, carved

    def _in_view(self, T_camera_world: F8, keyframe: Keyframe) -> list[int]:
        """Ids whose surrounding ball may meet the view, ascending."""
        ids = np.flatnonzero(np.isfinite(self._bounds[: self._next_id, 0]))
        bounds = self._bounds[ids]
        center = (bounds[:, :3] + bounds[:, 3:]) / 2
        radius = np.linalg.norm(bounds[:, 3:] - bounds[:, :3], axis=1) / 2 + SEARCH_M
        x, y, z = (center @ T_camera_world[:3, :3].T + T_camera_world[:3, 3]).T
        k = keyframe.camera
        half_u = max(k.cx, k.width - k.cx) / k.fx
        half_v = max(k.cy, k.height - k.cy) / k.fy
        reach = np.maximum(z, 0.0)
        seen = (z > -radius) & (z < self.config.max_depth_m + radius)
        seen &= np.abs(x) <= half_u * reach + radius * np.hypot(1.0, half_u)
        seen &= np.abs(y) <= half_v * reach + radius * np.hypot(1.0, half_v)
        return [int(i) for i in ids[seen]]

    def _assign(
        self,
        segment: Segment,
        points: F8,
        keyframe: Keyframe,
        candidates: list[int],
        looks: dict[int, Look],
    ) -> list[int]:
        """Give a segment to the instances that it shows, or to a new one."""
        low, high = points.min(axis=0) - SEARCH_M, points.max(axis=0) + SEARCH_M
        found: list[tuple[float, int]] = []
        near_of: dict[int, Bool] = {}
        is_uncertain = segment.sigma * segment.depth_m > ALIGN_FROM_M
        eye = keyframe.T_world_camera[:3, 3]
        alike = np.array([i for i in candidates if self.instances[i].label == segment.label], int)
        bounds = self._bounds[alike]
        apart = ((bounds[:, :3] > high) | (bounds[:, 3:] < low)).any(axis=1)
        for index in alike[~apart].tolist():
            instance = self.instances[index]
            near = np.zeros(len(points), np.bool_)
            look = looks[index]
            scale = look.scale_to(segment.index) if is_uncertain else None
            there = points if scale is None else eye + scale * (points - eye)
            share = kernels.near_any(there, instance.coarse_keys, COARSE_M, near) / len(points)
            if look.n_seen >= 5:
                share = max(share, look.hits[segment.index] / look.n_seen)
            if share >= SAME_PIECE_SHARE:
                found.append((-float(share), index))
                near_of[index] = near
        if not found:
            index = self._new_instance(segment.label).id
            self._observe(index, segment, keyframe, np.ones(len(points), np.bool_))
            return [index]
        owners = [index for _, index in sorted(found)]
        free = np.ones(len(points), np.bool_)
        for index in owners[1:]:
            mine = near_of[index] & free & ~near_of[owners[0]]
            if mine.any():
                self._observe(index, segment, keyframe, mine, looks[index])
                free &= ~mine
        self._observe(owners[0], segment, keyframe, free, looks[owners[0]])
        return owners

    def _new_instance(self, label: int) -> Instance:
        index = self._next_id
        self._next_id += 1
        if index >= len(self._bounds):
            self._bounds = np.concatenate([self._bounds, np.full_like(self._bounds, np.inf)])
        self.instances[index] = Instance(index, label)
        return self.instances[index]

    def _set_bounds(self, instance: Instance) -> None:
        self._bounds[instance.id, :3] = instance.low_m
        self._bounds[instance.id, 3:] = instance.high_m

    def _observe(
        self,
        index: int,
        segment: Segment,
        keyframe: Keyframe,
        chosen: Bool,
        look: Look | None = None,
    ) -> None:
        if not chosen.any():
            return
        points = segment.points_m[chosen] * self._alignment(index, segment, look)
        observation = Observation(
            keyframe_id=keyframe.id,
            stamp_s=keyframe.stamp_s,
            label=segment.label,
            n_px=max(1, round(segment.n_px * float(chosen.mean()))),
            confidence=segment.confidence,
            sigma=segment.sigma,
            depth_m=segment.depth_m,
            border_share=segment.border_share,
            points_mm=np.round(points * 1000).astype(np.int16),
        )
        instance = self.instances[index]
        instance.add(observation, keyframe.T_world_camera)
        self._set_bounds(instance)
        score = segment.n_inner_px * (1.0 - segment.border_share)
        if score > 1.1 * instance.crop_score:
            instance.crop_rgb, instance.crop_score = crop(keyframe, segment), score

    def _alignment(self, index: int, segment: Segment, look: Look | None) -> float:
        """Factor that moves a segment's points along their rays towards the known surface.

        Both are uncertain: the surface as its nearest view so far, the segment as stated. The
        better known one moves less.
        """
        noise_m = segment.sigma * segment.depth_m
        if look is None or noise_m <= ALIGN_FROM_M:
            return 1.0
        scale = look.scale_to(segment.index)
        if scale is None:
            return 1.0
        known_m = min(o.noise_m for o in self.instances[index].observations) * KNOWN_SHARE
        gain = noise_m**2 / (noise_m**2 + known_m**2)
        return float(scale**gain)

    def _count_pairs(self, owners: dict[int, list[int]], looks: dict[int, Look]) -> None:
        """Count how often a view shows two neighbours of one label as one piece, or as two."""
        for found in owners.values():
            for i, a in enumerate(found):
                for b in found[i + 1 :]:
                    pair = (min(a, b), max(a, b))
                    self._together[pair] = self._together.get(pair, 0) + 1
        for pair in self._together:
            a, b = pair
            look_a, look_b = looks.get(a), looks.get(b)
            if look_a is None or look_b is None or not (look_a.is_good and look_b.is_good):
                continue
            if look_a.piece != look_b.piece and min(look_a.piece, look_b.piece) >= 0:
                self._apart[pair] = self._apart.get(pair, 0) + 1

    def _join_pairs(self, owners: dict[int, list[int]]) -> set[int]:
        touched: set[int] = set()
        recent = {i for found in owners.values() if len(found) > 1 for i in found}
        for pair in sorted(p for p in self._together if p[0] in recent and p[1] in recent):
            a, b = pair
            if a not in self.instances or b not in self.instances:
                continue
            if self._together[pair] < 2 or self._together[pair] <= self._apart.get(pair, 0):
                continue
            if self.may_be_one(a, b):
                self.join(a, b)
                touched |= {a, b}
        return touched

    def may_be_one(self, a: int, b: int) -> bool:
        """Whether two instances together are not too large for their class."""
        first, second = self.instances[a], self.instances[b]
        size = self._sizes[first.label]
        return size.fits(union_box(first, second).size_m, 0.05 + first.noise_m)

    def join(self, kept: int, gone: int) -> None:
        """Make two instances one; the first id stays."""
        self.instances[kept].absorb(self.instances.pop(gone))
        self._set_bounds(self.instances[kept])
        self._bounds[gone] = np.inf
        for counter in (self._together, self._apart):
            for pair in [p for p in counter if gone in p]:
                counter.pop(pair)

    def _take_in_fragments(self, touched: set[int]) -> set[int]:
        """Join pieces too small for their class with the neighbour that they complete."""
        changed: set[int] = set()
        for index in sorted(touched):
            piece = self.instances.get(index)
            if piece is None or piece.n_hosted >= GROWN_SHARE * len(piece.keys):
                continue
            piece.n_hosted = len(piece.keys)
            size, box = self._sizes[piece.label], piece.rough_box()
            if box is None:
                continue
            is_fragment = size.is_fragment(box.size_m)
            if max(size.stacked_gap_m, size.group_gap_m) == 0.0 and not is_fragment:
                continue
            reach = max(size.stacked_gap_m, 0.2 if size.stands == "floor" else 0.06)
            whole = self._host_of(piece, reach, is_fragment)
            if whole is not None:
                kept, gone = (whole, index) if whole < index else (index, whole)
                self.join(kept, gone)
                changed |= {kept, gone}
        return changed

    def settle(self) -> set[int]:
        """Join what is one thing by the way people count; returns the ids that are gone.

        Two instances of one label are one where they touch along a good part of a side, as kitchen
        cabinets in a run do, and where one lies in the other.
        """
        before = set(self.instances)
        for piece in self.instances.values():
            piece.n_hosted = 0
        self._take_in_fragments(before)
        for a in sorted(self.instances):
            for b in self._near(a) if a in self.instances else []:
                if b in self.instances and self.may_be_one(a, b) and self._touch(a, b):
                    self.join(a, b)
        return before - self.instances.keys()

    def _near(self, index: int) -> list[int]:
        """Higher ids of the same label within a small gap, ascending."""
        bounds, own = self._bounds[: self._next_id], self._bounds[index]
        near = (bounds[:, :3] <= own[3:] + TOUCH_M).all(axis=1)
        near &= (bounds[:, 3:] >= own[:3] - TOUCH_M).all(axis=1) & np.isfinite(bounds[:, 0])
        label = self.instances[index].label
        found = [int(i) for i in np.flatnonzero(near) if i > index]
        return [i for i in found if self.instances[i].label == label]

    def _touch(self, a: int, b: int) -> bool:
        first, second = self.instances[a].rough_box(), self.instances[b].rough_box()
        if first is None or second is None:
            return False
        return touching(first, second, TOUCH_M, TOUCH_SHARE)

    def _host_of(self, piece: Instance, reach_m: float, is_fragment: bool) -> int | None:
        """The nearest instance of the same label that a piece completes.

        A piece above or below it may be farther away than one beside it, which must be a fragment.
        """
        bounds = self._bounds[: self._next_id]
        near = (bounds[:, :3] <= piece.high_m + reach_m).all(axis=1)
        near &= (bounds[:, 3:] >= piece.low_m - reach_m).all(axis=1) & np.isfinite(bounds[:, 0])
        best: tuple[float, int] | None = None
        points = key_centers(piece.coarse_keys, COARSE_M)
        for index in (int(i) for i in np.flatnonzero(near)):
            other = self.instances[index]
            if index == piece.id or other.label != piece.label or not len(other.coarse_keys):
                continue
            gap = kernels.nearest_distance(points, key_centers(other.coarse_keys, COARSE_M))
            over = _plan_overlap(piece, other) >= 0.6
            beside = min(reach_m, 0.12) if is_fragment else -1.0
            beside = max(beside, self._sizes[piece.label].group_gap_m or -1.0)
            if gap > (max(reach_m, beside) if over else beside):
                continue
            if (best is None or gap < best[0]) and self.may_be_one(piece.id, index):
                best = (float(gap), index)
        return None if best is None else best[1]

    def _cut(
        self,
        owners: dict[int, list[int]],
        looks: dict[int, Look],
        world: dict[int, F8],
    ) -> set[int]:
        """Count how many pieces views show of an instance; cut it when two outvote one."""
        pieces_of: dict[int, list[int]] = {}
        for component, found in owners.items():
            for index in found:
                pieces_of.setdefault(index, []).append(component)
        touched: set[int] = set()
        for index in sorted(pieces_of):
            instance, look = self.instances.get(index), looks.get(index)
            if instance is None or look is None or not look.is_good:
                continue
            share = {c: look.hits[c] / look.n_seen for c in pieces_of[index]}
            large = sorted((c for c in share if share[c] >= 0.2), key=lambda c: -share[c])
            if len(large) == 1 and share[large[0]] >= 0.8:
                instance.votes_whole += 1
            elif len(large) >= 2:
                a, b = world[large[0]][::2], world[large[1]][::2]
                if kernels.nearest_distance(a, b) > GAP_M + 2 * instance.noise_m * 0.1:
                    instance.votes_split += 1
                    touched |= self._cut_between(instance, world[large[0]], world[large[1]])
        return touched

    def _cut_between(self, instance: Instance, first_m: F8, second_m: F8) -> set[int]:
        """Cut an instance between two seen pieces, unless one of them is no object on its own."""
        if instance.votes_split < 2 or instance.votes_split <= instance.votes_whole:
            return set()
        centers = instance.centers_m()
        is_second = np.zeros(len(centers), np.bool_)
        kernels.nearer_set(centers, first_m[::4], second_m[::4], is_second)
        size = self._sizes[instance.label]
        for part in (is_second, ~is_second):
            solid = part & instance.solid()
            if solid.sum() < 4:
                return set()
            extent = centers[solid].max(axis=0) - centers[solid].min(axis=0)
            if size.is_fragment(extent):
                return set()
        return self._split(instance, is_second)

    def _cut_too_large(self, touched: set[int]) -> set[int]:
        """Cut instances larger than their class ever is, where a gap runs through their voxels."""
        changed: set[int] = set()
        for index in sorted(touched):
            instance = self.instances.get(index)
            if instance is None or instance.n_checked >= GROWN_SHARE * len(instance.keys):
                continue
            instance.n_checked = len(instance.keys)
            box = instance.rough_box()
            if box is None or self._sizes[instance.label].fits(box.size_m, 0.08 + instance.noise_m):
                continue
            is_second = self._part_across_gap(instance)
            if is_second is not None:
                changed |= self._split(instance, is_second)
        return changed

    def _part_across_gap(self, instance: Instance) -> Bool | None:
        """Voxels that belong to the second largest connected part, None if there is only one."""
        solid = instance.solid()
        keys = instance.keys[solid]
        component = np.empty(len(keys), np.int32)
        n = kernels.voxel_components(keys, 1, component, np.empty(len(keys), np.int32))
        count = np.bincount(component, minlength=n)
        order = np.argsort(-count, kind="stable")
        if n < 2 or count[order[1]] < LARGE_PART_SHARE * len(keys):
            return None
        centers = key_centers(keys, VOXEL_M)
        first, second = (centers[component == k] for k in order[:2])
        size = self._sizes[instance.label]
        if any(size.is_fragment(np.ptp(p, axis=0)) for p in (first, second)):
            return None
        is_second = np.zeros(len(instance.keys), np.bool_)
        kernels.nearer_set(instance.centers_m(), first[::3], second[::3], is_second)
        is_second[np.flatnonzero(solid)[component == order[1]]] = True
        is_second[np.flatnonzero(solid)[component == order[0]]] = False
        return is_second

    def _split(self, instance: Instance, is_second: Bool) -> set[int]:
        """Give the marked voxels, with the points behind them, to a new instance."""
        index_of_part = [instance.id, self._new_instance(instance.label).id]
        second_keys = instance.keys[is_second]
        parts = [Instance(i, instance.label) for i in index_of_part]
        for observation in instance.observations:
            T = self.pose_of[observation.keyframe_id]
            points = observation.points_world_m(T)
            keys = np.empty(len(points), np.int64)
            kernels.keys_of_points(points, VOXEL_M, keys)
            in_second = np.isin(keys, second_keys)
            for part, chosen in zip(parts, (~in_second, in_second), strict=True):
                if chosen.any():
                    part.add(_share_of(observation, chosen), T)
        parts[0].crop_rgb, parts[0].crop_score = instance.crop_rgb, instance.crop_score
        for part in parts:
            part.seen_as = instance.seen_as * (len(part.keys) / max(len(instance.keys), 1))
            self.instances[part.id] = part
            self._set_bounds(part)
        pair = (index_of_part[0], index_of_part[1])
        self._apart[pair] = instance.votes_split
        self._together[pair] = 0
        return set(index_of_part)

    def rebuild(self, poses: dict[int, F8], keyframe_of: Callable[[int], Keyframe]) -> set[int]:
        """Make the instances anew that saw keyframes whose pose was replaced."""
        for keyframe_id in poses.keys() & self.pose_of.keys():
            self.pose_of[keyframe_id] = poses[keyframe_id]
        touched = set()
        for index in sorted(self.instances):
            before = self.instances[index]
            if not any(o.keyframe_id in poses for o in before.observations):
                continue
            touched.add(index)
            after = Instance(index, before.label)
            after.seen_as, after.crop_rgb = before.seen_as, before.crop_rgb
            after.crop_score = before.crop_score
            after.votes_whole, after.votes_split = before.votes_whole, before.votes_split
            for observation in before.observations:
                after.add(observation, self.pose_of[observation.keyframe_id])
            self.instances[index] = after
            self._set_bounds(after)
        return touched


def _plan_overlap(a: Instance, b: Instance) -> float:
    """Share of the smaller footprint (aligned with the world) that lies over the other."""
    low, high = np.maximum(a.low_m, b.low_m)[:2], np.minimum(a.high_m, b.high_m)[:2]
    common = float(np.prod(np.maximum(high - low + VOXEL_M, 0.0)))
    area = min(float(np.prod((x.high_m - x.low_m + VOXEL_M)[:2])) for x in (a, b))
    return common / max(area, 1e-6)


def _share_of(observation: Observation, chosen: Bool) -> Observation:
    return Observation(
        observation.keyframe_id,
        observation.stamp_s,
        observation.label,
        max(1, round(observation.n_px * float(chosen.mean()))),
        observation.confidence,
        observation.sigma,
        observation.depth_m,
        observation.border_share,
        observation.points_mm[chosen],
    )


def crop(keyframe: Keyframe, segment: Segment) -> U1:
    """Picture of a segment with a margin, at most 96 pixels wide or high."""
    v0, v1, u0, u1 = segment.bounds_px
    pad = max(2, round(0.1 * max(v1 - v0, u1 - u0)))
    picture = keyframe.rgb[max(v0 - pad, 0) : v1 + pad + 1, max(u0 - pad, 0) : u1 + pad + 1]
    step = -(-max(picture.shape[:2]) // CROP_PX)
    return np.ascontiguousarray(picture[::step, ::step])
