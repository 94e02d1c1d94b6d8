"""Depth of the newest image's tracks by triangulation alone: points that correct predicted depth.

The tracks are seen by cameras whose poses are known, so that they have the scale of these poses;
no predicted depth enters, and the result is evidence of its own on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from mono_hydra.tracking.front_end import FrontEnd, FrontEndOptions
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.tracking.triangulation_kernels import triangulate_last
from mono_hydra.types import F8, Frame, Landmarks

MIN_VIEWS = 3
MAX_SIGMA = 0.15  # of ln depth
MAX_VIEWS = 15
MIN_STEP_M, MAX_WAIT_S = 0.04, 0.5  # between views, whichever comes first
MAX_PAUSE_S = 1.0  # between images: what flow finds after a longer one is often something else


def find_landmarks(
    R_world_camera: F8, centres_m: F8, stamps_s: F8, views: Sequence[FeatureTracks],
    sigma: float, slide: float,
) -> Landmarks:  # fmt: skip
    """Triangulate what the last view sees.

    Args:
        R_world_camera: (K, 3, 3) of the views.
        centres_m: (K, 3) of their cameras, world.
        stamps_s: (K,), rising.
        views: tracks of each, sorted by id.
        sigma: of normalised image coordinates, independent from view to view.
        slide: of a track's patch in a second, a random walk in the same coordinates.

    Returns:
        Points seen by three views at least, whose depth is known within 15 % and fits its views.
    """
    last = views[-1]
    tracks, at, uv = [], [], []
    for k, view in enumerate(views):
        _, i, j = np.intersect1d(last.ids, view.ids, assume_unique=True, return_indices=True)
        tracks.append(i)
        at.append(np.full(len(i), k))
        uv.append(view.points[j])
    track, clone = np.concatenate(tracks), np.concatenate(at)
    order = np.lexsort((clone, track))
    track = track[order]
    n = len(last.ids)
    starts = np.searchsorted(track, np.arange(n + 1))
    log_depth_sigma = np.full(n, np.nan)
    depth_m = np.full(n, np.nan)
    triangulate_last(
        R_world_camera, centres_m, np.ascontiguousarray(stamps_s - stamps_s[0]), starts,
        clone[order], np.ascontiguousarray(np.concatenate(uv)[order]), sigma,
        (slide / sigma) ** 2, MIN_VIEWS, MAX_SIGMA, depth_m, log_depth_sigma,
    )  # fmt: skip
    good = np.isfinite(depth_m)
    return Landmarks(last.points[good], depth_m[good], log_depth_sigma[good])


class LandmarkWindow:
    """Tracks of images whose poses are known, for landmarks in the newest of them."""

    def __init__(self, focal_px: float, sigma_px: float, slide_px: float, n_tracks: int) -> None:
        """Errors of tracks as `FilterOptions` states them."""
        self._front_end = FrontEnd(FrontEndOptions(n_tracks=n_tracks))
        self._sigma, self._slide = sigma_px / focal_px, slide_px / focal_px
        self._views = deque[tuple[float, F8, FeatureTracks]](maxlen=MAX_VIEWS)
        self._newest: tuple[float, F8, FeatureTracks] | None = None
        self._last: tuple[float, F8] | None = None

    def step(self, frame: Frame, T_world_camera: F8) -> None:
        """Follow the tracks into an image with its pose (4, 4)."""
        R_old_new = None
        if self._last is not None:
            last_s, T_last = self._last
            R_old_new = T_last[:3, :3].T @ T_world_camera[:3, :3]
            if not 0.0 < frame.stamp_s - last_s < MAX_PAUSE_S:
                self.forget()
        self._last = frame.stamp_s, T_world_camera
        tracks = self._front_end.step(frame, R_old_new)
        self._newest = frame.stamp_s, T_world_camera, tracks
        if self._views:
            before_s, T_before, _ = self._views[-1]
            moved_m = float(np.linalg.norm(T_world_camera[:3, 3] - T_before[:3, 3]))
            if moved_m < MIN_STEP_M and frame.stamp_s - before_s < MAX_WAIT_S:
                return
        self._views.append(self._newest)

    def forget(self) -> None:
        """Drop all tracks, as for an image without a pose."""
        self._front_end.forget()
        self._views.clear()
        self._newest = None

    def landmarks(self) -> Landmarks | None:
        """Of the newest image; None without one."""
        if self._newest is None:
            return None
        views = [v for v in self._views if v is not self._newest] + [self._newest]
        poses = np.array([T for _, T, _ in views])
        return find_landmarks(
            np.ascontiguousarray(poses[:, :3, :3]), np.ascontiguousarray(poses[:, :3, 3]),
            np.array([s for s, _, _ in views]), [tracks for _, _, tracks in views],
            self._sigma, self._slide,
        )  # fmt: skip
