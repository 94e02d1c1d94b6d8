"""What spoils images, samples or depth: poses stay finite, near the truth or silent, and say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest

from mono_hydra.simulation.imu import DEVICES, sense
from mono_hydra.simulation.motion import KNOT_S, Motion
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.inertial_tracker import InertialTracker, TrackerOptions
from mono_hydra.types import F8, Frame, ImuSamples, Prediction, TrackedPose
from tests.tracking.wall import CAMERA, T_BODY_CAMERA, errors_of, patterned, view

RATE_HZ, KEYFRAME_EVERY, END_S = 12.0, 3, 7.0
ONSET_S = 3.5
PERSON = 31  # of nyu40
COAT = patterned(2)
WALL, PLAIN = patterned(), np.full((600, 2400), 140, np.uint8)


def motion(rest_s: float = 1.5, turn_s: float = 0.0) -> Motion:
    """A rest, a turn on the spot, then to and fro along the wall."""
    t = KNOT_S * np.arange(int(END_S / KNOT_S) + 4)
    moving = np.clip(t - rest_s - turn_s, 0.0, None)
    soft = np.minimum(moving, 1.0)
    control = np.zeros((len(t), 6))
    control[:, 0] = -1.0 + 1.2 * np.sin(1.1 * moving) * soft
    control[:, 1] = 0.3 * np.sin(1.9 * moving) * soft
    control[:, 2] = 1.5 + 0.15 * np.sin(2.3 * moving) * soft
    control[:, 3] = np.pi / 2 + 0.1 * np.sin(1.3 * moving) * soft
    if turn_s:
        control[:, 3] += 0.4 * np.sin(np.pi * np.clip(t - rest_s, 0.0, turn_s) / turn_s)
    return Motion(control)


@dataclass
class Given:
    """A recording as the tracker gets it: frames one by one, samples, depth."""

    path: Motion = field(default_factory=motion)
    imu: Callable[[ImuSamples], ImuSamples] = lambda samples: samples
    frame: Callable[[Frame], Frame | None] = lambda frame: frame
    depth: Callable[[float], float] = lambda stamp_s: 1.0  # a factor on what is predicted
    is_plain: Callable[[float], bool] = lambda stamp_s: False
    scene: Callable[[Frame, Prediction], tuple[Frame, Prediction]] = lambda f, p: (f, p)
    prediction: Prediction | None = None

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """As a source of depth."""
        return self.prediction


@dataclass
class Outcome:
    """What the tracking stage said."""

    tracker: InertialTracker
    poses: list[TrackedPose]
    errors_m: F8  # (N,) aligned by the first pose


def run(given: Given) -> Outcome:
    """All frames through the tracking stage, with keyframes at fixed intervals."""
    stamps_s = np.arange(0.0, END_S, 1.0 / 200.0)
    body = given.path.body(stamps_s, T_BODY_CAMERA)
    samples = sense(body, 200.0, DEVICES["tumvi"], np.random.default_rng(0)).samples
    options = TrackerOptions(
        FilterOptions(imu=ImuModel(DEVICES["tumvi"].scaled(2.0)), focal_px=CAMERA.fx, slide_px=1.0),
        dynamic_ids=frozenset({PERSON}),
    )
    tracker = InertialTracker(given.imu(samples), T_BODY_CAMERA, given, options)
    poses, truth = [], []
    for k, stamp_s in enumerate(np.arange(0.0, END_S, 1.0 / RATE_HZ).tolist()):
        T = given.path.camera(np.array([stamp_s])).T_world[0]
        frame, prediction = view(PLAIN if given.is_plain(stamp_s) else WALL, T, stamp_s, k)
        frame, prediction = given.scene(frame, prediction)
        factor = np.float32(given.depth(stamp_s))
        given.prediction = replace(prediction, depth_m=prediction.depth_m * factor)
        spoilt = given.frame(frame)
        tracked = None if spoilt is None else tracker.step(spoilt)
        if tracked is None:
            continue
        poses.append(tracked)
        truth.append(T)
        if k % KEYFRAME_EVERY == 0:
            tracker.observe(frame, given.prediction)
    return Outcome(tracker, poses, errors_of(poses, np.array(truth)))


@cache
def outcome_of(name: str) -> Outcome:
    """The run of a fault, made once."""
    return run(FAULTS[name][0])


def during(first_s: float, seconds: float) -> Callable[[float], bool]:
    return lambda stamp_s: first_s <= stamp_s < first_s + seconds


def check_poses(outcome: Outcome) -> None:
    """Finite, upright covariances, a record a frame."""
    for p in outcome.poses:
        assert np.isfinite(p.T_world_camera).all()
        assert p.covariance is not None
        assert np.linalg.eigvalsh(p.covariance).min() > 0.0


def painted(value: int, is_so: Callable[[float], bool]) -> Callable[[Frame], Frame]:
    def spoil(frame: Frame) -> Frame:
        return replace(frame, rgb=np.full_like(frame.rgb, value)) if is_so(frame.stamp_s) else frame

    return spoil


def hand(frame: Frame) -> Frame:
    """A blurred skin over all of the picture for 1.5 s."""
    if not during(ONSET_S, 1.5)(frame.stamp_s):
        return frame
    height, width = frame.rgb.shape[:2]
    shade = 120 + 20 * np.sin(np.arange(width) / 40.0)[None, :] + np.zeros((height, 1))
    return replace(frame, rgb=np.repeat(shade[..., None], 3, axis=2).astype(np.uint8))


def without(samples: ImuSamples, first_s: float, seconds: float) -> ImuSamples:
    kept = ~((samples.stamps_s >= first_s) & (samples.stamps_s < first_s + seconds))
    return samples.part(kept)


def spiked(samples: ImuSamples) -> ImuSamples:
    rng = np.random.default_rng(1)
    hit = (rng.random(len(samples.stamps_s)) < 0.05) & (samples.stamps_s > ONSET_S)
    gyro, accel = samples.gyro_rad_s.copy(), samples.accel_m_s2.copy()
    gyro[hit] += rng.uniform(-8.0, 8.0, (int(hit.sum()), 3))
    accel[hit] += rng.uniform(-60.0, 60.0, (int(hit.sum()), 3))
    return ImuSamples(samples.stamps_s, gyro, accel)


def disordered(frame: Frame) -> Frame:
    """Every twentieth picture has the stamp of one before it."""
    late = frame.index % 20 == 19
    return replace(frame, stamp_s=frame.stamp_s - 2.0 / RATE_HZ) if late else frame


def passer_by(frame: Frame, prediction: Prediction) -> tuple[Frame, Prediction]:
    """Someone in a patterned coat walks across half of the picture, 1.2 m away, for 2 s."""
    height, width = frame.rgb.shape[:2]
    if not during(ONSET_S, 2.0)(frame.stamp_s):
        return frame, prediction
    left = round((1.5 * (frame.stamp_s - ONSET_S) / 2.0 - 0.5) * width)
    first, last = max(left, 0), min(left + width // 2, width)
    if first >= last:
        return frame, prediction
    part = np.s_[height // 8 :, first:last]
    rgb, depth_m, labels = frame.rgb.copy(), prediction.depth_m.copy(), prediction.labels.copy()
    coat = COAT[: height - height // 8, first - left : last - left]
    rgb[part], depth_m[part], labels[part] = coat[..., None], 1.2, PERSON
    return replace(frame, rgb=rgb), replace(prediction, rgb=rgb, depth_m=depth_m, labels=labels)


def too_long(frame: Frame) -> Frame:
    return replace(frame, camera=replace(frame.camera, fx=1.02 * frame.camera.fx))


FAULTS: dict[str, tuple[Given, float]] = {  # with the largest error allowed, metres
    "none": (Given(), 0.08),
    "gap_imu": (Given(imu=lambda s: without(s, ONSET_S, 0.5)), 0.10),
    "gap_frames": (Given(frame=lambda f: None if during(ONSET_S, 2.0)(f.stamp_s) else f), 0.30),
    "drop_frames": (Given(frame=lambda f: None if f.index % 5 == 0 and f.index else f), 0.08),
    "stamps_disorder": (Given(frame=disordered), 0.08),
    "imu_spikes": (Given(imu=spiked), 0.15),
    "dark": (Given(frame=painted(2, during(ONSET_S, 1.5))), 0.30),
    "white": (Given(frame=painted(255, during(ONSET_S, 1.5))), 0.30),
    "hand": (Given(frame=hand), 0.30),
    "blank_wall": (Given(is_plain=during(ONSET_S, 2.0)), 0.30),
    "person": (Given(scene=passer_by), 0.15),
    "pure_rotation_start": (Given(motion(0.0, 3.0)), 0.15),
    "static_start": (Given(motion(3.5)), 0.08),
    "intrinsics": (Given(frame=too_long), 0.10),
    "time_offset": (Given(frame=lambda f: replace(f, stamp_s=f.stamp_s + 0.02)), 0.10),
    "depth_scale": (Given(depth=lambda s: 1.15 if s > ONSET_S else 1.0), 0.10),
    "nan_depth": (Given(depth=lambda s: np.nan if s > ONSET_S else 1.0), 0.08),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_survived_with_bounded_drift(name: str) -> None:
    outcome, limit_m = outcome_of(name), FAULTS[name][1]
    check_poses(outcome)
    assert outcome.tracker.n_losses == 0
    assert outcome.poses[-1].stamp_s > END_S - 0.2
    assert outcome.poses[-1].state == "tracking"
    assert outcome.errors_m.max() < limit_m
    sigma = np.sqrt(
        [np.trace(p.covariance[3:, 3:]) for p in outcome.poses if p.covariance is not None]
    )
    assert (outcome.errors_m < 4.0 * sigma + 0.03).mean() > 0.9


@pytest.mark.parametrize("name", ["dark", "white", "hand", "blank_wall", "gap_frames", "gap_imu"])
def test_while_little_is_seen_or_felt_the_state_says_so(name: str) -> None:
    outcome = outcome_of(name)
    states = {r.state for r in outcome.tracker.history if ONSET_S < r.stamp_s < ONSET_S + 2.5}
    assert "degraded" in states
    before = {r.state for r in outcome.tracker.history if 2.5 < r.stamp_s < ONSET_S - 0.1}
    assert before == {"tracking"}


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_the_scale_of_predicted_depth_is_found(factor: float) -> None:
    outcome = run(Given(depth=lambda s: factor))
    check_poses(outcome)
    last = outcome.poses[-1]
    assert np.exp(last.log_scale) == pytest.approx(factor, rel=0.03)
    assert last.log_scale_sigma < 0.1
    assert outcome.errors_m.max() < 0.1
