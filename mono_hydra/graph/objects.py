"""Object instances, tracked over keyframes and published with their boxes.

World frame, z up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mono_hydra.config import ObjectsConfig
from mono_hydra.graph.boxes import aligned_bounds, box_around, contains, share_inside
from mono_hydra.graph.class_sizes import load_class_sizes
from mono_hydra.graph.instance import VOXEL_M, Instance
from mono_hydra.graph.instance_tracker import InstanceTracker
from mono_hydra.graph.object_shape import (
    complete,
    draw_to_wall,
    fit_to_views,
    lay_on_floor,
    seen_box,
)
from mono_hydra.graph.parting_walls import is_parted
from mono_hydra.graph.scene_graph import Box, ObjectAttributes
from mono_hydra.graph.surroundings import BlockIndex, Surroundings
from mono_hydra.graph.view_outlines import SmallView, small_view
from mono_hydra.labels import LabelSpace
from mono_hydra.types import Keyframe, MeshBlock, MovedKeyframe

BLOCK_VOXELS = 8
MAX_POINTS = 200
OWN_SHARE = 0.4  # least share of its label among the labels measured at its voxels
UNSURE_MORE_VIEWS = 2  # that an object of uncertain depth takes
UNSURE_OWN_SHARE = 0.05  # the same where depth is uncertain and voxels miss their surface
RIVAL_SHARE = 6.0  # of another object's label, against its own, that makes it a mistake
MAT_HEIGHT_M = 0.10  # classes never higher than this lie flat
INSIDE_SHARE = 0.6  # of an object's points in a better known one's box that make it a part of it
# Shares of the usual confidence of an object's pixel: how sure a network is depends on its
# training, and what is wrong is less sure than the rest, whatever the network.
SURE_INSIDE = 0.98  # from which a thing inside a much larger one is a thing of its own
SURE_OVERLAPPING = 1.03  # the same inside one that is hardly larger
SURE_ENOUGH = 0.70  # less makes no object of uncertain depth: patches of wrong labels look like it
MIN_SURENESS = 0.65  # the same where depth is sure
ONE_SHARE = 0.2  # of the smaller of two boxes of one label in the other: they are one thing
RENEWED_PER_STEP = 4  # objects published after one view
FIT_EVERY = 6  # steps between two fits; all are fitted at the end
REFIT_GAIN = 1.5  # times as many views
LEFT_SHARE = 0.3  # where views look through the rest of its voxels, a thing was taken away


class ObjectsBuilder:
    """Owns the tracked instances; `step` is the one mutating method."""

    def __init__(self, config: ObjectsConfig, label_space: LabelSpace, voxel_size_m: float) -> None:
        self.config = config
        self.label_space = label_space
        self._is_object = label_space.mask("object")
        self._sizes = load_class_sizes(label_space)
        self._tracker = InstanceTracker(config, self._is_object, self._sizes)
        self._surroundings = Surroundings(label_space, BLOCK_VOXELS * voxel_size_m)
        self._views: dict[int, SmallView] = {}
        self._waiting: dict[int, int] = {}  # step since which an object waits for being published
        self._fitted_at: dict[int, int] = {}  # observations when last fitted before the end
        self._n_steps = 0
        self._n_object_px = 0
        self._confidence_sum = 0.0
        self._published: dict[int, ObjectAttributes] = {}

    def step(
        self,
        keyframe: Keyframe | None,
        moved: Sequence[MovedKeyframe],
        keyframe_of: Callable[[int], Keyframe],
        changed_mesh: Mapping[BlockIndex, MeshBlock | None],
    ) -> dict[int, ObjectAttributes]:
        """One keyframe, and the keyframes whose pose was replaced.

        Args:
            keyframe: the new view, None if there is none.
            moved: keyframes with another pose now.
            keyframe_of: reads a stored keyframe.
            changed_mesh: fused surface of the blocks that changed, None where one vanished.

        Returns:
            Attributes by index of the object id, ascending; indices are never used twice.
        """
        self._surroundings.update(changed_mesh)
        touched: set[int] = set()
        if moved:
            poses = {m.id: m.T_world_camera_after for m in moved}
            for i in sorted(poses.keys() & self._views.keys()):
                self._views[i] = replace(self._views[i], T_world_camera=poses[i])
            touched |= self._tracker.rebuild(poses, keyframe_of)
            for index in touched:
                self._fitted_at.pop(index, None)
        if keyframe is not None:
            self._views[keyframe.id] = small_view(keyframe)
            self._count_confidence(keyframe)
            touched |= self._tracker.add_view(keyframe)
        self._n_steps += 1
        self._renew(touched, everything=bool(moved))
        if self._n_steps % FIT_EVERY == 0:
            self._fit_one(touched)
        return dict(sorted(self._published.items()))

    def _count_confidence(self, keyframe: Keyframe) -> None:
        confidence = keyframe.confidence[self._is_object[keyframe.labels]]
        self._n_object_px += confidence.size
        self._confidence_sum += float(confidence.sum(dtype=np.float64))

    def _usual_confidence(self) -> float:
        """Mean confidence of the pixels of objects in all views so far."""
        return self._confidence_sum / self._n_object_px if self._n_object_px else 1.0

    def _renew(self, touched: set[int], *, everything: bool) -> None:
        """Publish the objects that have waited longest; the others wait for the next views.

        A view touches a dozen objects and hardly changes most of them: the time of a step must not
        follow how cluttered a place is.
        """
        for index in touched:
            self._waiting.setdefault(index, self._n_steps)
        gone = self._waiting.keys() - self._tracker.instances.keys()
        order = sorted(self._waiting.keys() - gone, key=lambda i: (self._waiting[i], i))
        for index in sorted(gone) + (order if everything else order[:RENEWED_PER_STEP]):
            del self._waiting[index]
            if not self._keeps_its_fit(index):
                self._publish(index, fit=False)

    def _keeps_its_fit(self, index: int) -> bool:
        """Whether the next box of an object comes from its next fit; not if it was taken away."""
        instance = self._tracker.instances.get(index)
        return instance is not None and index in self._fitted_at and self._is_worth(instance)

    def _fit_one(self, touched: set[int]) -> None:
        """Fit the object with most new views: a fit takes as long as many other things."""
        gain = {
            i: len(self._tracker.instances[i].observations) / (self._fitted_at.get(i, 0) + 1)
            for i in touched & self._published.keys()
            if i in self._tracker.instances and self._tracker.instances[i].is_uncertain
        }
        if gain:
            index = max(sorted(gain), key=lambda i: gain[i])
            if gain[index] > REFIT_GAIN:
                self._fitted_at[index] = len(self._tracker.instances[index].observations)
                self._publish(index)

    def finish(self) -> dict[int, ObjectAttributes]:
        """Bring every object up to date; returns them as `step` does."""
        self._waiting.clear()
        gone = self._tracker.settle()
        for index in sorted(gone | self._tracker.instances.keys()):
            self._publish(index)
        for index in sorted(self._join_overlapping()):
            self._publish(index)
        return self._without_doubtful()

    def is_parted(self, first: Box, second: Box) -> bool:
        """Whether a wall stands between two boxes, as `relations` asks."""
        return is_parted(first, second, self._surroundings)

    def _join_overlapping(self) -> set[int]:
        """Join uncertain objects of one label whose fitted boxes overlap; returns changed ids."""
        changed: set[int] = set()
        for a in sorted(self._published):
            for b in sorted(i for i in self._published if i > a):
                if b in changed or a in changed or not self._are_one(a, b):
                    continue
                self._tracker.join(a, b)
                changed |= {a, b}
        return changed

    def _are_one(self, a: int, b: int) -> bool:
        first, second = self._published[a], self._published[b]
        if first.label != second.label:
            return False
        if not self._tracker.instances[a].is_uncertain:
            return False
        gap = np.abs(first.position_m - second.position_m)
        if (gap > (first.aabb.size_m + second.aabb.size_m) / 2).any():
            return False
        small, large = sorted((first.box, second.box), key=lambda box: float(np.prod(box.size_m)))
        if share_inside(small, large, 0.02) < ONE_SHARE:
            return False
        both = box_around(small, large)
        return self._sizes[first.label].fits(both.size_m, 0.05)

    def _without_doubtful(self) -> dict[int, ObjectAttributes]:
        """The published objects, less those that are rather a part of another one."""
        return {i: a for i, a in sorted(self._published.items()) if not self._is_doubtful(i)}

    def _is_doubtful(self, index: int) -> bool:
        """Whether an object of uncertain depth and label lies in one that is better known."""
        instance, box = self._tracker.instances[index], self._published[index].box
        if not instance.is_uncertain:
            return False
        points = self._published[index].points_m
        assert points is not None
        votes = float(instance.label_votes.sum())
        reach_m = float(box.size_m.max()) / 2
        for other, attributes in self._published.items():
            whole = self._tracker.instances[other]
            gap = np.abs(attributes.position_m - box.center_m) - attributes.aabb.size_m / 2
            if other == index or (gap > reach_m).any() or whole.label_votes.sum() <= votes:
                continue
            if contains(attributes.box, points, 0.05).mean() < INSIDE_SHARE:
                continue
            if whole.label == instance.label:
                return True
            part = float(np.prod(np.maximum(box.size_m, 0.1)))
            alike = part > 0.25 * float(np.prod(np.maximum(attributes.box.size_m, 0.1)))
            least = SURE_OVERLAPPING if alike else SURE_INSIDE
            if instance.sureness < least * self._usual_confidence():
                return True
        return False

    def _publish(self, index: int, *, fit: bool = True) -> None:
        instance = self._tracker.instances.get(index)
        is_worth = instance is not None and self._is_worth(instance)
        box = self._box(instance, fit=fit) if instance is not None and is_worth else None
        if instance is None or box is None:
            self._published.pop(index, None)
            return
        self._published[index] = self._attributes(instance, box)

    def _is_worth(self, instance: Instance) -> bool:
        """Whether enough views show enough of it, as what it is called."""
        large = {o.keyframe_id for o in instance.observations if o.n_px >= self.config.min_view_px}
        more = UNSURE_MORE_VIEWS if instance.is_uncertain else 0
        if len(large) < self.config.min_views + more:
            return False
        if not len(instance.keys) or instance.solid().mean() < LEFT_SHARE:
            return False
        seen_as = float(instance.seen_as.sum())
        own = float(instance.seen_as[instance.label])
        least = UNSURE_OWN_SHARE if instance.is_uncertain else OWN_SHARE
        if seen_as >= 50 and own < least * seen_as:
            return False
        sure = SURE_ENOUGH if instance.is_uncertain else MIN_SURENESS
        is_sure = instance.sureness >= sure * self._usual_confidence()
        return is_sure and not self._is_mistaken(instance)

    def _is_mistaken(self, instance: Instance) -> bool:
        """Whether it is a patch of wrong labels: its surface is rather seen as another object."""
        if not instance.is_uncertain:
            return False
        others = np.where(self._is_object, instance.seen_as, 0.0)
        others[instance.label] = 0.0
        rival = int(np.argmax(others))
        return bool(others[rival] > RIVAL_SHARE * instance.seen_as[instance.label])

    def _box(self, instance: Instance, *, fit: bool) -> Box | None:
        wall_yaw = self._surroundings.wall_yaw_rad()
        box = seen_box(instance, () if wall_yaw is None else (wall_yaw,))
        if box is None or self._sizes[instance.label].is_fragment(box.size_m, 0.5):
            return None
        if not (fit and instance.is_uncertain):
            whole = self._completed(instance, box)
            return None if self._sizes[instance.label].is_plate(whole.size_m) else whole
        return self._uncertain_box(instance, box)

    def _uncertain_box(self, instance: Instance, box: Box) -> Box | None:
        """The box by outlines and by what usually bounds a thing of the class."""
        size = self._sizes[instance.label]
        fit = fit_to_views(instance, box, size, self._views, self._surroundings)
        box = fit.box
        if size.stands == "wall":
            box = draw_to_wall(fit, self._surroundings)
        elif size.most_m[2] <= MAT_HEIGHT_M:
            box = lay_on_floor(box, self._surroundings)
        else:
            box = self._completed(instance, box)
        return None if size.is_implausible(box.size_m) else box

    def _completed(self, instance: Instance, box: Box) -> Box:
        """With its unseen underside and back."""
        pose_of = self._tracker.pose_of
        cameras = np.array([pose_of[o.keyframe_id][:3, 3] for o in instance.observations])
        return complete(box, self._sizes[instance.label], self._surroundings, cameras)

    def _attributes(self, instance: Instance, box: Box) -> ObjectAttributes:
        points = instance.centers_m(instance.solid())
        stamps = [o.stamp_s for o in instance.observations]
        votes = instance.label_votes / max(float(instance.label_votes.sum()), 1e-9)
        views = instance.views
        seen_as = float(instance.seen_as.sum())
        label_share = float(instance.seen_as[instance.label]) / seen_as if seen_as else 1.0
        return ObjectAttributes(
            position_m=box.center_m,
            label=instance.label,
            label_name=self.label_space.name_of(instance.label),
            box=box,
            aabb=aligned_bounds(box),
            label_histogram={
                self.label_space.name_of(int(k)): float(votes[k]) for k in np.flatnonzero(votes)
            },
            confidence=float(instance.sureness * label_share * (1.0 - np.exp(-views / 4.0))),
            views=views,
            first_seen_s=min(stamps),
            last_seen_s=max(stamps),
            area_m2=len(points) * VOXEL_M**2,
            crop_rgb=instance.crop_rgb,
            points_m=points[:: max(1, -(-len(points) // MAX_POINTS))],
            last_update_s=max(stamps),
        )
