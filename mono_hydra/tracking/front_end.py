"""Feature tracks of an image stream: corners followed by optical flow, outliers thrown out.

Sources: pyramidal Lucas-Kanade (Bouguet 2001, OpenCV's) from positions that the gyroscope
predicts; corners by Shi and Tomasi (1994); two-point RANSAC with a known rotation, as the
epipolar constraint of a translation alone (Troiani et al., ICRA 2014).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import project, rays_of
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import F4, F8, U1, Bool, Camera, Frame

logger = logging.getLogger(__name__)

FLOW_TERMINATION = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.03)
EQUALISE_BELOW = 40.0  # mean grey value, or four standard deviations: then CLAHE
MIDDLE_GREY = 128.0
BORDER_PX = 4.0
MIN_ESSENTIAL = 15  # tracks
LOOK_BELOW = 0.3  # share of the tracks that is left: images are compared as a whole
_ANY_FOCAL_PX = 500.0
MAX_WIDTH_PX = 800  # wider images are followed at a whole fraction of their size
MIN_SURE_TRACKS = 30  # and half of those followed: they may contradict the image as a whole
MAX_TURN_APART_RAD = 0.05  # nearby things make the image move differently than the camera turned
MAX_GUESS_RAD = 0.35  # from image to image: what seems to turn more was cut
MIN_TURN_OVERLAP = 0.3  # of them, after the turn
TURN_WIDTH_PX = 160  # of the images that are compared as a whole to see how the camera turned


@dataclass(frozen=True)
class FrontEndOptions:
    """How many tracks, and what is thrown out."""

    n_tracks: int = 160
    refill_below: float = 0.7  # of n_tracks; also every `refill_every` frames
    refill_every: int = 3
    spacing_px: int = 20  # between corners, for 640 px of width
    window_px: int = 21
    flatten_px: int = 0  # flow sees grey values less the mean of a square so wide; 0: as they are
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
        # (3, 3), new to old, where no gyroscope tells it: of the tracks, and of the whole image
        self.R_seen: F8 | None = None
        self.R_guessed: F8 | None = None
        self._at = np.zeros((0, 2))  # (N, 2) tracks in the newest image, as wide as it is followed
        self._factor = 1  # the image is so many times wider
        self._ids = np.zeros(0, np.int64)
        self._rays = np.zeros((0, 3))
        self._grey: U1 | None = None  # of the newest image
        self._flat_before: U1 | None = None  # the same as flow sees it
        self._next_id = 0
        self._n_frames = 0
        self._rng = np.random.default_rng(self.options.seed)
        self._equaliser = cv2.createCLAHE(2.0, (8, 8))

    @property
    def pixels(self) -> F8:
        """(N, 2) of the tracks in the newest image."""
        return np.asarray((self._at + 0.5) * self._factor - 0.5)

    def forget(self) -> None:
        """Drop all tracks: the next image is too far from the last one to be compared with it."""
        self._keep(np.zeros(len(self._ids), np.bool_))
        self._grey = self._flat_before = None

    def step(
        self, frame: Frame, R_old_new: F8 | None = None, moving: Bool | None = None
    ) -> FeatureTracks:
        """Follow the tracks into the next image and fill up.

        Args:
            frame: the image; its camera may not change.
            R_old_new: (3, 3) rotation of camera points, new to old, of the gyroscope; None without
                one: then the essential matrix judges the tracks, its rotation stands in `R_seen`,
                and the rotation before it leads the flow. Where that fails the turn of the image as
                a whole does (`R_guessed`).
            moving: (H, W) true where a thing is that moves by itself; tracks there are dropped.
        """
        frame, moving = self._reduced(frame, moving)
        grey = self._grey_of(frame.rgb)
        flat = self._flat(grey)
        n_before = len(self._ids)
        if n_before == 0:
            self.R_seen = self.R_guessed = None
        n_followed = n_consistent = 0
        if self._grey is not None and self._flat_before is not None and n_before:
            lead = self.R_seen if R_old_new is None else R_old_new
            arrived, good = self._flow(self._flat_before, flat, frame.camera, lead)
            self.R_guessed = None
            if R_old_new is None and good.mean() < LOOK_BELOW:
                guess = guessed_turn(self._grey, grey, frame.camera, self.R_seen)
                if turn_between(guess, np.eye(3)) < MAX_GUESS_RAD:
                    self.R_guessed = guess
                    again = self._flow(self._flat_before, flat, frame.camera, guess)
                    if again[1].sum() > good.sum():
                        arrived, good = again
            old_rays = self._arrive(arrived, good, frame.camera)
            n_followed = len(old_rays)
            n_consistent = self._drop_outliers(old_rays, frame.camera, R_old_new, moving)
        like = 1.0
        if self._grey is not None and n_consistent < LOOK_BELOW * n_before:
            like = likeness(self._grey, grey)
        self._grey, self._flat_before = grey, flat
        n_new = self._refill(flat, frame.camera, moving) if self._is_thin() else 0
        self._n_frames += 1
        self.health = FrontEndHealth(n_before, n_followed, n_consistent, n_new, like)
        return FeatureTracks(self._ids.copy(), self._rays[:, :2].copy())

    def _reduced(self, frame: Frame, moving: Bool | None) -> tuple[Frame, Bool | None]:
        """The image and the mask as wide as they are followed."""
        self._factor = -(-frame.camera.width // MAX_WIDTH_PX)
        if self._factor == 1:
            return frame, moving
        camera = frame.camera
        camera = camera.resized(camera.width // self._factor, camera.height // self._factor)
        size = (camera.width, camera.height)
        rgb = np.asarray(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        if moving is not None:
            wide = cv2.resize(moving.astype(np.uint8), size, interpolation=cv2.INTER_AREA)
            moving = np.asarray(wide) > 0
        return replace(frame, rgb=rgb, camera=camera), moving

    def _grey_of(self, rgb: U1) -> U1:
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        mean, deviation = cv2.meanStdDev(grey)
        if min(float(mean[0, 0]), 4.0 * float(deviation[0, 0])) < EQUALISE_BELOW:
            grey = self._equaliser.apply(grey)
        return np.asarray(grey, np.uint8)

    def _flat(self, grey: U1) -> U1:
        """Without slow shading: as exposure follows the scene it would pull weak corners along."""
        width = self.options.flatten_px
        if width == 0:
            return grey
        mean = cv2.blur(grey, (width, width))
        return np.asarray(cv2.addWeighted(grey, 1.0, mean, -1.0, MIDDLE_GREY), np.uint8)

    def _flow(self, old: U1, new: U1, camera: Camera, R_lead: F8 | None) -> tuple[F8, Bool]:
        """Where the tracks (N, 2) have gone, and (N,) which came back when followed backwards."""
        o = self.options
        before = self._at.astype(np.float32)
        guess = before
        if R_lead is not None:
            turned = project(camera, self._rays @ R_lead)
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
        return arrived, good & _inside(arrived, camera, BORDER_PX)

    def _arrive(self, arrived: F8, good: Bool, camera: Camera) -> F8:
        """Move the good tracks and drop the others; rays (M, 3) in the old image of the good."""
        old_rays: F8 = self._rays[good]
        self._ids = self._ids[good]
        self._at = arrived[good]
        self._rays = rays_of(camera, self._at)
        return old_rays

    def _drop_outliers(
        self, old_rays: F8, camera: Camera, R_old_new: F8 | None, moving: Bool | None
    ) -> int:
        o = self.options
        tolerance = o.ransac_px / camera.fx
        if R_old_new is None:
            good, self.R_seen = one_motion(old_rays, self._rays, tolerance)
            if self._is_made_up(good):
                good, self.R_seen = np.zeros(len(good), np.bool_), None
        else:
            turned = self._rays @ R_old_new.T
            good = one_translation(old_rays, turned, tolerance, o.ransac_trials, self._rng)
        if moving is not None:
            good &= ~self._covered(moving)
        self._keep(good)
        return len(self._ids)

    def _is_made_up(self, good: Bool) -> bool:
        """Few tracks, as of a bare wall, agree with a turn that the image as a whole denies."""
        if self.R_seen is None or self.R_guessed is None:
            return False
        if good.sum() >= max(MIN_SURE_TRACKS, 0.5 * len(good)):
            return False
        return turn_between(self.R_seen, self.R_guessed) > MAX_TURN_APART_RAD

    def _covered(self, moving: Bool) -> Bool:
        at = np.round(self._at).astype(np.int64)
        x, y = at[:, 0].clip(0, moving.shape[1] - 1), at[:, 1].clip(0, moving.shape[0] - 1)
        return np.asarray(moving[y, x])

    def _keep(self, good: Bool) -> None:
        self._ids, self._at, self._rays = self._ids[good], self._at[good], self._rays[good]

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
        for x, y in np.round(self._at).astype(int).tolist():
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
        self._at = np.concatenate([self._at, pixels])
        self._rays = np.concatenate([self._rays, rays_of(camera, pixels)])
        return len(pixels)


def guessed_turn(old: U1, new: U1, camera: Camera, R_before: F8 | None) -> F8:
    """(3, 3) rotation, new to old, that makes the images most alike as a whole.

    Tried are none, the last one (3, 3) if there is one, and the shift that phase correlation finds
    (Kuglin and Hines 1975), each also after the last one is undone.
    """
    width = min(TURN_WIDTH_PX, camera.width)
    small = camera.resized(width, max(round(camera.height * width / camera.width), 1)).pinhole()
    one, other = _small_pattern(old, small), _small_pattern(new, small)
    window = cv2.createHanningWindow((small.width, small.height), cv2.CV_32F)
    best, R_best = -np.inf, np.eye(3)
    for R_first in [np.eye(3)] + ([] if R_before is None else [R_before]):
        (x, y), _ = cv2.phaseCorrelate(_as_turned(one, R_first, small), other, window)
        R_rest = se3.exp_so3(np.array([-y / small.fy, x / small.fx, 0.0])).T
        for R in (R_first, R_first @ R_rest):
            seen = _as_turned(np.ones_like(one), R, small) > 0.99
            if seen.mean() < MIN_TURN_OVERLAP:
                continue
            like = _correlation(_as_turned(one, R, small)[seen], other[seen])
            if like > best:
                best, R_best = like, R
    return R_best


def turn_between(one: F8, other: F8) -> float:
    """Angle, rad, between rotations (3, 3)."""
    return float(np.linalg.norm(se3.log_so3(one.T @ other)))


def _small_pattern(grey: U1, camera: Camera) -> F4:
    """The image as small as that camera's, without noise and without slow shading."""
    size = (camera.width, camera.height)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    fine = cv2.GaussianBlur(small, (0, 0), 1.0)
    return np.asarray(fine - cv2.GaussianBlur(fine, (0, 0), 4.0), np.float32)


def _as_turned(image: F4, R_old_new: F8, camera: Camera) -> F4:
    """The image after a turn of the camera, 0 where the old one shows nothing."""
    H = camera.K @ R_old_new.T @ np.linalg.inv(camera.K)
    return np.asarray(cv2.warpPerspective(image, H, (camera.width, camera.height)), np.float32)


def _correlation(one: F4, other: F4) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-9))


def likeness(old: U1, new: U1) -> float:
    """Best correlation, -1 to 1, of the middle of one image with any part of the next."""
    small = [cv2.resize(g, (80, 60), interpolation=cv2.INTER_AREA) for g in (old, new)]
    return float(cv2.matchTemplate(small[1], small[0][15:45, 20:60], cv2.TM_CCOEFF_NORMED).max())


def corner_ratio(grey: U1, pixels: F8, window_px: int) -> F8:
    """(N,) smaller by larger eigenvalue of the structure tensor about pixels (N, 2).

    On a straight edge it is near 0, and flow slides along the edge.
    """
    border = window_px // 2 + 1
    wide = cv2.copyMakeBorder(grey, border, border, border, border, cv2.BORDER_REFLECT_101)
    patches = np.lib.stride_tricks.sliding_window_view(wide, (2 * border + 1, 2 * border + 1))
    at = np.round(pixels).astype(np.int64)
    # only the patches: over the whole image this would cost as much as finding the corners
    patch = patches[at[:, 1], at[:, 0]].astype(np.float32)
    smooth = patch[:, :-2] + 2.0 * patch[:, 1:-1] + patch[:, 2:]  # Sobel's kernels
    x = smooth[:, :, 2:] - smooth[:, :, :-2]
    smooth = patch[:, :, :-2] + 2.0 * patch[:, :, 1:-1] + patch[:, :, 2:]
    y = smooth[:, 2:] - smooth[:, :-2]
    xx, xy, yy = ((p * q).sum(axis=(1, 2), dtype=np.float64) for p, q in ((x, x), (x, y), (y, y)))
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
