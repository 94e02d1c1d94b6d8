"""What the tracking stages with and without an IMU share: front end, filter, and its depth."""

from __future__ import annotations

import logging
from typing import Protocol

from mono_hydra.config import TrackingConfig
from mono_hydra.tracking.depth_samples import depth_at, moving_mask
from mono_hydra.tracking.front_end import FrontEnd, FrontEndOptions
from mono_hydra.tracking.inertial_filter import FilterOptions, InertialEstimate, InertialFilter
from mono_hydra.types import F8, Bool, Frame, Prediction, SequenceInfo

logger = logging.getLogger(__name__)

SIGMA_FOCAL_PX = 460.0  # the focal length that `tracking.sigma_px` is stated for


class DepthSource(Protocol):
    """Predicts depth from an image alone."""

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Prediction of a frame, None where there is none; the pose is not used."""
        ...


class FilterTracker:
    """A front end that feeds the filter, and what predictions tell both."""

    def __init__(
        self, T_body_camera: F8, filter_options: FilterOptions, front_end: FrontEndOptions,
        dynamic_ids: frozenset[int], time_offset_s: float = 0.0,
    ) -> None:  # fmt: skip
        """Prepare.

        Args:
            T_body_camera: (4, 4).
            filter_options: of the filter.
            front_end: its options.
            dynamic_ids: labels of things that move by themselves.
            time_offset_s: the filter's clock = the images' + offset.
        """
        self.filter = InertialFilter(T_body_camera, filter_options)
        self.front_end = FrontEnd(front_end)
        self.counts = dict.fromkeys(("initialising", "tracking", "degraded", "lost"), 0)
        self.n_depths = 0  # samples that the filter has taken
        self._dynamic_ids, self._time_offset_s = dynamic_ids, time_offset_s
        self._last_s: float | None = None
        self._moving: Bool | None = None

    def observe(self, frame: Frame, prediction: Prediction) -> None:
        """Take depth and labels that were predicted of the newest frame."""
        if self._dynamic_ids:
            margin_px = self.front_end.options.mask_margin_px
            self._moving = moving_mask(frame, prediction, self._dynamic_ids, margin_px)
        if self.filter.keep_now():
            self._take_depth(frame, prediction)

    def warm_up(self) -> None:
        """Compile or load the kernels."""
        self.filter.warm_up()

    def _take_depth(self, frame: Frame, prediction: Prediction) -> F8:
        """Depth (N,) at the newest tracks, NaN where there is none; the filter has it too."""
        newest = self.filter.newest_tracks
        depth_m, sigma = depth_at(prediction, newest.points)
        stamp_s = frame.stamp_s + self._time_offset_s
        self.n_depths += self.filter.add_depth(stamp_s, newest.ids, depth_m, sigma)
        return depth_m

    def _is_late(self, stamp_s: float) -> bool:
        """Whether a frame is not newer than the last one; it is counted."""
        if self._last_s is None or stamp_s > self._last_s:
            return False
        self.filter.n_stamps_dropped += 1
        return True

    def _counted_estimate(self) -> InertialEstimate | None:
        """The filter's estimate after a frame, its condition counted."""
        condition = self.filter.condition
        if condition == "lost" and not self.counts["lost"]:
            logger.info("tracking lost: %s", self.filter.fault)
        self.counts[condition] += 1
        return self.filter.estimate()


def sigma_px_of(config: TrackingConfig, info: SequenceInfo) -> float:
    """Of a track in a recording's images: finer pixels are not followed more finely."""
    return config.sigma_px * max(info.camera.fx / SIGMA_FOCAL_PX, 1.0)
