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
from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.labels import LabelSpace
from mono_hydra.perception import align_kernels as kernels
from mono_hydra.perception.error_field import infer_error
from mono_hydra.perception.planes import Kind, Plane
from mono_hydra.types import F4, F8, I4, I8, Bool, Prediction, TrackedPose

SENSOR_SIGMA = 0.03  # depth known this well is a sensor's and is left alone
STRIDE_PX = 4  # planes are found and learnt on every fourth pixel of every fourth row
GATE = 3.0  # standard deviations between a pixel and its plane
SURE = 0.8  # belief from which a pixel teaches where its plane is, and what the view's error is
GROWTH_M = 0.7  # how far beyond its known extent a wall may go on
CELL_M = 0.15  # cells in which the error is one number
MIN_AREA_M2 = {"floor": 1.0, "ceiling": 1.0, "wall": 0.6}
MIN_LENGTH_M = 0.6  # of a new wall
N_ANGLES = 90  # directions tried for the walls, one degree apart
FIRST_WALL_VIEW = 3  # their direction needs this many views
# floor, ceiling, wall, hung on a wall: how far the surface may stand off the plane
ATTACHMENT_M = np.array([0.01, 0.01, 0.015, 0.10])
ON_WALL = ("door", "window", "picture", "blinds", "mirror", "whiteboard", "curtain")


@dataclass(frozen=True, eq=False)
class _Samples:
    """Every fourth pixel of every fourth row, flattened."""

    points_world_m: F8  # (N, 3)
    area_m2: F8  # (N,) of the surface, as if it faced the camera
    kind: I4  # (N,)
    sigma: F8  # (N,)


class Aligner:
    """Draws uncertain depth to planes learnt over time."""

    def __init__(self, config: PerceptionConfig, label_space: LabelSpace) -> None:
        self._is_on = config.align == "auto"
        self._kind_of_label = _kinds(label_space)
        self.planes: list[Plane] = []
        self._scores = np.zeros(N_ANGLES)
        self._n_views = 0
        self._scratch = (np.full(1 << 15, -1, np.int64), np.zeros(1 << 15, np.int32))

    def step(self, prediction: Prediction, tracked: TrackedPose) -> Prediction:
        """The prediction with depth and depth_sigma made consistent with earlier ones."""
        known = prediction.depth_m > 0.0
        if not self._is_on or not known.any():
            return prediction
        sigma = float(np.median(prediction.depth_sigma[known]))
        if sigma < SENSOR_SIGMA:
            return prediction
        T = np.ascontiguousarray(tracked.T_world_camera)
        samples = self._sample(prediction, T)
        self._turn_walls(samples, T[:3, 3])
        self._find_planes(prediction, T, samples, sigma)
        return self._correct(prediction, T, sigma)

    # -- planes ----------------------------------------------------------------------------

    def _sample(self, prediction: Prediction, T: F8) -> _Samples:
        every = (slice(None, None, STRIDE_PX), slice(None, None, STRIDE_PX))
        depth_m = prediction.depth_m[every].astype(float)
        rays = pixel_rays(prediction.camera)[every]
        points = (rays * depth_m[..., None]) @ T[:3, :3].T + T[:3, 3]
        area = (depth_m * STRIDE_PX) ** 2 / (prediction.camera.fx * prediction.camera.fy)
        kind = np.where(depth_m > 0.0, self._kind_of_label[prediction.labels[every]], -1)
        return _Samples(
            points.reshape(-1, 3),
            area.ravel(),
            kind.ravel().astype(np.int32),
            prediction.depth_sigma[every].astype(float).ravel(),
        )

    def _turn_walls(self, samples: _Samples, camera_world_m: F8) -> None:
        """Refine the direction of the walls and turn the known ones into it."""
        wall = samples.kind == 2
        if wall.sum() < 100:
            return
        xy = samples.points_world_m[wall, :2] - camera_world_m[:2]
        area = np.minimum(samples.area_m2[wall], 0.05)
        scores = kernels.direction_scores(
            np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1]), area, 0.05, N_ANGLES
        )
        self._scores += scores / scores.mean()
        self._n_views += 1
        along = self._direction()
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

    def _find_planes(self, prediction: Prediction, T: F8, samples: _Samples, sigma: float) -> None:
        """Learn known planes from this view and start new ones where none explains it."""
        plane_of, _, belief = self._assign(prediction, T, None, STRIDE_PX)
        plane_of_sample = plane_of[::STRIDE_PX, ::STRIDE_PX].ravel()
        is_sure = belief[::STRIDE_PX, ::STRIDE_PX].ravel() > SURE
        clear = (samples.sigma < 1.5 * sigma) & (samples.kind >= 0) & (samples.kind < 3)
        for index in np.unique(plane_of_sample[clear]):
            if index >= 0:
                here = clear & is_sure & (plane_of_sample == index)
                if not here.any():
                    continue
                self.planes[index].learn(samples.points_world_m[here], T[:3, 3], sigma)
        free = clear & (plane_of_sample < 0)
        self._start("floor", np.array([[0.0, 0.0, 1.0]]), free, samples, T, sigma)
        self._start("ceiling", np.array([[0.0, 0.0, -1.0]]), free, samples, T, sigma)
        if self._n_views >= FIRST_WALL_VIEW:
            along = self._direction()
            normals = np.array([along, -along, _left(along), -_left(along)])
            for _ in range(4):
                if not self._start("wall", normals, free, samples, T, sigma):
                    break

    def _start(
        self, kind: Kind, normals: F8, free: Bool, samples: _Samples, T: F8, sigma: float
    ) -> bool:
        """Start the best-supported plane with one of the normals; takes its pixels from `free`."""
        of_kind = np.flatnonzero(free & (samples.kind == ("floor", "ceiling", "wall").index(kind)))
        if samples.area_m2[of_kind].sum() < MIN_AREA_M2[kind]:
            return False
        view = samples.points_world_m[of_kind] - T[:3, 3]
        found: tuple[float, F8, I8] | None = None
        for normal in normals:
            distance = -(view @ normal)
            members = _densest(distance, samples.area_m2[of_kind], 1.5 * sigma)
            area = float(samples.area_m2[of_kind][members].sum())
            if area < MIN_AREA_M2[kind] or (found and area <= found[0]):
                continue
            if kind == "wall" and not _is_straight(view[members], normal, sigma):
                continue
            found = (area, normal, members)
        if found is None:
            return False
        _, normal, members = found
        distance_m = float(np.exp(np.mean(np.log(-(view[members] @ normal)))))
        plane = Plane(kind, normal, float(normal @ T[:3, 3]) - distance_m)
        plane.learn(view[members] + T[:3, 3], T[:3, 3], sigma)
        if not plane.patches:
            return False
        self.planes.append(plane)
        free[of_kind[members]] = False
        return True

    # -- correction ------------------------------------------------------------------------

    def _assign(
        self, prediction: Prediction, T: F8, error: tuple[F4, F4] | None, stride: int
    ) -> tuple[I4, F4, F4]:
        plane_of = np.full(prediction.depth_m.shape, -1, np.int32)
        residual = np.zeros(prediction.depth_m.shape, np.float32)
        belief = np.zeros_like(residual)
        if error is None:
            error = np.zeros_like(residual), prediction.depth_sigma
        kernels.assign(
            prediction.depth_m, prediction.depth_sigma, prediction.labels, self._kind_of_label,
            prediction.camera.vector(), T, self._rows(), *error, ATTACHMENT_M, GATE, GROWTH_M,
            stride, plane_of, residual, belief,
        )  # fmt: skip
        return plane_of, residual, belief

    def _rows(self) -> F8:
        """(R, 9) the stretches of all planes."""
        rows = [row for index, plane in enumerate(self.planes) for row in plane.rows(index)]
        return np.array(rows).reshape(-1, 9)

    def _correct(self, prediction: Prediction, T: F8, sigma: float) -> Prediction:
        plane_of, residual, belief = self._assign(prediction, T, None, 2)
        plane_of[belief < SURE] = -1  # their error is not known by the plane
        cell_of, centres = self._cells(prediction, T)
        distance_m = np.array([p.distance_m(T[:3, 3]) for p in self.planes])
        plane_sigma_m = np.array([p.sigma_m for p in self.planes])
        relative_sigma = plane_sigma_m / distance_m
        # pixels choose their plane anew once the error around them is known
        mean, share = self._error(
            prediction, plane_of, residual, cell_of, centres, relative_sigma, sigma
        )
        error = mean[cell_of].astype(np.float32)
        left = (np.sqrt(share)[cell_of] * prediction.depth_sigma).astype(np.float32)
        plane_of, residual, belief = self._assign(prediction, T, (error, left), 1)
        depth_m, depth_sigma = prediction.depth_m.copy(), prediction.depth_sigma.copy()
        kernels.correct(
            prediction.depth_m, prediction.depth_sigma, prediction.labels, self._kind_of_label,
            plane_of, residual, belief, plane_sigma_m, distance_m, ATTACHMENT_M, cell_of, mean,
            share, depth_m, depth_sigma,
        )  # fmt: skip
        return replace(prediction, depth_m=depth_m, depth_sigma=depth_sigma)

    def _cells(self, prediction: Prediction, T: F8) -> tuple[I4, F8]:
        keys, ids = self._scratch
        keys.fill(-1)
        cell_of = np.empty(prediction.depth_m.shape, np.int32)
        centres = np.zeros((len(keys) // 2, 4))
        n = kernels.cells(
            prediction.depth_m, prediction.camera.vector(), T, CELL_M, keys, ids, cell_of, centres
        )
        return cell_of, centres[:n]

    def _error(
        self, prediction: Prediction, plane_of: I4, residual: F4, cell_of: I4, centres: F8,
        relative_sigma: F8, sigma: float,
    ) -> tuple[F8, F8]:  # fmt: skip
        """Error of ln depth of every cell, from the cells that lie on planes."""
        clear = (plane_of >= 0) & (prediction.depth_sigma < 1.5 * sigma) & (cell_of >= 0)
        clear &= self._kind_of_label[prediction.labels] < 3
        n = len(centres)
        coarse = np.floor(centres[:, :3] / 0.35).astype(np.int64) + 100000
        group = (coarse[:, 0] * 200003 + coarse[:, 1]) * 200003 + coarse[:, 2]
        _, group_of_cell = np.unique(group, return_inverse=True)
        n_planes = max(len(self.planes), 1)
        cell, plane = cell_of[clear], plane_of[clear]
        key = group_of_cell[cell] * n_planes + plane
        size = n * n_planes
        count = np.bincount(key, minlength=size)
        ids = np.flatnonzero(count >= 4)
        known = np.bincount(key, residual[clear], minlength=size)[ids] / count[ids]
        sums = np.stack(
            [np.bincount(key, centres[cell, k], minlength=size)[ids] for k in range(3)], axis=1
        )
        points: F8 = sums.astype(np.float64) / count[ids][:, None]
        plane_of_known = (ids % n_planes).astype(np.int32)
        return infer_error(
            points, known, relative_sigma[plane_of_known] if len(ids) else np.zeros(0),
            plane_of_known, centres[:, :3], sigma,
        )  # fmt: skip


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
