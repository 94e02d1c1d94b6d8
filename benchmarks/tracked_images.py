"""The part of `tracking.py` that works on images: sequences, and the tracking stage over them."""

from __future__ import annotations

import argparse
import copy
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from gtsam_smoother import INTERVAL_S, TrackedFrame, smooth
from harness import BenchmarkRun, say, simulate_once, simulated_home

from mono_hydra.cli.run_sequence import label_space_of, make_predictor, make_tracker
from mono_hydra.config import Config, PerceptionConfig, load_config
from mono_hydra.errors import DatasetError, MonoHydraError, TrackingError
from mono_hydra.evaluation.alignment import AlignmentKind
from mono_hydra.evaluation.consistency import score_consistency
from mono_hydra.evaluation.trajectory import score_trajectory
from mono_hydra.geometry import se3
from mono_hydra.labels import load_label_space
from mono_hydra.mapping.keyframes import KeyframePolicy
from mono_hydra.perception.given import GivenPredictor
from mono_hydra.pipeline import Predictor, Tracker
from mono_hydra.sequences.base import Sequence
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.simulation.generate import cache_folder, demo_sequence
from mono_hydra.tracking.filter_state import FilterState
from mono_hydra.tracking.inertial_filter import InertialFilter
from mono_hydra.tracking.inertial_tracker import InertialTracker, tracker_options
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import F8, ImuSamples, Provenance, TrackedPose

SOURCES = {"truth": ("sensor", "dataset"), "m2h": ("m2h", "m2h")}  # depth, labels
FIRST = 5  # first frames left out of the times: what is loaded late is loaded in them
SEVEN_SCENES_HZ = 30.0
WHITE_S = 1.0 / 3.0  # as white noise, a slide counts as that of so long


def on_images(args: argparse.Namespace) -> list[BenchmarkRun]:
    """One run for every seed, or of the recording."""
    config = load_config((), tuple(args.settings))
    if args.half_real is not None:
        return [_one(_replay(args), None, args.perception, config)]
    runs = [_one(demo_sequence(), None, args.perception, config)] if args.demo else []
    seeds = args.seeds or ([] if args.demo else [0])
    return runs + [_one(walk(s, args.fault), s, args.perception, config) for s in seeds]


def at_rest(folder: Path, settings: list[str]) -> BenchmarkRun:
    """The tracking stage over a recording of a device that rests, scored against its truth."""
    sequence = open_sequence(folder)
    config = load_config((), tuple(settings))
    tracker, _ = stages(sequence, "m2h", config)
    assert isinstance(tracker, InertialTracker)
    poses: list[TrackedPose] = []
    resting: list[bool] = []
    stamps_s: list[float] = []
    for frame in sequence.frames():
        stamps_s.append(frame.stamp_s)
        tracked = tracker.step(frame)
        if tracked is not None:
            poses.append(tracked)
            resting.append(tracker.filter.is_resting)
    if not poses:
        raise TrackingError(f"{folder}: no pose: no rest was found in it")
    T = np.array([p.T_world_camera for p in poses])
    true_stamps_s, truth = sequence.reference().trajectory()
    nearest = np.abs(true_stamps_s[None] - np.array([[p.stamp_s] for p in poses])).argmin(axis=1)
    up, true_up = T[:, 2, :3], truth[nearest][:, 2, :3]  # the vertical in the camera's axes
    tilt = np.arccos(np.clip(np.einsum("ni,ni->n", up, true_up), -1.0, 1.0))
    moved = np.linalg.norm(T[:, :3, 3] - T[0, :3, 3], axis=1)
    truly = np.linalg.norm(truth[nearest][:, :3, 3] - truth[nearest][0, :3, 3], axis=1)
    scores = {
        "rest.initialisation_s": poses[0].stamp_s - stamps_s[0],
        "rest.gravity_error_deg": float(np.rad2deg(tilt.max())),
        "rest.drift_m": float(moved.max()),
        "rest.true_motion_m": float(truly.max()),
        "rest.recognised_share": float(np.mean(resting)),
        "rest.frames": float(len(stamps_s)),
    }
    say(
        f"{sequence.info.name}: started after {scores['rest.initialisation_s']:.1f} s, tilt off by "
        f"{scores['rest.gravity_error_deg']:.2f} degrees, drift {scores['rest.drift_m']:.3f} m"
    )
    return BenchmarkRun(sequence.info.name, scores)


def from_images_alone(
    folder: Path, structure_from_motion: Path | None, settings: list[str]
) -> BenchmarkRun:
    """The tracking stage without IMU on a recording whose poses are known, with predicted depth."""
    config = load_config((), tuple(settings))
    sequence = open_sequence(folder)
    other = None if structure_from_motion is None else read_listed_poses(structure_from_motion)
    scores = track(sequence, "m2h", config, poses="vo", other_truth=other)
    say(
        f"{sequence.info.name}: ATE Sim(3) {scores['trajectory.ate.sim3.rmse']:.3f} m, SE(3) "
        f"{scores['trajectory.ate.se3.rmse']:.3f} m of {scores['trajectory.path_length_m']:.1f} m, "
        f"scale {scores['trajectory.scale_bias']:+.3f}"
    )
    return BenchmarkRun(sequence.info.name, scores)


def read_listed_poses(path: Path) -> tuple[F8, F8]:
    """Stamps (N,) and T_world_camera (N, 4, 4) of a list as 7-Scenes' structure from motion has it.

    A row holds the image's name with its number at 30 Hz, qw qx qy qz tx ty tz of the world in the
    camera, and the focal length.
    """
    rows = [r.split() for r in path.read_text("utf-8").splitlines() if r.strip() and r[0] != "#"]
    try:
        numbers = [int("".join(c for c in row[0].rsplit("/")[-1] if c.isdigit())) for row in rows]
        poses = np.array([[float(x) for x in row[1:8]] for row in rows]).reshape(-1, 7)
    except ValueError as error:
        raise DatasetError(f"{path}: not a list of name qw qx qy qz tx ty tz: {error}") from error
    T_camera_world = [se3.from_rt(se3.matrix_from_quat_xyzw(q[[1, 2, 3, 0]]), q[4:]) for q in poses]
    return np.array(numbers) / SEVEN_SCENES_HZ, np.array([se3.inverse(T) for T in T_camera_world])


def true_depth(sequence: Sequence, width: int) -> GivenPredictor:
    """Gives the recording's own depth on images of that width; for comparison only."""
    space = load_label_space(sequence.info.label_space)
    return GivenPredictor(sequence.reference(), space, PerceptionConfig(), width, use_labels=False)


def walk(seed: int, fault: str | None = None) -> Path:
    """A flat seen by a moving camera; the flats of map_quality have no blur."""
    path, options = simulated_home("flat", seed, is_moving=True, fault=fault)
    simulate_once(path, options)
    return path


def _replay(args: argparse.Namespace) -> Path:
    length = [] if args.seconds is None else ["--duration", str(args.seconds)]
    name = f"replay_{args.half_real.resolve().name}" + ("" if not length else f"_{args.seconds:g}s")
    path = cache_folder() / name
    simulate_once(path, ["--trajectory", str(args.half_real), "--moving", *length])
    return path


def _one(path: Path, seed: int | None, perception: str, config: Config) -> BenchmarkRun:
    try:
        scores = track(open_sequence(path), perception, config)
    except MonoHydraError as error:
        say(f"{path.name}: failed: {error}")
        return BenchmarkRun(path.name, {}, seed, str(error))
    say(
        f"{path.name}: ATE {scores['trajectory.ate.yaw.rmse']:.3f} m of "
        f"{scores['trajectory.path_length_m']:.1f} m, scale {scores['trajectory.scale_bias']:+.4f}"
    )
    return BenchmarkRun(path.name, scores, seed)


@dataclass
class Recording:
    """What the filter was given in a run, for estimators that get the same."""

    start: FilterState | None = None
    frames: list[TrackedFrame] = field(default_factory=list)

    def take(self, tracker: InertialTracker) -> None:
        """Note the newest frame."""
        state = tracker.filter.state
        if self.start is None:
            self.start = _without_window(state)
        elif state is not None:
            frame = TrackedFrame(
                state.stamp_s, tracker.filter.newest_tracks, tracker.filter.is_resting
            )
            self.frames.append(frame)


def _without_window(state: FilterState | None) -> FilterState | None:
    """A copy that another filter can begin at: it numbers its own clones."""
    start = copy.deepcopy(state)
    if start is not None:
        start.drop_points(list(range(len(start.point_ids))))
        while start.clone_ids:
            start.drop_clone(0)
    return start


def ablate(args: argparse.Namespace) -> list[BenchmarkRun]:
    """Every variant on every seed: what a part of the filter is worth, and another estimator."""
    runs = []
    for seed in args.seeds or [0]:
        path, scores = walk(seed), dict[str, Any]()
        recording = Recording()
        for name, settings in VARIANTS.items():
            config = load_config((), (*args.settings, *settings))
            try:
                found = track(
                    open_sequence(path), args.perception, config,
                    recording if name == "full" else None,
                )  # fmt: skip
            except MonoHydraError as error:
                say(f"{path.name}, {name}: failed: {error}")
                scores[f"{name}.completeness"] = 0.0
                continue
            scores |= {f"{name}.{key}": found[long] for key, long in HEADLINES.items()}
            say(f"{path.name}, {name}: ATE {scores[f'{name}.ate_m']:.3f} m")
        if recording.start is not None:
            scores |= _others(open_sequence(path), recording, load_config((), args.settings))
        runs.append(BenchmarkRun(path.name, scores, seed))
    return runs


VARIANTS: dict[str, tuple[str, ...]] = {
    "full": (),
    "no_depth_rows": ("tracking.use_depth=false",),
    "no_masks": ("tracking.use_masks=false",),
    "no_scale_state": ("tracking.estimate_scale=false",),
    "no_zero_velocity": ("tracking.use_rest=false",),
    "no_slam_points": ("tracking.max_points=0",),
}
HEADLINES = {
    "ate_m": "trajectory.ate.yaw.rmse",
    "ate_share": "trajectory.ate_share_of_path",
    "scale_error": "trajectory.scale_bias_error",
    "nees": "trajectory.nees.mean",
    "completeness": "trajectory.completeness_after_initialisation",
    "frame_ms_p95": "frame_ms_p95",
}


def _others(sequence: Sequence, recording: Recording, config: Config) -> dict[str, Any]:
    """From one start, on the same tracks: the inertial samples alone, the filter, GTSAM."""
    imu, T_body_camera = sequence.imu(), sequence.info.T_body_camera
    start, truth = recording.start, sequence.reference().trajectory()
    assert imu is not None
    assert T_body_camera is not None
    assert start is not None
    options = tracker_options(config.tracking, sequence.info, depth_is_measured=False).filter
    blind = replace(
        options, max_degraded_s=1e9, max_speed_m_s=1e9, max_velocity_sigma_m_s=1e9,
        max_relative_sigma_m=1e9,
    )  # fmt: skip
    scores: dict[str, Any] = {}
    nothing = FeatureTracks(np.zeros(0, np.int64), np.zeros((0, 2)))
    for name, o, sees in (("imu_only", blind, False), ("same_tracks_filter", options, True)):
        filter_ = InertialFilter(T_body_camera, o)
        filter_.start(copy.deepcopy(start), nothing)
        stamps_s, poses, ms = [], [], []
        for frame in recording.frames:
            before_s = time.perf_counter()
            filter_.propagate(_until(imu, filter_, frame.stamp_s), frame.stamp_s)
            filter_.add_frame(frame.stamp_s, frame.tracks if sees else nothing)
            ms.append(1e3 * (time.perf_counter() - before_s))
            estimate = filter_.estimate()
            if estimate is not None:
                stamps_s.append(frame.stamp_s)
                poses.append(estimate.T_world_body)
        scores |= _other(name, stamps_s, poses, ms, T_body_camera, truth)
    o = options
    sigma = float(np.hypot(o.sigma_px, o.slide_px * np.sqrt(WHITE_S))) / o.focal_px
    smoothed = smooth(recording.frames, imu, start, T_body_camera, o.imu, sigma)
    if smoothed.failure:
        say(f"gtsam: ended at {len(smoothed.stamps_s)} keyframes: {smoothed.failure}")
    scores |= _other(
        "same_tracks_gtsam", list(smoothed.stamps_s), list(smoothed.T_world_body),
        list(smoothed.ms), T_body_camera, truth,
    )  # fmt: skip
    last_s = recording.frames[-1].stamp_s - start.stamp_s
    reached_s = smoothed.stamps_s[-1] - start.stamp_s if len(smoothed.stamps_s) else 0.0
    scores["same_tracks_gtsam.completeness"] = float(min(reached_s / (last_s - INTERVAL_S), 1.0))
    return scores


def _until(imu: ImuSamples, filter_: InertialFilter, stamp_s: float) -> ImuSamples:
    """The samples that a filter has not had yet, and one beyond the stamp."""
    state = filter_.state
    assert state is not None
    first = int(np.searchsorted(imu.stamps_s, state.stamp_s - 0.01))
    part = slice(first, int(np.searchsorted(imu.stamps_s, stamp_s, side="right")) + 1)
    return imu.part(part)


def _other(
    name: str, stamps_s: list[float], poses: list[F8], ms: list[float], T_body_camera: F8,
    truth: tuple[F8, F8],
) -> dict[str, Any]:  # fmt: skip
    if len(poses) < 3:
        return {}
    score = score_trajectory(
        np.array(stamps_s), np.array(poses) @ T_body_camera, *truth, headline="yaw"
    )
    say(f"{name}: ATE {score['ate']['yaw']['rmse']:.3f} m, {np.mean(ms):.1f} ms")
    return {
        f"{name}.ate_m": score["ate"]["yaw"]["rmse"],
        f"{name}.ms_mean": float(np.mean(ms)),
        f"{name}.ms_p95": float(np.percentile(ms, 95)),
    }


def stages(
    sequence: Sequence, perception: str, config: Config, poses: str = "vio"
) -> tuple[Tracker, Predictor]:
    """The tracking stage, vio or vo, and what it takes depth from; `perception` of `SOURCES`."""
    depth, labels = SOURCES[perception]
    provenance = Provenance(poses, depth, labels)  # type: ignore[arg-type]
    label_space = load_label_space(label_space_of(sequence.info, provenance))
    predictor = make_predictor(sequence, config, provenance, label_space)
    return make_tracker(sequence, config, provenance, label_space, predictor), predictor


def track(
    sequence: Sequence, perception: str, config: Config, recording: Recording | None = None, *,
    poses: str = "vio", other_truth: tuple[F8, F8] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Scores of the tracking stage; truth is read after the last frame only.

    Args:
        sequence: with an IMU where poses is `vio`.
        perception: key of `SOURCES`.
        config: of all stages.
        recording: takes what the filter was given.
        poses: vio or vo.
        other_truth: second set of true poses, stamps (N,) and T_world_camera (N, 4, 4).

    Raises:
        TrackingError: not one pose came out.
    """
    tracker, predictor = stages(sequence, perception, config, poses)
    policy = KeyframePolicy(config.keyframes, has_stamps=sequence.info.has_stamps)
    found: list[TrackedPose] = []
    stamps_s, ms, lost = [], [], 0
    for frame in sequence.frames():
        stamps_s.append(frame.stamp_s)
        before_s = time.perf_counter()
        tracked = tracker.step(frame)
        ms.append(1e3 * (time.perf_counter() - before_s))
        if recording is not None and isinstance(tracker, InertialTracker):
            recording.take(tracker)
        if tracked is None:
            lost += bool(found)
            continue
        found.append(tracked)
        if policy.step(tracked):
            prediction = predictor.step(frame, tracked.T_world_camera)
            if prediction is not None:
                policy.observe_depth(prediction.depth_m)
                tracker.observe(frame, prediction)
    if not found:
        raise TrackingError("no pose: the recording has no start that could be found")
    scores = _trajectory(sequence.reference().trajectory(), found, is_upright=poses == "vio")
    if other_truth is not None:
        other = _trajectory(other_truth, found, is_upright=False)
        scores |= {key.replace("trajectory.", "other_truth."): v for key, v in other.items()}
    scores["trajectory.initialisation_s"] = found[0].stamp_s - stamps_s[0]
    scores["trajectory.completeness_after_initialisation"] = len(found) / (len(found) + lost)
    scores["frame_ms_mean"] = float(np.mean(ms[FIRST:]))
    scores["frame_ms_p95"] = float(np.percentile(ms[FIRST:], 95))
    scores["log_scale.last"] = found[-1].log_scale
    scores["log_scale.last_sigma"] = found[-1].log_scale_sigma
    return scores


def _trajectory(
    truth: tuple[F8, F8], poses: list[TrackedPose], *, is_upright: bool
) -> dict[str, Any]:
    stamps_s = np.array([p.stamp_s for p in poses])
    T = np.array([p.T_world_camera for p in poses])
    headline: AlignmentKind = "yaw" if is_upright else "se3"
    score = score_trajectory(stamps_s, T, *truth, headline=headline)
    ate_m, path_m = score["ate"][headline]["rmse"], score["path_length_m"]
    covered = [(p.stamp_s, p.covariance) for p in poses if p.covariance is not None]
    consistency = score_consistency(
        stamps_s, T, np.array([s for s, _ in covered]), np.array([P for _, P in covered]), *truth,
        is_upright=is_upright,
    )  # fmt: skip
    scores = {
        "trajectory.ate.yaw.rmse": score["ate"]["yaw"]["rmse"],
        "trajectory.ate.se3.rmse": score["ate"]["se3"]["rmse"],
        "trajectory.ate.sim3.rmse": score["ate"]["sim3"]["rmse"],
        "trajectory.ate_share_of_path": ate_m / max(path_m, 1e-9),
        "trajectory.path_length_m": path_m,
        "trajectory.scale_bias": score["scale_bias"],
        "trajectory.scale_bias_error": abs(score["scale_bias"]),
    }
    if consistency is not None:
        scores |= {
            "trajectory.nees.mean": consistency["mean"],
            "trajectory.nees.inside_95": consistency["inside_95"],
            "trajectory.nees.translation": consistency["translation"]["mean"],
            "trajectory.nees.rotation": consistency["rotation"]["mean"],
        }
    return scores
