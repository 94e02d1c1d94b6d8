"""The tracking stage of `--poses vio`: images, inertial samples and predicted depth to poses."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from mono_hydra.config import TrackingConfig
from mono_hydra.simulation.imu import DEVICES, ImuNoise
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.filter_state import TIME
from mono_hydra.tracking.filter_tracker import (
    MEASURED_SCALE_SIGMA,
    DepthSource,
    FilterTracker,
    image_gap_s,
    shutter_readout_s,
    track_errors_px,
)
from mono_hydra.tracking.front_end import FrontEndOptions
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.moving_start import StartLimits, StartWindow, moving_start
from mono_hydra.tracking.rest import MAX_FLOW, common_flow_px
from mono_hydra.tracking.rolling_shutter import at_the_stamp, camera_motion, row_delay_s
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import F8, Frame, ImuSamples, SequenceInfo, TrackedPose

logger = logging.getLogger(__name__)

START_INTERVAL_S = 0.1  # between images of the window that a moving start is found in
START_SPAN_S, MOST_START_SPAN_S = 0.8, 1.2
START_DEPTH_INTERVAL_S = 0.4
MAX_FLOW_GAP_S = 0.5
START_RETRY_S = 0.3
# flow begins near its end where a gyroscope leads it, and a small window holds one surface
WINDOW_PX = 15
FLATTEN_PX = 25
SMALL_WINDOW_SLIDE = 0.5  # of what tracks of a window of 21 px, shading and all, slide
TOLD_OFFSET_S = 0.005  # smaller errors of the clocks are no news
HELD_SCALE_SIGMA = 1e-4  # of a scale that is not estimated
DEFAULT_NOISE = DEVICES["d455"]  # of a recording that states none: a common MEMS device
UNSTATED_NOISE_FACTOR = 3.0  # of errors in use over the densities, where the card has none


@dataclass(frozen=True)
class TrackerOptions:
    """All that a run can be told."""

    filter: FilterOptions = field(default_factory=FilterOptions)
    front_end: FrontEndOptions = field(default_factory=FrontEndOptions)
    start: StartLimits = field(default_factory=StartLimits)
    time_offset_s: float = 0.0  # t_imu = t_image + offset
    readout_s: float = 0.0  # from the first to the last row of an image
    dynamic_ids: frozenset[int] = frozenset()  # labels of things that move by themselves


def tracker_options(
    config: TrackingConfig,
    info: SequenceInfo,
    *,
    depth_is_measured: bool,
    dynamic_ids: frozenset[int] = frozenset(),
) -> TrackerOptions:
    """Options of a run, from the configuration and from what the recording states of itself."""
    card = info.imu
    noise = DEFAULT_NOISE
    if card is not None:
        noise = ImuNoise(card.gyro, card.gyro_walk, card.accel, card.accel_walk)
    stated = None if card is None else card.noise_factor
    factor = config.imu_noise_factor or stated or UNSTATED_NOISE_FACTOR
    rate_hz = 200.0 if card is None else card.rate_hz
    offset_s = config.time_offset_s
    if offset_s is None:
        offset_s = 0.0 if card is None else card.time_offset_s
    scale_sigma = MEASURED_SCALE_SIGMA if depth_is_measured else config.scale_sigma
    sigma_px, slide_px = track_errors_px(config, info)
    return TrackerOptions(
        filter=FilterOptions(
            imu=ImuModel(noise.scaled(factor), rate_hz),
            focal_px=info.camera.fx,
            sigma_px=sigma_px,
            slide_px=SMALL_WINDOW_SLIDE * slide_px,
            max_clones=config.max_clones,
            clone_interval_s=config.clone_interval_s,
            max_points=config.max_points,
            time_offset_sigma_s=config.time_offset_sigma_s,
            scale_sigma=scale_sigma if config.estimate_scale else HELD_SCALE_SIGMA,
            scale_time_s=config.scale_time_s,
            depth_common_sigma=scale_sigma,  # what one image gets wrong alike varies as much
            use_depth=config.use_depth,
            use_rest=config.use_rest,
            max_image_gap_s=image_gap_s(info),
        ),
        front_end=FrontEndOptions(
            n_tracks=config.n_tracks, window_px=WINDOW_PX, flatten_px=FLATTEN_PX
        ),
        start=StartLimits(scale_sigma=scale_sigma),
        time_offset_s=offset_s,
        readout_s=shutter_readout_s(config, info),
        dynamic_ids=dynamic_ids if config.use_masks else frozenset(),
    )


class InertialTracker(FilterTracker):
    """Poses in a world whose z is up and whose origin and heading are the first pose's."""

    def __init__(
        self, imu: ImuSamples, T_body_camera: F8, depth: DepthSource | None,
        options: TrackerOptions | None = None,
    ) -> None:  # fmt: skip
        """Prepare.

        Args:
            imu: all samples of the recording.
            T_body_camera: (4, 4).
            depth: asked for a prediction while no pose is known yet; None: starts at rest alone.
            options: of all parts.
        """
        self.options = options or TrackerOptions()
        o = self.options
        super().__init__(T_body_camera, o.filter, o.front_end, o.dynamic_ids, o.time_offset_s)
        self._imu, self._n_given = imu, 0
        self._depth = depth
        self._window = deque[tuple[float, FeatureTracks]]()
        self._start_depth_s = self._start_tried_s = -np.inf
        self._has_minded_clocks = False

    def step(self, frame: Frame) -> TrackedPose | None:
        """Pose of a frame; None while initialising, when lost, and for a stamp out of order."""
        stamp_s = frame.stamp_s + self.options.time_offset_s
        if self._is_late(stamp_s):
            return None
        until_s = self.filter.imu_stamp_s(stamp_s)
        self.filter.propagate(self._samples_until(until_s), stamp_s)
        R_old_new = None if self._last_s is None else self.filter.rotation(self._last_s, stamp_s)
        longest_s = max(MAX_FLOW_GAP_S, self.options.filter.max_image_gap_s)
        if self._last_s is not None and stamp_s - self._last_s > longest_s:
            self.front_end.forget()  # what flow finds after such a pause is often something else
        self._last_s = stamp_s
        tracks = self._at_stamp(frame, self.front_end.step(frame, R_old_new, self._moving), stamp_s)
        self._notice_cut(frame)
        self.filter.add_frame(stamp_s, tracks)
        if self.filter.condition == "initialising":
            self._try_to_start(frame, stamp_s, tracks)
        self._mind_the_clocks()
        return self._answer(frame)

    def _mind_the_clocks(self) -> None:
        """Say once that the clocks of images and IMU differ from what the recording states."""
        state = self.filter.state
        if self._has_minded_clocks or state is None or self.filter.condition == "lost":
            return
        offset_s, sigma_s = state.time_offset_s, float(np.sqrt(state.P[TIME, TIME]))
        if abs(offset_s) > max(TOLD_OFFSET_S, 5.0 * sigma_s):
            self._has_minded_clocks = True
            whole_s = self.options.time_offset_s + offset_s
            logger.warning(
                "the IMU's clock is about %+.0f ms from the images' (stated: %+.0f ms); tracking "
                "corrects it, and knows it from the start with --set tracking.time_offset_s=%.3f",
                1e3 * whole_s, 1e3 * self.options.time_offset_s, whole_s,
            )  # fmt: skip

    def _at_stamp(self, frame: Frame, tracks: FeatureTracks, stamp_s: float) -> FeatureTracks:
        """Tracks as a camera had seen them that reads all rows at once."""
        readout_s = self.options.readout_s
        if readout_s == 0.0 or len(tracks.ids) == 0:
            return tracks
        state, T_bc = self.filter.state, self.filter.T_body_camera
        bias = np.zeros(3) if state is None else state.gyro_bias
        rate = self.filter.steps(stamp_s - 0.5 * readout_s, stamp_s).gyro_rad_s.mean(axis=0) - bias
        R, v = (np.eye(3), np.zeros(3)) if state is None else (state.R, state.v)
        turn, velocity = camera_motion(rate, v, R, T_bc)
        row_s = row_delay_s(self.front_end.pixels[:, 1], frame.camera.height, readout_s)
        points = at_the_stamp(tracks.points, row_s, turn, velocity, self.filter.usual_depth_m)
        return replace(tracks, points=points)

    def _samples_until(self, stamp_s: float) -> ImuSamples:
        # one sample more: the stretch up to the stamp is interpolated
        end = int(np.searchsorted(self._imu.stamps_s, stamp_s, side="right")) + 1
        part = slice(self._n_given, max(end, self._n_given))
        self._n_given = part.stop
        return self._imu.part(part)

    def _try_to_start(self, frame: Frame, stamp_s: float, tracks: FeatureTracks) -> None:
        """Collect a second of motion, and begin where it tells the state well enough."""
        if self._window and stamp_s - self._window[-1][0] < START_INTERVAL_S - 5e-3:
            return
        if self._depth is not None and stamp_s - self._start_depth_s >= START_DEPTH_INTERVAL_S:
            self._start_depth_s = stamp_s
            tracks = self._with_depth(frame, tracks, self._depth)
        self._window.append((stamp_s, tracks))
        while stamp_s - self._window[0][0] > MOST_START_SPAN_S:
            self._window.popleft()
        span_s = stamp_s - self._window[0][0]
        if span_s < START_SPAN_S or stamp_s - self._start_tried_s < START_RETRY_S:
            return
        self._start_tried_s = stamp_s
        o = self.options.filter
        if common_flow_px(self._window[0][1], tracks, np.eye(3), o.focal_px) < MAX_FLOW:
            return  # at rest: the filter begins by itself, and better
        stamps = np.array([s for s, _ in self._window])
        steps = [self.filter.steps(a, b) for a, b in itertools.pairwise(stamps)]
        walks = (o.imu.noise.gyro_walk, o.imu.noise.accel_walk)
        sigma_px = float(np.hypot(o.sigma_px, o.slide_px * np.sqrt(0.5 * span_s)))
        state = moving_start(
            StartWindow(stamps, [t for _, t in self._window], steps), self.filter.T_body_camera,
            walks, o.focal_px, sigma_px, o.gravity_m_s2, self.options.start,
        )  # fmt: skip
        if state is not None:
            logger.info("started in motion after %.1f s of it", span_s)
            self._window.clear()
            self.filter.start(state, tracks)

    def _with_depth(
        self, frame: Frame, tracks: FeatureTracks, source: DepthSource
    ) -> FeatureTracks:
        prediction = source.step(frame, np.eye(4))
        if prediction is None:
            return tracks
        depth_m, sigma = self._depth_at(prediction, tracks.points)
        return FeatureTracks(tracks.ids, tracks.points, depth_m, sigma)
