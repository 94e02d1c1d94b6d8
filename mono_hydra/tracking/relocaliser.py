"""Finding the map again: the newest image against what earlier keyframes saw.

Corners with binary descriptors (ORB, Rublee et al., ICCV 2011) and predicted depth are kept of
every keyframe. An image is matched with some of them; its pose against the points of one is taken
if many corners, spread over the image, agree with it, if the vertical agrees with the tracker's,
and if a second image a moment later says the same.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import least_squares

from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import rays_of
from mono_hydra.geometry.depth_samples import depth_at
from mono_hydra.tracking.filter_state import moved_covariance
from mono_hydra.types import F8, I8, U1, Frame, Prediction

N_FEATURES = 500
MAX_RATIO = 0.8  # of the distances to the best and to the second match
MIN_INLIERS, MIN_CELLS = 30, 6  # of 4x4 cells of the image
MAX_MISFIT_PX = 5.0  # at `ANY_FOCAL_PX`; predicted depth errs by some per cent
ANY_FOCAL_PX = 500.0
MAX_TILT_RAD = 0.09
RECENT, OTHERS = 4, 8  # keyframes that one image is compared with
AGREE_M, AGREE_RAD = 0.3, 0.09
SIGMA_PX = 2.0  # of a match, at `ANY_FOCAL_PX`
FLOOR_RAD, FLOOR_M = 0.005, 0.03  # sigmas of a pose that was found
MOST_AWAITED = 8  # keyframes whose corners are not found yet: more are waited for
DEPTH_SHARE = 0.1  # of the way between both views: what predicted depth makes of it


@dataclass(frozen=True, eq=False)
class _View:
    """What one keyframe saw."""

    descriptors: U1  # (N, 32)
    points: F8  # (N, 3) camera axes
    T_map_camera: F8


class Relocaliser:
    """Owner of the keyframes' corners; poses are those that they were tracked with.

    Corners are found beside the tracking, which waits for them only when it is lost.
    """

    def __init__(self) -> None:
        self._orb = cv2.ORB_create(N_FEATURES)  # type: ignore[attr-defined]
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
        self._worker = ThreadPoolExecutor(1, "corners")
        self._found: list[_View] = []
        self._awaited = deque[Future[_View | None]]()
        self._next = 0
        self._candidate: F8 | None = None

    def __len__(self) -> int:
        return len(self._views(wait=True))

    def add(self, frame: Frame, prediction: Prediction, T_map_camera: F8) -> None:
        """Keep the corners of a keyframe whose predicted depth (metric) is of use."""
        view = self._worker.submit(self._view_of, frame, prediction, T_map_camera.copy())
        self._awaited.append(view)
        self._views(wait=len(self._awaited) > MOST_AWAITED)

    def _views(self, *, wait: bool) -> list[_View]:
        """What keyframes saw, in order; with `wait` all of them."""
        while self._awaited and (wait or self._awaited[0].done()):
            view = self._awaited.popleft().result()
            if view is not None:
                self._found.append(view)
        return self._found

    def _view_of(self, frame: Frame, prediction: Prediction, T_map_camera: F8) -> _View | None:
        rays, descriptors = self._corners(frame)
        if len(rays) == 0:
            return None
        depth_m, _ = depth_at(prediction, rays[:, :2])
        known = np.isfinite(depth_m)
        if known.sum() < MIN_INLIERS:
            return None
        points = rays[known] * depth_m[known, None]
        return _View(descriptors[known], points, T_map_camera)

    def forget_candidate(self) -> None:
        """Begin a search."""
        self._candidate = None

    def tie(self, frame: Frame, T_world_camera: F8) -> tuple[F8, F8] | None:
        """T_map_world (4, 4) and its covariance (6, 6, right perturbation); None where not found.

        Args:
            frame: the newest image.
            T_world_camera: (4, 4), its pose in a world whose z is up.
        """
        found = self._find(frame, T_world_camera)
        if found is None:
            return None
        T_map_camera, covariance = found
        T_map_world = se3.upright_tie(T_map_camera, T_world_camera)
        before, self._candidate = self._candidate, T_map_world
        if before is None:
            return None
        apart = se3.inverse(before @ T_world_camera) @ T_map_world @ T_world_camera
        is_far = np.linalg.norm(apart[:3, 3]) > AGREE_M
        if is_far or np.linalg.norm(se3.log_so3(apart[:3, :3])) > AGREE_RAD:
            return None
        return T_map_world, moved_covariance(covariance, se3.inverse(T_world_camera))

    def _find(self, frame: Frame, T_world_camera: F8) -> tuple[F8, F8] | None:
        views = self._views(wait=True)  # before the worker's ORB is used here
        rays, descriptors = self._corners(frame)
        if len(rays) < MIN_INLIERS:
            return None
        for view in self._chosen(views):
            found = self._pose_against(view, rays, descriptors)
            if found is None:
                continue
            T_view_camera, at = found
            T_map_camera = view.T_map_camera @ T_view_camera
            tilt = float(np.arccos(np.clip(T_map_camera[2, :3] @ T_world_camera[2, :3], -1, 1)))
            if tilt < MAX_TILT_RAD:
                points = se3.transform(view.T_map_camera, view.points[at[:, 1]])
                way_m = float(np.linalg.norm(T_view_camera[:3, 3]))
                return _upright_pose(
                    points, rays[at[:, 0], :2], T_world_camera[:3, :3], T_map_camera, way_m
                )
        return None

    def _chosen(self, views: list[_View]) -> list[_View]:
        """The newest keyframes, and some of the others in turn."""
        n = len(views)
        recent = list(range(n - 1, max(n - 1 - RECENT, -1), -1))
        rest = n - len(recent)
        others = [(self._next + k) % rest for k in range(min(OTHERS, rest))]
        self._next = (self._next + OTHERS) % max(rest, 1)
        return [views[i] for i in recent + others]

    def _corners(self, frame: Frame) -> tuple[F8, U1]:
        grey = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)
        corners, descriptors = self._orb.detectAndCompute(grey, None)
        if descriptors is None:
            return np.zeros((0, 3)), np.zeros((0, 32), np.uint8)
        pixels = np.array([c.pt for c in corners], np.float64).reshape(-1, 2)
        return rays_of(frame.camera, pixels), np.asarray(descriptors)

    def _pose_against(self, view: _View, rays: F8, descriptors: U1) -> tuple[F8, I8] | None:
        """T_view_camera (4, 4), and the matches (N, 2; corner, point) that agree with it."""
        pairs = self._matcher.knnMatch(descriptors, view.descriptors, k=2)
        good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < MAX_RATIO * p[1].distance]
        if len(good) < MIN_INLIERS:
            return None
        at = np.array([(m.queryIdx, m.trainIdx) for m in good])
        points = np.ascontiguousarray(view.points[at[:, 1]])
        pixels = np.ascontiguousarray(ANY_FOCAL_PX * rays[at[:, 0], :2])
        K = np.diag([ANY_FOCAL_PX, ANY_FOCAL_PX, 1.0])
        found, turned, shifted, inliers = cv2.solvePnPRansac(
            points, pixels, K, None, iterationsCount=200, reprojectionError=MAX_MISFIT_PX,
            flags=cv2.SOLVEPNP_AP3P,
        )  # fmt: skip
        if not found or inliers is None or len(inliers) < MIN_INLIERS:
            return None
        kept = inliers.ravel()
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        cells = np.clip(4.0 * (pixels[kept] - low) / np.maximum(high - low, 1.0), 0, 3).astype(int)
        if len(np.unique(cells[:, 0] + 4 * cells[:, 1])) < MIN_CELLS:
            return None
        pose = se3.inverse(se3.from_rt(se3.exp_so3(np.ravel(turned)), np.ravel(shifted)))
        return (pose, at[kept]) if np.isfinite(pose).all() else None


def _upright_pose(
    points: F8, uv: F8, R_world_camera: F8, T_map_camera: F8, way_m: float
) -> tuple[F8, F8]:
    """A pose with the tracker's tilt, and its covariance: yaw and position fit the matches best.

    Points nearly in a plane leave tilt and height open together; the tracker knows the tilt well.

    Args:
        points: (N, 3) in the map.
        uv: (N, 2) normalised image coordinates.
        R_world_camera: (3, 3) that has the tilt.
        T_map_camera: (4, 4) to begin at.
        way_m: from the view that saw the points: its depth errs by a share of that.
    """
    first = se3.upright_tie(T_map_camera, se3.from_rt(R_world_camera, np.zeros(3)))
    yaw0 = float(np.arctan2(first[1, 0], first[0, 0]))

    def turned(yaw: float) -> F8:
        return se3.exp_so3(np.array([0.0, 0.0, yaw])) @ R_world_camera

    def misfit(unknown: F8) -> F8:
        x = (points - unknown[1:]) @ turned(float(unknown[0]))
        z = np.maximum(x[:, 2:], 0.1)
        return np.asarray(((x[:, :2] / z - uv) * (ANY_FOCAL_PX / SIGMA_PX)).ravel())

    fit = least_squares(misfit, np.r_[yaw0, T_map_camera[:3, 3]], loss="soft_l1")
    R = turned(float(fit.x[0]))
    excess = max(2.0 * float(fit.cost) / max(len(points) * 2 - 4, 1), 1.0)
    P = excess * np.linalg.inv(fit.jac.T @ fit.jac + 1e-9 * np.eye(4))
    B = np.zeros((6, 4))
    B[:3, 0], B[3:, 1:] = R.T[:, 2], R.T
    floor = np.repeat([FLOOR_RAD**2, FLOOR_M**2 + (DEPTH_SHARE * way_m) ** 2], 3)
    return se3.from_rt(R, fit.x[1:]), B @ P @ B.T + np.diag(floor)
