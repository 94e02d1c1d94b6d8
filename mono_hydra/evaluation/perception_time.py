"""How well what is said of a place agrees from one picture of a recording to the next.

The earlier view is warped into the current one by true poses and true depth. Pixels whose warped
true depth agrees with the true depth there show the same surface; only these are compared, so that
nothing hidden, entering or moving counts. Depth is carried over as geometry says: 1 m ahead, what
was 4 m away must be 3 m away. The same figures of the truth itself are the floor that sampling at
whole pixels leaves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from m2h.types import Task
from mono_hydra.config import KeyframeConfig, PerceptionConfig
from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import pixel_rays, project
from mono_hydra.labels import load_label_space
from mono_hydra.perception.network import NETWORK_LABELS
from mono_hydra.perception.temporal import TemporalMerger
from mono_hydra.types import F4, F8, I8, U1, Camera, Prediction, TrackedPose

AGREEMENT = 0.02  # of the true depth
MIN_INTERVAL_S = KeyframeConfig().min_interval_s  # the pipeline predicts no oftener
MAX_INTERVAL_S = 1.0  # views further apart, as after lost frames, are no neighbours
SOURCES = ("", "_truth", "_aligned")  # endings of the keys


@dataclass(frozen=True, eq=False)
class TrueView:
    """Where a picture was taken and what is there; for the warp and the scores alone."""

    stamp_s: float
    camera: Camera  # pinhole
    T_world_camera: F8  # (4, 4)
    depth_m: F4  # (H, W), 0 where unknown
    labels: U1 | None = None  # (H, W), 0 = unknown


@dataclass(frozen=True, eq=False)
class SharedPixels:
    """Pixels of two views of one camera that show the same surface."""

    now: I8  # (N,) row-major indices in the current view
    before: I8  # (N,) in the earlier view


def shared_pixels(now: TrueView, before: TrueView) -> SharedPixels:
    """Pixels of the current view whose surface the earlier view shows as well.

    Each true point is looked up in the earlier view at the nearest pixel; it is shared if the true
    point of that pixel lies within `AGREEMENT` of the depth here.
    """
    depth_m = now.depth_m.ravel().astype(np.float64)
    pixels = np.flatnonzero(depth_m > 0.0)
    points_m = _rays(now.camera)[pixels] * depth_m[pixels, None]
    T_before_now = se3.inverse(before.T_world_camera) @ now.T_world_camera
    position_px = np.floor(project(before.camera, se3.transform(T_before_now, points_m)) + 0.5)
    u, v = position_px[:, 0], position_px[:, 1]  # NaN behind the camera: compares as outside
    height, width = before.depth_m.shape
    is_inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    pixels = pixels[is_inside]
    there = (v[is_inside] * width + u[is_inside]).astype(np.int64)
    there_m = before.depth_m.ravel()[there]
    warped_m = carried_depth(there_m, there, before.camera, se3.inverse(T_before_now))
    agrees = np.abs(warped_m - depth_m[pixels]) <= AGREEMENT * depth_m[pixels]
    agrees &= there_m > 0.0
    return SharedPixels(pixels[agrees], there[agrees])


def carried_depth(depth_m: F4, pixels: I8, camera: Camera, T_now_before: F8) -> F8:
    """Depth (N,) in the current view of points of the earlier view.

    Args:
        depth_m: (N,) in the earlier view, of
        pixels: (N,) row-major indices in it.
        camera: of the earlier view.
        T_now_before: (4, 4), earlier camera points to the current camera.
    """
    points_m = _rays(camera)[pixels] * depth_m[:, None].astype(np.float64)
    return np.asarray(points_m @ T_now_before[2, :3] + T_now_before[2, 3])


def depth_change(now_m: F4, carried_m: F8) -> float | None:
    """Mean |d - carried d| / d of depths (N,) in one view; None without a pixel."""
    if not len(now_m):
        return None
    return float(np.mean(np.abs(now_m - carried_m) / now_m))


def equal_share(labels: U1, labels_before: U1) -> float | None:
    """Share of pixels (N,) with the same label, among those that have one in both views."""
    is_known = (labels > 0) & (labels_before > 0)
    if not is_known.any():
        return None
    return float(np.mean(labels[is_known] == labels_before[is_known]))


@dataclass(frozen=True, eq=False)
class _Said:
    """What one source says of a view, row by row."""

    depth_m: F4 | None  # (H W,), 0 where unknown
    labels: U1 | None  # (H W,)


@dataclass(frozen=True, eq=False)
class _Told:
    """A view with what all sources say of it."""

    view: TrueView
    said: dict[str, _Said]  # by the ending of the keys


class TemporalScorer:
    """Collects the views of one recording in their order; `result()` gives the block `temporal`."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        """Prepare.

        Args:
            tasks: outputs that the network has; the others are not scored.
        """
        self._tasks = frozenset(tasks)
        self._merger = TemporalMerger(PerceptionConfig(), load_label_space(NETWORK_LABELS))
        self._before: _Told | None = None
        self._values: dict[str, list[float]] = {
            f"{name}{source}": [] for name in ("depth", "labels") for source in SOURCES
        }
        self._intervals_s: list[float] = []
        self._compared: list[float] = []
        self.n_views = 0

    def add(self, seen: Prediction, view: TrueView) -> None:
        """Count one view; `seen` is the prediction on the view's pixel grid, not yet merged."""
        tracked = TrackedPose(self.n_views, view.stamp_s, view.T_world_camera)
        aligned = self._merger.step(seen, tracked)
        now = _Told(
            view,
            {
                "": self._said(seen),
                "_truth": _Said(view.depth_m.ravel(), _flat(view.labels)),
                "_aligned": self._said(aligned),
            },
        )
        before, self._before = self._before, now
        self.n_views += 1
        if before is None or view.stamp_s - before.view.stamp_s > MAX_INTERVAL_S:
            return
        self._intervals_s.append(view.stamp_s - before.view.stamp_s)
        self._compare(now, before)

    def result(self) -> dict[str, object]:
        """Means over the pairs of neighbouring views, None where no pair had a pixel to compare."""
        interval_s = float(np.median(self._intervals_s)) if self._intervals_s else None
        return {
            **{key: _mean(values) for key, values in self._values.items()},
            "pairs": len(self._compared),
            "compared": _mean(self._compared),  # share of the image
            "interval_s": interval_s,
            "rate_hz": 1.0 / interval_s if interval_s else None,
            "min_interval_s": MIN_INTERVAL_S,
            "agreement": AGREEMENT,
        }

    def _said(self, prediction: Prediction) -> _Said:
        return _Said(
            prediction.depth_m.ravel() if "depth" in self._tasks else None,
            prediction.labels.ravel() if "semantics" in self._tasks else None,
        )

    def _compare(self, now: _Told, before: _Told) -> None:
        shared = shared_pixels(now.view, before.view)
        if not len(shared.now):
            return
        self._compared.append(len(shared.now) / now.view.depth_m.size)
        T_now_before = se3.inverse(now.view.T_world_camera) @ before.view.T_world_camera
        for source in SOURCES:
            said, earlier = now.said[source], before.said[source]
            if said.depth_m is not None and earlier.depth_m is not None:
                here_m, there_m = said.depth_m[shared.now], earlier.depth_m[shared.before]
                known = (here_m > 0.0) & (there_m > 0.0)
                carried_m = carried_depth(
                    there_m[known], shared.before[known], before.view.camera, T_now_before
                )
                self._note(f"depth{source}", depth_change(here_m[known], carried_m))
            if said.labels is not None and earlier.labels is not None:
                share = equal_share(said.labels[shared.now], earlier.labels[shared.before])
                self._note(f"labels{source}", share)

    def _note(self, key: str, value: float | None) -> None:
        if value is not None:
            self._values[key].append(value)


def _rays(camera: Camera) -> F8:
    """(H W, 3) rays with z = 1."""
    return pixel_rays(camera).reshape(-1, 3)


def _flat(labels: U1 | None) -> U1 | None:
    return None if labels is None else labels.ravel()


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
