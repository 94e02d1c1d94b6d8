"""Object instances tracked over keyframes.

Segments of each view (label, depth edges) are assigned to instances by overlap in space, in both
directions; pieces that later views show as one are joined, and voxels that views look through are
taken away. World frame, z up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mono_hydra.config import ObjectsConfig
from mono_hydra.geometry import se3
from mono_hydra.graph import object_kernels as kernels
from mono_hydra.graph.boxes import aligned_bounds, footprint_yaw, turned_box
from mono_hydra.graph.instance import COARSE_M, MISSES, VOXEL_M, Instance, Observation
from mono_hydra.graph.scene_graph import ObjectAttributes
from mono_hydra.graph.segments import Segment, Segments, segment_view
from mono_hydra.labels import LabelSpace
from mono_hydra.types import F8, U1, Keyframe, MeshBlock, MovedKeyframe

SAME_PIECE_SHARE = 0.35  # overlap from which a segment belongs to an instance
VISIBLE_SHARE = 0.6  # an instance is well seen if at most the rest is hidden
SEARCH_M = 0.10
CROP_PX = 96


@dataclass(frozen=True, eq=False)
class _Look:
    """How a view sees one instance."""

    hits: np.ndarray  # (C,) its seen voxels by component
    n_seen: int
    n_hidden: int


class ObjectsBuilder:
    """Owns the instances; `step` is the one mutating method."""

    def __init__(self, config: ObjectsConfig, label_space: LabelSpace, voxel_size_m: float) -> None:
        self.config = config
        self.label_space = label_space
        self.voxel_size_m = voxel_size_m
        self._is_object = label_space.mask("object")
        self._instances: dict[int, Instance] = {}
        self._next_id = 0
        self._pose_of: dict[int, F8] = {}
        self._together: dict[tuple[int, int], int] = {}
        self._apart: dict[tuple[int, int], int] = {}
        self._published: dict[int, ObjectAttributes] = {}

    def step(
        self,
        keyframe: Keyframe | None,
        moved: Sequence[MovedKeyframe],
        keyframe_of: Callable[[int], Keyframe],
        changed_mesh: Mapping[tuple[int, int, int], MeshBlock | None],
    ) -> dict[int, ObjectAttributes]:
        """One keyframe, and the keyframes whose pose was replaced.

        Args:
            keyframe: the new view, None if there is none.
            moved: keyframes with another pose now.
            keyframe_of: reads a stored keyframe.
            changed_mesh: fused surface of the blocks that changed, None where one vanished.

        Returns:
            Attributes by index of the object id; indices are never used twice.
        """
        touched: set[int] = set()
        if moved:
            touched |= self._replace_poses(moved)
        if keyframe is not None:
            touched |= self._add_view(keyframe)
        for index in sorted(touched):
            self._publish(index)
        return dict(sorted(self._published.items()))

    def _add_view(self, keyframe: Keyframe) -> set[int]:
        segments = segment_view(
            keyframe,
            self._is_object,
            max_depth_m=self.config.max_depth_m,
            min_px=self.config.min_segment_px,
            max_points=self.config.points_per_segment,
        )
        self._pose_of[keyframe.id] = keyframe.T_world_camera
        looks = self._look(keyframe, segments)
        touched = set(looks)
        owners: dict[int, list[int]] = {}
        for segment in segments.items:
            if segment.n_inner_px == 0:
                continue
            owners[segment.index] = self._assign(segment, keyframe, looks)
        touched |= {index for found in owners.values() for index in found}
        self._count_pairs(owners, looks)
        touched |= self._join_pairs()
        return touched

    def _look(self, keyframe: Keyframe, segments: Segments) -> dict[int, _Look]:
        """Project the instances near the view into it; counts their misses."""
        T_camera_world = se3.inverse(keyframe.T_world_camera)
        looks: dict[int, _Look] = {}
        for index in sorted(self._instances):
            instance = self._instances[index]
            if not len(instance.keys) or not _in_view(
                instance, T_camera_world, keyframe, self.config.max_depth_m
            ):
                continue
            hits = np.zeros(segments.n_components, np.int32)
            labels = np.zeros(256, np.int32)
            state = np.zeros(len(instance.keys), np.uint8)
            kernels.look_at_voxels(
                instance.keys,
                VOXEL_M,
                T_camera_world,
                keyframe.camera.vector(),
                keyframe.depth_m,
                keyframe.depth_sigma,
                segments.component,
                keyframe.labels,
                self.config.max_depth_m,
                self.config.margin_m,
                hits,
                labels,
                state,
            )
            if not state.any():
                continue
            instance.seen_as += labels
            through = state == 3
            if through.any():
                instance.counts[through, MISSES] += 1
                instance.refresh()
            looks[index] = _Look(hits, int((state == 2).sum()), int((state == 1).sum()))
        return looks

    def _assign(self, segment: Segment, keyframe: Keyframe, looks: dict[int, _Look]) -> list[int]:
        """Give a segment to the instances that it shows, or to a new one."""
        points = se3.transform(keyframe.T_world_camera, segment.points_m.astype(np.float64))
        low, high = points.min(axis=0) - SEARCH_M, points.max(axis=0) + SEARCH_M
        found: list[tuple[float, int]] = []
        near_of: dict[int, np.ndarray] = {}
        for index in sorted(self._instances):
            instance = self._instances[index]
            if (
                instance.label != segment.label
                or (instance.low_m > high).any()
                or (instance.high_m < low).any()
            ):
                continue
            near = np.zeros(len(points), np.bool_)
            share = kernels.near_any(points, instance.coarse_keys, COARSE_M, near) / len(points)
            look = looks.get(index)
            if look is not None and look.n_seen >= 5:
                share = max(share, look.hits[segment.index] / look.n_seen)
            if share >= SAME_PIECE_SHARE:
                found.append((-share, index))
                near_of[index] = near
        if not found:
            index = self._new_instance(segment.label)
            self._observe(index, segment, keyframe, np.ones(len(points), np.bool_))
            return [index]
        owners = [index for _, index in sorted(found)]
        free = np.ones(len(points), np.bool_)
        for index in owners[1:]:
            mine = near_of[index] & free & ~near_of[owners[0]]
            if mine.any():
                self._observe(index, segment, keyframe, mine)
                free &= ~mine
        self._observe(owners[0], segment, keyframe, free)
        return owners

    def _new_instance(self, label: int) -> int:
        index = self._next_id
        self._next_id += 1
        self._instances[index] = Instance(index, label)
        return index

    def _observe(
        self, index: int, segment: Segment, keyframe: Keyframe, chosen: np.ndarray
    ) -> None:
        share = chosen.mean()
        observation = Observation(
            keyframe.id,
            keyframe.stamp_s,
            segment.label,
            round(segment.n_px * share),
            float(segment.n_px * share * segment.confidence),
            segment.sigma,
            segment.border_share,
            np.round(segment.points_m[chosen] * 1000).astype(np.int16),
        )
        instance = self._instances[index]
        instance.add(observation, keyframe.T_world_camera)
        score = segment.n_inner_px * (1.0 - segment.border_share)
        if score > 1.1 * instance.crop_score:
            instance.crop_rgb, instance.crop_score = _crop(keyframe, segment), score

    def _count_pairs(self, owners: dict[int, list[int]], looks: dict[int, _Look]) -> None:
        """Count for neighbours of one label how often a view shows them as one piece, or as two."""
        for found in owners.values():
            for i, a in enumerate(found):
                for b in found[i + 1 :]:
                    pair = (min(a, b), max(a, b))
                    self._together[pair] = self._together.get(pair, 0) + 1

    def _join_pairs(self) -> set[int]:
        touched: set[int] = set()
        for pair in sorted(self._together):
            a, b = pair
            if a not in self._instances or b not in self._instances:
                continue
            if self._together[pair] < 2 or self._together[pair] <= self._apart.get(pair, 0):
                continue
            self._join(a, b)
            touched |= {a, b}
        return touched

    def _join(self, kept: int, gone: int) -> None:
        self._instances[kept].absorb(self._instances.pop(gone))
        for counter in (self._together, self._apart):
            for pair in [p for p in counter if gone in p]:
                counter.pop(pair)

    def _replace_poses(self, moved: Sequence[MovedKeyframe]) -> set[int]:
        """Rebuild the instances that saw a moved keyframe from their views."""
        for change in moved:
            if change.id in self._pose_of:
                self._pose_of[change.id] = change.T_world_camera_after
        ids = {change.id for change in moved}
        touched = {
            index
            for index, instance in self._instances.items()
            if any(o.keyframe_id in ids for o in instance.observations)
        }
        for index in sorted(touched):
            before = self._instances[index]
            after = Instance(
                index, before.label, crop_rgb=before.crop_rgb, crop_score=before.crop_score
            )
            after.seen_as = before.seen_as
            for observation in before.observations:
                after.add(observation, self._pose_of[observation.keyframe_id])
            self._instances[index] = after
        return touched

    def _publish(self, index: int) -> None:
        instance = self._instances.get(index)
        if instance is None or instance.views < self.config.min_views:
            self._published.pop(index, None)
            return
        points = instance.centers_m(instance.solid())
        if len(points) < 4:
            self._published.pop(index, None)
            return
        box = turned_box(points, footprint_yaw(points))
        stamps = [o.stamp_s for o in instance.observations]
        total = max(float(instance.label_votes.sum()), 1e-9)
        self._published[index] = ObjectAttributes(
            position_m=box.center_m,
            label=instance.label,
            label_name=self.label_space.name_of(instance.label),
            box=box,
            aabb=aligned_bounds(box),
            label_histogram={
                self.label_space.name_of(k): float(instance.label_votes[k] / total)
                for k in np.flatnonzero(instance.label_votes)
            },
            confidence=float(instance.label_votes[instance.label] / total),
            views=instance.views,
            first_seen_s=min(stamps),
            last_seen_s=max(stamps),
            crop_rgb=instance.crop_rgb,
            points_m=points[:: max(1, -(-len(points) // 200))],
            last_update_s=max(stamps),
        )


def _in_view(
    instance: Instance, T_camera_world: F8, keyframe: Keyframe, max_depth_m: float
) -> bool:
    """Whether the ball around an instance may meet the view."""
    center = (instance.low_m + instance.high_m) / 2
    radius = float(np.linalg.norm(instance.high_m - instance.low_m)) / 2
    x, y, z = T_camera_world[:3, :3] @ center + T_camera_world[:3, 3]
    if z < -radius or z > max_depth_m + radius:
        return False
    k = keyframe.camera
    half_u = max(k.cx, k.width - k.cx) / k.fx
    half_v = max(k.cy, k.height - k.cy) / k.fy
    reach = max(z, 0.0)
    return bool(
        abs(x) <= half_u * reach + radius * np.hypot(1, half_u)
        and abs(y) <= half_v * reach + radius * np.hypot(1, half_v)
    )


def _crop(keyframe: Keyframe, segment: Segment) -> U1:
    """Picture of a segment with a margin, at most 96 pixels wide or high."""
    v0, v1, u0, u1 = segment.bounds_px
    pad = max(2, round(0.1 * max(v1 - v0, u1 - u0)))
    crop = keyframe.rgb[max(v0 - pad, 0) : v1 + pad + 1, max(u0 - pad, 0) : u1 + pad + 1]
    step = -(-max(crop.shape[:2]) // CROP_PX)
    return np.ascontiguousarray(crop[::step, ::step])
