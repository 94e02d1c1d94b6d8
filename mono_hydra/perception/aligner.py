"""Make uncertain depth of successive views agree: floors, ceilings and walls are planes.

A network's depth is wrong by a smooth factor. Over a large plane seen from many places those
factors average out, so the planes become known far better than any view; each view's error is then
measured on its structure pixels, and carried to the objects beside them (`error_field`).
Sensor-like depth passes untouched. Uses predictions and poses so far, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mono_hydra.config import PerceptionConfig
from mono_hydra.errors import LabelError
from mono_hydra.labels import LabelSpace
from mono_hydra.perception import align_kernels as kernels
from mono_hydra.perception.error_field import NUGGET, infer_error
from mono_hydra.perception.planes import KINDS, Kind, Plane, overlap_m, step_odds
from mono_hydra.types import F4, F8, I4, I8, Bool, Prediction, TrackedPose

SENSOR_SIGMA = 0.03  # depth known this well is a sensor's and is left alone
STRIDE_PX = 4  # planes are found and learnt on every fourth pixel of every fourth row
GATE = 3.0  # standard deviations between a pixel and its plane
CELL_M = 0.15  # cells in which the error is one number
GROUP_M = 0.35  # cells in which one error is measured
MIN_OF_GROUP = 2  # pixels
MIN_DISTANCE_M = 0.15  # of the camera from a plane
MIN_TURN_RAD = 0.001  # smaller changes of the walls' direction move nothing
MERGE_M = 0.35  # planes one behind the other further apart are two
SAME = 3.5  # standard deviations between two such planes that are one
OVERLAP_M = 1.0
SAME_ODDS = 0.33  # that two walls beside each other are two, below which they become one
MIN_AREA_M2 = {"floor": 1.0, "ceiling": 1.0, "wall": 0.6}
MIN_LENGTH_M = 0.6  # of a new wall
N_ANGLES = 90  # directions tried for the walls, one degree apart
FIRST_WALL_VIEW = 3  # their direction needs this many views
# floor, ceiling, wall, hung on a wall: how far the surface may stand off the plane
ATTACHMENT_M = np.array([0.005, 0.005, 0.015, 0.10])
ON_WALL = ("door", "window", "picture", "blinds", "mirror", "whiteboard", "curtain")


@dataclass(frozen=True, eq=False)
class _View:
    """Every fourth pixel of every fourth row of a view, and its pose."""

    T_world_camera: F8
    k_px: F8  # (4,) of the small image
    depth_m: F4  # (h, w)
    depth_sigma: F4  # (h, w)
    smooth_sigma: F4  # (h, w) of the error that neighbours share
    kind: I4  # (h, w)
    facing: F4  # (h, w, 3) normals in the camera's frame, zero at edges
    points_world_m: F8  # (h, w, 3)
    area_m2: F8  # (h, w) of the surface, as if it faced the camera
    sigma: float  # median of depth_sigma
    clear: Bool  # (h, w) structure whose depth is no worse than usual

    @property
    def place_world_m(self) -> F8:
        """(3,) of the camera."""
        return np.asarray(self.T_world_camera[:3, 3], dtype=float)


class Aligner:
    """Draws uncertain depth to planes learnt over time."""

    def __init__(self, config: PerceptionConfig, label_space: LabelSpace) -> None:
        self._is_on = config.align == "auto"
        self._kind_of_label = _kinds(label_space)
        self.planes: list[Plane] = []
        self._scores = np.zeros(N_ANGLES)
        self._n_views = 0
        self._turned_to = np.zeros(3)

    def step(self, prediction: Prediction, tracked: TrackedPose) -> Prediction:
        """The prediction with depth and depth_sigma made consistent with earlier ones."""
        if not self._is_on:
            return prediction
        view = self._view(prediction, np.ascontiguousarray(tracked.T_world_camera))
        if view is None or view.sigma < SENSOR_SIGMA:
            return prediction
        self._turn_walls(view)
        self._find_planes(view)
        return self._correct(prediction, view)

    def _view(self, prediction: Prediction, T: F8) -> _View | None:
        """The small image; None where no depth is known."""
        every = (slice(None, None, STRIDE_PX), slice(None, None, STRIDE_PX))
        depth_m = np.ascontiguousarray(prediction.depth_m[every])
        depth_sigma = np.ascontiguousarray(prediction.depth_sigma[every])
        known = depth_m > 0.0
        if not known.any():
            return None
        sigma = float(np.median(depth_sigma[known]))
        k_px = prediction.camera.vector() / STRIDE_PX
        height, width = depth_m.shape
        x = (np.arange(width) - k_px[2]) / k_px[0]
        y = (np.arange(height) - k_px[3]) / k_px[1]
        rays = x[:, None] * T[:3, 0] + y[:, None, None] * T[:3, 1] + T[:3, 2]
        kind = np.where(known, self._kind_of_label[prediction.labels[every]], np.int32(-1))
        smooth_sigma = np.clip(depth_sigma, np.float32(NUGGET), np.float32(sigma))
        clear = (depth_sigma < 1.5 * sigma) & (kind >= 0) & (kind < 3)
        facing = np.empty((*depth_m.shape, 3), np.float32)
        kernels.face(depth_m, k_px, facing)
        return _View(
            T, k_px, depth_m, depth_sigma, smooth_sigma, kind, facing,
            rays * depth_m[..., None] + T[:3, 3],
            depth_m.astype(float) ** 2 / (k_px[0] * k_px[1]), sigma, clear,
        )  # fmt: skip

    # -- planes ----------------------------------------------------------------------------

    def _turn_walls(self, view: _View) -> None:
        """Refine the direction of the walls and turn the known ones into it."""
        wall = view.kind == 2
        if wall.sum() < 100:
            return
        xy = view.points_world_m[wall][:, :2] - view.place_world_m[:2]
        scores = kernels.direction_scores(
            np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1]),
            np.minimum(view.area_m2[wall], 0.05), 0.05, N_ANGLES,
        )  # fmt: skip
        self._scores += scores / scores.mean()
        self._n_views += 1
        along = self._direction()
        if np.linalg.norm(along - self._turned_to) < MIN_TURN_RAD:
            return
        self._turned_to = along
        for plane in self.planes:
            if plane.kind == "wall":
                axes = (along, -along, _left(along), -_left(along))
                plane.turn(max(axes, key=lambda axis: float(axis @ plane.normal_world)))

    def _direction(self) -> F8:
        """(3,) horizontal: the normals of most walls are this, a right angle off, or opposite."""
        best = int(np.argmax(self._scores))
        low, here, high = (self._scores[(best + k) % N_ANGLES] for k in (-1, 0, 1))
        curve = low - 2.0 * here + high
        peak = best + (0.5 * (low - high) / curve if curve < 0.0 else 0.0)
        angle = 0.5 * np.pi * peak / N_ANGLES
        return np.array([np.cos(angle), np.sin(angle), 0.0])

    def _find_planes(self, view: _View) -> None:
        """Learn known planes from this view and start new ones where none explains it."""
        plane_of, residual, near_corner, _ = self._assign(view)
        clear = view.clear & ~near_corner
        error, variance = self._error_beside_floors(view, clear, plane_of, residual)
        learnt = np.unique(plane_of[clear])
        for index in learnt:
            if index >= 0:
                here = clear & (plane_of == index)
                self.planes[index].learn(
                    view.points_world_m[here], view.place_world_m, error[here], variance[here]
                )
        free = clear & (plane_of < 0)
        self._start("floor", np.array([[0.0, 0.0, 1.0]]), free, view, error, variance)
        self._start("ceiling", np.array([[0.0, 0.0, -1.0]]), free, view, error, variance)
        if self._n_views >= FIRST_WALL_VIEW:
            along = self._turned_to
            normals = np.array([along, -along, _left(along), -_left(along)])
            for _ in range(4):
                if not self._start("wall", normals, free, view, error, variance):
                    break
        self._split(learnt)
        self._merge()

    def _error_beside_floors(
        self, view: _View, clear: Bool, plane_of: I4, residual: F4
    ) -> tuple[F4, F4]:
        """Error of ln depth and its variance by floors and ceilings alone; they learn by theirs."""
        level = np.array([plane.kind != "wall" for plane in self.planes] + [False])
        level_here = clear & level[plane_of]
        error, share = self._error(view, level_here, plane_of, residual, GROUP_M)
        wall = view.kind == 2
        zero, one = np.float32(0.0), np.float32(1.0)
        share = np.where(wall, share, one)
        return np.where(wall, error, zero), share * view.smooth_sigma**2

    def _start(
        self, kind: Kind, normals: F8, free: Bool, view: _View, error: F4, variance: F4
    ) -> bool:
        """Start the best-supported plane with one of the normals; takes its pixels from `free`."""
        of_kind = np.flatnonzero(free & (view.kind == KINDS.index(kind)))
        area_m2 = view.area_m2.ravel()[of_kind]
        if area_m2.sum() < MIN_AREA_M2[kind]:
            return False
        errors, variances = error.ravel()[of_kind], variance.ravel()[of_kind]
        points = view.points_world_m.reshape(-1, 3)[of_kind] - view.place_world_m
        better = points * np.exp(-errors)[:, None]
        facing = view.facing.reshape(-1, 3)[of_kind] @ view.T_world_camera[:3, :3].T
        found: tuple[float, F8, I8] | None = None
        for normal in normals:
            ahead = facing @ normal > kernels.FACING
            members = _densest(-(better @ normal) * ahead, area_m2, 1.5 * view.sigma)
            area = float(area_m2[members].sum())
            if area < MIN_AREA_M2[kind] or (found and area <= found[0]):
                continue
            if kind == "wall" and not _is_straight(better[members], normal, view.sigma):
                continue
            found = (area, normal, members)
        if found is None:
            return False
        _, normal, members = found
        distance_m = float(np.exp(np.mean(np.log(-(better[members] @ normal)))))
        plane = Plane(kind, normal, float(normal @ view.place_world_m) - distance_m)
        plane.learn(
            points[members] + view.place_world_m, view.place_world_m,
            errors[members], variances[members],
        )  # fmt: skip
        if not len(plane.patches):
            return False
        self.planes.append(plane)
        free.ravel()[of_kind[members]] = False
        return True

    def _split(self, learnt: I4) -> None:
        """Two planes for a wall with a step in it."""
        for index in learnt:
            if index >= 0 and self.planes[index].kind == "wall":
                other = self.planes[index].split()
                if other is not None:
                    self.planes.append(other)

    def _merge(self) -> None:
        """One plane for two that proved to be the same."""
        kept: list[Plane] = []
        for plane in self.planes:
            same = next((other for other in kept if _is_same(other, plane)), None)
            if same is None:
                kept.append(plane)
            else:
                same.absorb(plane)
        self.planes = kept

    # -- correction ------------------------------------------------------------------------

    def _rows(self, view: _View) -> F8:
        """(P, 12) the stretches of the planes that the camera is in front of."""
        T, place = view.T_world_camera, view.place_world_m
        rows = [
            row
            for index, plane in enumerate(self.planes)
            if plane.normal_world @ place - plane.offset_m > MIN_DISTANCE_M
            for row in plane.rows(index, T)
        ]
        return np.array(rows).reshape(-1, 12)

    def _assign(self, view: _View) -> tuple[I4, F4, Bool, F8]:
        """Plane, ln depth over its depth, doubt at corners of each small pixel; rows of planes."""
        plane_of = np.empty(view.depth_m.shape, np.int32)
        residual = np.zeros(view.depth_m.shape, np.float32)
        rows = self._rows(view)
        near_corner = np.empty(view.depth_m.shape, bool)
        met = np.zeros(len(rows), bool)
        kernels.assign(
            view.depth_m, view.depth_sigma, view.kind, view.facing, view.k_px, rows, ATTACHMENT_M,
            GATE, plane_of, residual, near_corner, met,
        )  # fmt: skip
        return plane_of, residual, near_corner, rows[met]

    def _correct(self, prediction: Prediction, view: _View) -> Prediction:
        plane_of, residual, near_corner, rows = self._assign(view)
        measured = view.clear & ~near_corner & (plane_of >= 0)
        error, share = self._error(view, measured, plane_of, residual, CELL_M)
        depth_m, depth_sigma = prediction.depth_m.copy(), prediction.depth_sigma.copy()
        # pixels choose their plane anew now that the error around them is known
        kernels.draw(
            prediction.depth_m, prediction.depth_sigma, prediction.labels, self._kind_of_label,
            prediction.camera.vector(), rows, ATTACHMENT_M, GATE, view.sigma, STRIDE_PX,
            view.depth_m, view.facing, error, share, depth_m, depth_sigma,
        )  # fmt: skip
        return replace(prediction, depth_m=depth_m, depth_sigma=depth_sigma)

    def _error(
        self, view: _View, on: Bool, plane_of: I4, residual: F4, cell_m: float
    ) -> tuple[F4, F4]:
        """Error of ln depth of every pixel and the share of its variance left."""
        points, plane = view.points_world_m[on], plane_of[on]
        keys = (_cell_keys(points, GROUP_M) << 10) + plane
        _, first, group, counts = np.unique(
            keys, return_index=True, return_inverse=True, return_counts=True
        )
        enough = counts >= MIN_OF_GROUP
        plane_of_group = plane[first]
        means = [
            (np.bincount(group, v, minlength=len(counts)) / np.maximum(counts, 1))[enough]
            for v in (residual[on], view.smooth_sigma[on], *points.T)
        ]
        relative_sigma = np.array(
            [plane.sigma_m / plane.distance_m(view.place_world_m) for plane in self.planes]
        )
        plane_of_group = plane_of_group[enough]
        known = view.depth_m > 0.0
        places = view.points_world_m[known]
        _, first, cell = np.unique(
            _cell_keys(places, cell_m), return_index=True, return_inverse=True
        )
        mean, left = infer_error(
            np.column_stack(means[2:]), means[0],
            relative_sigma[plane_of_group] if len(plane_of_group) else np.zeros(0),
            plane_of_group, means[1], places[first],
        )  # fmt: skip
        error, share = np.zeros_like(view.depth_m), np.ones_like(view.depth_m)
        error[known] = mean[cell] * view.smooth_sigma[known]
        share[known] = np.maximum(left[cell], (0.5 * NUGGET / view.smooth_sigma[known]) ** 2)
        return error, share


def _cell_keys(points_m: F8, cell_m: float) -> I8:
    """(N,) the cubes that points (N, 3) lie in."""
    i = np.floor(points_m / cell_m).astype(np.int64) + (1 << 16)
    return np.asarray((i[:, 0] << 34) + (i[:, 1] << 17) + i[:, 2], dtype=np.int64)


def _is_same(a: Plane, b: Plane) -> bool:
    """Two planes of one surface; walls that go on beside each other need the better reason."""
    if a.kind != b.kind or a.normal_world @ b.normal_world < 0.99:
        return False
    between_m = abs(a.offset_m - b.offset_m)
    if overlap_m(a, b) > OVERLAP_M:
        return bool(between_m < min(MERGE_M, SAME * np.hypot(a.sigma_m, b.sigma_m)))
    return step_odds(a.offset_m, a.sigma_m, b.offset_m, b.sigma_m) < SAME_ODDS


def _kinds(label_space: LabelSpace) -> I4:
    kinds = np.full(256, -1, np.int32)
    names = (("floor", 0), ("ceiling", 1), ("wall", 2), *((name, 3) for name in ON_WALL))
    for name, kind in names:
        try:
            kinds[label_space.id_of(name)] = kind
        except LabelError:
            continue  # a space without that word has no such surface
    kinds[0] = -1
    return kinds


def _left(direction: F8) -> F8:
    return np.array([-direction[1], direction[0], 0.0])


def _densest(distance_m: F8, area_m2: F8, width: float) -> I8:
    """Indices of the points whose ln distance lies in the window with the most area."""
    ahead = distance_m > 0.15
    log_distance = np.log(np.where(ahead, distance_m, 1.0))
    lowest = np.log(0.15)
    bins = ((log_distance - lowest) / (0.5 * width)).astype(int)
    weight = np.bincount(bins[ahead], area_m2[ahead], minlength=8)
    window = np.convolve(weight, np.ones(4), "same")
    peak = int(np.argmax(window))
    near = ahead & (bins >= peak - 2) & (bins <= peak + 1)
    centre = np.average(log_distance[near], weights=area_m2[near]) if near.any() else 0.0
    return np.flatnonzero(ahead & (np.abs(log_distance - centre) < 1.7 * width))


def _is_straight(view: F8, normal: F8, sigma: float) -> bool:
    """Do points (N, 3) seen from the origin extend along the plane rather than across it?"""
    distance, along = -(view @ normal), view @ _left(normal)
    low, high = np.percentile(along, (5, 95))
    if high - low < MIN_LENGTH_M:
        return False
    level = np.log(distance)
    slope = np.polyfit(along - along.mean(), level, 1)[0]
    n_independent = 1.0 + (high - low) / 1.0
    slope_sigma = sigma / (0.29 * (high - low) * np.sqrt(n_independent))
    return bool(abs(slope) < 2.5 * slope_sigma and np.std(level) < 1.7 * sigma)
