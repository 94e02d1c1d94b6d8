"""Feature tracks of an image stream: corners followed by optical flow, outliers thrown out.

Sources: pyramidal Lucas-Kanade (Bouguet 2001, OpenCV's) from positions that the gyroscope
predicts; corners by Shi and Tomasi (1994); two-point RANSAC with a known rotation, as the
epipolar constraint of a translation alone (Troiani et al., ICRA 2014).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import cv2
import numpy as np

from mono_hydra.geometry.camera import project, rays_of
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import F8, U1, Bool, Camera, Frame

logger = logging.getLogger(__name__)

FLOW_TERMINATION = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.03)
EQUALISE_BELOW = 40.0  # mean grey value, or four standard deviations: then CLAHE
BORDER_PX = 4.0
MIN_ESSENTIAL = 15  # tracks
LOOK_BELOW = 0.3  # share of the tracks that is left: images are compared as a whole
_ANY_FOCAL_PX = 500.0


@dataclass(frozen=True)
class FrontEndOptions:
    """How many tracks, and what is thrown out."""

    n_tracks: int = 160
    refill_below: float = 0.7  # of n_tracks; also every `refill_every` frames
    refill_every: int = 3
    spacing_px: int = 20  # between corners, for 640 px of width
    window_px: int = 21
    levels: int = 3
    max_backward_px: float = 0.7
    corner_quality: float = 0.01  # of the best corner in the image
    min_corner_ratio: float = 0.1  # of the structure tensor's eigenvalues; what is less is an edge
    ransac_px: float = 1.5
    ransac_trials: int = 100
    mask_margin_px: int = 8
    seed: int = 0


@dataclass(frozen=True)
class FrontEndHealth:
    """What became of the tracks in one image."""

    n_before: int
    n_followed: int  # by flow, forward and backward
    n_consistent: int  # with one rigid motion, outside the mask
    n_new: int
    likeness: float = 1.0  # of the image and the one before, looked at where few tracks are left


class FrontEnd:
    """Owner of the tracks in the newest image. Feed frames in order."""

    def __init__(self, options: FrontEndOptions | None = None) -> None:
        self.options = options or FrontEndOptions()
        self.health = FrontEndHealth(0, 0, 0, 0)
        self.pixels = np.zeros((0, 2))  # (N, 2) of the newest image
        self.R_seen: F8 | None = None  # (3, 3), new to old, where no gyroscope tells it
        self._ids = np.zeros(0, np.int64)
        self._rays = np.zeros((0, 3))
        self._grey: U1 | None = None
        self._next_id = 0
        self._n_frames = 0
        self._rng = np.random.default_rng(self.options.seed)
        self._equaliser = cv2.createCLAHE(2.0, (8, 8))

    def forget(self) -> None:
        """Drop all tracks: the next image is too far from the last one to be compared with it."""
        self._keep(np.zeros(len(self._ids), np.bool_))
        self._grey = None

    def step(
        self, frame: Frame, R_old_new: F8 | None = None, moving: Bool | None = None
    ) -> FeatureTracks:
        """Follow the tracks into the next image and fill up.

        Args:
            frame: the image; its camera may not change.
            R_old_new: (3, 3) rotation of camera points, new to old, of the gyroscope; None without
                one: then the essential matrix judges the tracks, its rotation stands in `R_seen`,
                and the rotation before it leads the flow.
            moving: (H, W) true where a thing is that moves by itself; tracks there are dropped.
        """
        grey = self._grey_of(frame.rgb)
        n_before = len(self._ids)
        if n_before == 0:
            self.R_seen = None
        n_followed = n_consistent = 0
        if self._grey is not None and n_before:
            old_rays = self._follow(self._grey, grey, frame.camera, R_old_new)
            n_followed = len(old_rays)
            n_consistent = self._drop_outliers(old_rays, frame.camera, R_old_new, moving)
        like = 1.0
        if self._grey is not None and n_consistent < LOOK_BELOW * n_before:
            like = likeness(self._grey, grey)
        self._grey = grey
        n_new = self._refill(grey, frame.camera, moving) if self._is_thin() else 0
        self._n_frames += 1
        self.health = FrontEndHealth(n_before, n_followed, n_consistent, n_new, like)
        return FeatureTracks(self._ids.copy(), self._rays[:, :2].copy())

    def _grey_of(self, rgb: U1) -> U1:
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        mean, deviation = cv2.meanStdDev(grey)
        if min(float(mean[0, 0]), 4.0 * float(deviation[0, 0])) < EQUALISE_BELOW:
            grey = self._equaliser.apply(grey)
        return np.asarray(grey, np.uint8)

    def _follow(self, old: U1, new: U1, camera: Camera, R_old_new: F8 | None) -> F8:
        """Move the tracks along the flow; those that do not come back are dropped.

        Returns the rays (N, 3) in the old image of those that are left.
        """
        o = self.options
        before = self.pixels.astype(np.float32)
        guess = before
        R_guess = self.R_seen if R_old_new is None else R_old_new
        if R_guess is not None:
            turned = project(camera, self._rays @ R_guess)
            guess = np.where(np.isfinite(turned), turned, before).astype(np.float32)
        window = (o.window_px, o.window_px)
        after, found, _ = cv2.calcOpticalFlowPyrLK(
            old, new, before, guess.copy(), winSize=window, maxLevel=o.levels,
            criteria=FLOW_TERMINATION, flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )  # fmt: skip
        back, returned, _ = cv2.calcOpticalFlowPyrLK(
            new, old, after, before.copy(), winSize=window, maxLevel=1,
            criteria=FLOW_TERMINATION, flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )  # fmt: skip
        good = (found[:, 0] == 1) & (returned[:, 0] == 1)
        good &= np.linalg.norm(back - before, axis=1) < o.max_backward_px
        arrived = np.asarray(after, np.float64)
        good &= _inside(arrived, camera, BORDER_PX)
        old_rays: F8 = self._rays[good]
        self._ids = self._ids[good]
        self.pixels = arrived[good]
        self._rays = rays_of(camera, self.pixels)
        return old_rays

    def _drop_outliers(
        self, old_rays: F8, camera: Camera, R_old_new: F8 | None, moving: Bool | None
    ) -> int:
        o = self.options
        tolerance = o.ransac_px / camera.fx
        if R_old_new is None:
            good, self.R_seen = one_motion(old_rays, self._rays, tolerance)
        else:
            turned = self._rays @ R_old_new.T
            good = one_translation(old_rays, turned, tolerance, o.ransac_trials, self._rng)
        if moving is not None:
            good &= ~self._covered(moving)
        self._keep(good)
        return len(self._ids)

    def _covered(self, moving: Bool) -> Bool:
        at = np.round(self.pixels).astype(np.int64)
        x, y = at[:, 0].clip(0, moving.shape[1] - 1), at[:, 1].clip(0, moving.shape[0] - 1)
        return np.asarray(moving[y, x])

    def _keep(self, good: Bool) -> None:
        self._ids, self.pixels, self._rays = self._ids[good], self.pixels[good], self._rays[good]

    def _is_thin(self) -> bool:
        o = self.options
        n = len(self._ids)
        if n < o.refill_below * o.n_tracks:
            return True
        return n < o.n_tracks and self._n_frames % o.refill_every == 0

    def _refill(self, grey: U1, camera: Camera, moving: Bool | None) -> int:
        """New corners away from all tracks."""
        o = self.options
        spacing = max(4, round(o.spacing_px * camera.width / 640.0))
        free = np.full(grey.shape, 255, np.uint8)
        for x, y in np.round(self.pixels).astype(int).tolist():
            cv2.circle(free, (x, y), spacing, 0, -1)
        if moving is not None:
            free[np.asarray(moving)] = 0
        wanted = o.n_tracks - len(self._ids)
        corners = cv2.goodFeaturesToTrack(grey, 2 * wanted, o.corner_quality, spacing, mask=free)
        if corners is None:
            return 0
        pixels = np.asarray(corners, np.float64).reshape(-1, 2)
        pixels = pixels[_inside(pixels, camera, BORDER_PX)]
        pixels = pixels[corner_ratio(grey, pixels, o.window_px) > o.min_corner_ratio][:wanted]
        ids = self._next_id + np.arange(len(pixels))
        self._next_id += len(pixels)
        self._ids = np.concatenate([self._ids, ids])
        self.pixels = np.concatenate([self.pixels, pixels])
        self._rays = np.concatenate([self._rays, rays_of(camera, pixels)])
        return len(pixels)


def likeness(old: U1, new: U1) -> float:
    """Best correlation, -1 to 1, of the middle of one image with any part of the next."""
    small = [cv2.resize(g, (80, 60), interpolation=cv2.INTER_AREA) for g in (old, new)]
    return float(cv2.matchTemplate(small[1], small[0][15:45, 20:60], cv2.TM_CCOEFF_NORMED).max())


def corner_ratio(grey: U1, pixels: F8, window_px: int) -> F8:
    """(N,) smaller by larger eigenvalue of the structure tensor about pixels (N, 2).

    On a straight edge it is near 0, and flow slides along the edge.
    """
    x = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    y = cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    size = (window_px, window_px)
    at = np.round(pixels).astype(np.int64)
    xx, xy, yy = (
        np.asarray(cv2.boxFilter(p, -1, size), np.float64)[at[:, 1], at[:, 0]]
        for p in (x * x, x * y, y * y)
    )
    half, spread = 0.5 * (xx + yy), np.sqrt(0.25 * (xx - yy) ** 2 + xy * xy)
    return np.asarray((half - spread) / np.maximum(half + spread, 1e-9))


def one_translation(
    old: F8, turned: F8, tolerance: float, n_trials: int, rng: np.random.Generator
) -> Bool:
    """Which tracks agree with the translation that most agree with.

    The direction t makes t, the old ray a and the new ray b, turned back, coplanar: t . (b x a) =
    0. Two tracks fix it; all trials are one array expression.

    Args:
        old: (N, 3) rays in the old image.
        turned: (N, 3) rays of the new image, in the old camera's axes.
        tolerance: of the distance from the plane, in units of the ray.
        n_trials: pairs that are tried.
        rng: draws the pairs.
    """
    n = len(old)
    if n < 3:
        return np.ones(n, np.bool_)
    a = old / np.linalg.norm(old, axis=1, keepdims=True)
    b = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    normals = np.cross(b, a)
    pairs = rng.integers(0, n, (n_trials, 2))
    t = np.cross(normals[pairs[:, 0]], normals[pairs[:, 1]])
    length = np.linalg.norm(t, axis=1, keepdims=True)
    t = np.divide(t, length, out=np.zeros_like(t), where=length > 1e-15)
    fits = np.abs(t @ normals.T) < tolerance  # (trials, N)
    fits[length[:, 0] <= 1e-15] = np.linalg.norm(normals, axis=1) < tolerance
    best = int(fits.sum(axis=1).argmax())
    return np.asarray(fits[best])


def one_motion(old: F8, new: F8, tolerance: float) -> tuple[Bool, F8 | None]:
    """Which tracks agree with the essential matrix most agree with, and its rotation, new to old.

    With few tracks all are taken, and the rotation is None. Of the two rotations that the matrix
    leaves open the smaller is taken: the other lies half a turn off.
    """
    if len(old) < MIN_ESSENTIAL:
        return np.ones(len(old), np.bool_), None
    # in pixels of any camera: MAGSAC's own limits are made for them
    K = np.diag([_ANY_FOCAL_PX, _ANY_FOCAL_PX, 1.0])
    E, inliers = cv2.findEssentialMat(
        _ANY_FOCAL_PX * old[:, :2], _ANY_FOCAL_PX * new[:, :2], K, cv2.USAC_MAGSAC, 0.999,
        _ANY_FOCAL_PX * tolerance,
    )  # fmt: skip
    if E is None or inliers is None or np.shape(E) != (3, 3):
        return np.ones(len(old), np.bool_), None
    one, other, _ = cv2.decomposeEssentialMat(E)
    R_new_old = one if np.trace(one) >= np.trace(other) else other
    return np.asarray(inliers.ravel() == 1), np.asarray(R_new_old, np.float64).T


def _inside(pixels: F8, camera: Camera, border_px: float) -> Bool:
    x, y = pixels[:, 0], pixels[:, 1]
    right, low = camera.width - 1 - border_px, camera.height - 1 - border_px
    inside: Bool = (x >= border_px) & (y >= border_px) & (x <= right) & (y <= low)
    return inside
