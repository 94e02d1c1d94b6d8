"""Tracking: on images of simulated walks and recorded motions, on real tracks, on simulated ones.

Images (--seeds, --half-real DIR): the tracking stage of the main job on what the simulated camera,
with blur, rolling shutter, noise and JPEG, and the IMU saw; nothing is mapped. With --perception
truth depth and labels are true, else the shipped network's. --half-real replays the motion and the
IMU of a EuRoC or TUM-VI recording in a hall built around it. Sequences are made once and cached.

Ablation (--ablate --seeds ...): the same walks without depth rows, masks, scale state, zero
velocity or points; and from one start on the same tracks (no depth) the inertial samples alone, the
filter, and GTSAM's fixed-lag smoother.

Images alone (--video DIR): the same stage without the IMU on real images of a recording whose poses
are known, with the shipped network's depth; --structure-from-motion FILE holds a second set of
poses as 7-Scenes lists them.

Rest (--rest DIR): real images and inertial samples of a device that rests, such as the first
seconds of EuRoC V1_01.

Real: the tracks and the IMU that the gtsam wheel carries, truth from MONO_HYDRA_TEST_DATA.
Simulated: a path through EuRoC V2_01 (or a made one), points on walls, 1 px, 3 % of tracks lost a
frame, exact noise. Truth is used after the run only.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Sequence as Rows
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from harness import BenchmarkRun, finish, limits, make_parser, run_benchmark, say, summary_of
from tracked_images import ablate, at_rest, from_images_alone, on_images

from mono_hydra.errors import DatasetError, DependencyError
from mono_hydra.evaluation.covariance import average_in_band, nees, pose_errors, score_covariance
from mono_hydra.evaluation.trajectory import score_trajectory
from mono_hydra.geometry import se3
from mono_hydra.simulation.imu import DEVICES
from mono_hydra.simulation.recording import find_recording, read_trajectory
from mono_hydra.simulation.tracks import FlightTracks, flight_through, made_path, simulate_flight
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.inertial_filter import InertialFilter
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import F8, ImuSamples

FILE = "eqvio_processed_30s.csv"
FLIGHT_S = 40.0
FIRST = 5  # first frames left out of the times: the kernels are loaded in them


@dataclass(frozen=True, eq=False)
class Run:
    """What the filter said, frame by frame, and what it took."""

    stamps_s: F8
    T_world_body: F8
    covariances: F8
    log_scale: F8  # (N, 2) value and sigma
    frame_ms: F8  # (M, 2) on the clock, and of this thread's own processor time
    nis_per_dof: float


def main(argv: Rows[str]) -> int:
    """Run and print one JSON object; exit 1 if a limit is not met."""
    parser = make_parser("tracking", __doc__)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--real-tracks", action="store_true")
    kind.add_argument("--simulated-tracks", action="store_true")
    kind.add_argument("--half-real", type=Path, metavar="DIR", help="EuRoC or TUM-VI recording")
    kind.add_argument("--ablate", action="store_true", help="parts left out, and GTSAM beside it")
    kind.add_argument("--rest", type=Path, metavar="DIR", help="recording of a device at rest")
    kind.add_argument("--video", type=Path, metavar="DIR", help="recording, its IMU not used")
    parser.add_argument("--structure-from-motion", type=Path, metavar="FILE", help="for --video")
    parser.add_argument("--demo", action="store_true", help="the demo first")
    parser.add_argument("--fault", metavar="NAME", help="one of simulate.py's, in every walk")
    parser.add_argument("--perception", choices=("truth", "m2h"), default="m2h")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--noise", type=float, default=3.0, help="factor on real densities")
    parser.add_argument("--sigma-px", type=float, default=1.0)
    parser.add_argument("--slide-px", type=float, default=2.0)
    parser.add_argument("--clones", type=int, default=15)
    parser.add_argument("--clone-hz", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, help="of a flight (40) or of a replay (all)")
    parser.add_argument("--depth", action="store_true", help="simulated predicted depth too")
    args = parser.parse_args(list(argv))
    required = limits(args)
    base = FilterOptions(
        max_clones=args.clones,
        clone_interval_s=1.0 / args.clone_hz,
        sigma_px=args.sigma_px,
        slide_px=args.slide_px,
    )
    if args.real_tracks:
        runs = [real(base, args.noise)]
    elif args.rest is not None:
        runs = [at_rest(args.rest, args.settings)]
    elif args.video is not None:
        runs = [from_images_alone(args.video, args.structure_from_motion, args.settings)]
    elif args.ablate:
        runs = ablate(args)
    elif not args.simulated_tracks:
        runs = on_images(args)
    else:
        path = _recorded_path() if os.environ.get("MONO_HYDRA_TEST_DATA") else None
        flights = [simulated(base, path, args, seed) for seed in args.seeds or [0]]
        runs = [run for run, _ in flights]
        together = consistency([values for _, values in flights])
        for run in runs:  # of all seeds, so that limits can be set on it
            run.scores.update(together)
    arguments = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items()}
    arguments["tracks"] = _kind_of_tracks(args)
    return finish(summary_of("tracking", arguments, runs, required))


def _kind_of_tracks(args: argparse.Namespace) -> str:
    """What the filter's tracks were: only those of images are found by the front end."""
    if args.real_tracks:
        return "recorded"
    return "simulated" if args.simulated_tracks else "images"


def real(base: FilterOptions, noise: float) -> BenchmarkRun:
    """The recording of the gtsam wheel."""
    imu, frames, T_body_camera = read_tracks(_wheel_file())
    model = ImuModel(DEVICES["euroc"].scaled(noise))
    # the file holds 22 tracks a frame
    options = replace(base, focal_px=458.0, imu=model, few_tracks=8)
    run = run_filter(InertialFilter(T_body_camera, options), imu, frames)
    true_stamps_s, truth = _truth("V1_01_micro")
    covered = true_stamps_s <= frames[-1][0] + 0.02
    return BenchmarkRun("V1_01", _scores(run, true_stamps_s[covered], truth[covered]))


def consistency(nees_of_runs: list[F8]) -> dict[str, float]:
    """How all seeds together cover their errors, instant by instant (the shortest run counts)."""
    n = min(len(values) for values in nees_of_runs)
    table = np.array([values[:n] for values in nees_of_runs])
    return {
        "consistency.nees_per_dof": float(table.mean() / 6.0),
        "consistency.instants_in_band": average_in_band(table, 6),
    }


def simulated(base: FilterOptions, path: Any, args: Any, seed: int) -> tuple[BenchmarkRun, F8]:
    """One flight with its own noise, and its NEES instant by instant."""
    rng = np.random.default_rng(seed)
    seconds = args.seconds or FLIGHT_S
    motion = made_path(seconds, rng) if path is None else flight_through(*path, seconds)
    flight = simulate_flight(motion, DEVICES["euroc"], rng, predicted_depth=args.depth)
    options = replace(base, imu=ImuModel(DEVICES["euroc"]), depth_common_sigma=0.02)
    run = run_filter(InertialFilter(flight.T_body_camera, options), flight.imu, frames_of(flight))
    scores = _scores(run, flight.stamps_s, flight.T_world_body)
    if args.depth:
        at = np.searchsorted(flight.stamps_s, run.stamps_s - 1e-6)
        error = run.log_scale[:, 0] - flight.log_scale[at]
        scores["log_scale.error_rms"] = float(np.sqrt(np.mean(error**2)))
        scores["log_scale.nees"] = float(np.mean((error / run.log_scale[:, 1]) ** 2))
    say(f"seed {seed}: ATE {scores['trajectory.ate.yaw.rmse']:.3f} m")
    at = np.searchsorted(flight.stamps_s, run.stamps_s - 1e-6)
    errors = pose_errors(run.T_world_body, flight.T_world_body[at])
    return BenchmarkRun(str(seed), scores, seed), nees(errors, run.covariances)


def frames_of(flight: FlightTracks) -> list[tuple[float, FeatureTracks]]:
    """A simulated flight in the form of the filter's input."""
    return [
        (float(s), FeatureTracks(*f)) for s, f in zip(flight.stamps_s, flight.frames, strict=True)
    ]


def run_filter(
    tracker: InertialFilter, imu: ImuSamples, frames: list[tuple[float, FeatureTracks]]
) -> Run:
    """Feed frame by frame, as they come in."""
    tracker.warm_up()
    given, rows, times, nis = 0, [], [], np.zeros(2)
    for stamp_s, tracks in frames:
        until = int(np.searchsorted(imu.stamps_s, stamp_s, side="right"))
        part = slice(given, until)
        samples = imu.part(part)
        given = until
        before = np.array([time.perf_counter(), time.thread_time()])
        tracker.propagate(samples, stamp_s)
        tracker.add_frame(stamp_s, tracks)
        estimate = tracker.estimate()
        after = np.array([time.perf_counter(), time.thread_time()])
        times.append(1e3 * (after - before))
        if estimate is not None:
            rows.append(estimate)
        if tracker.last_update is not None:
            nis += tracker.last_update.nis, tracker.last_update.dof
            tracker.last_update = None
    if not rows:
        raise DatasetError("the filter never started: no second at rest was found")
    if tracker.fault:
        say(f"lost: {tracker.fault}")
    return Run(
        np.array([e.stamp_s for e in rows]),
        np.array([e.T_world_body for e in rows]),
        np.array([e.covariance for e in rows]),
        np.array([(e.log_scale, e.log_scale_sigma) for e in rows]),
        np.array(times),
        float(nis[0] / max(nis[1], 1.0)),
    )


def _scores(run: Run, true_stamps_s: F8, truth: F8) -> dict[str, Any]:
    score = score_trajectory(run.stamps_s, run.T_world_body, true_stamps_s, truth, headline="yaw")
    nearest = np.abs(true_stamps_s[None] - run.stamps_s[:, None]).argmin(axis=1)
    covered = score_covariance(run.T_world_body, truth[nearest], run.covariances)
    return {
        "trajectory.ate.yaw.rmse": score["ate"]["yaw"]["rmse"],
        "trajectory.ate.se3.rmse": score["ate"]["se3"]["rmse"],
        "trajectory.scale_bias": score["scale_bias"],
        "trajectory.scale_bias_error": abs(score["scale_bias"]),
        "trajectory.path_length_m": score["path_length_m"],
        "trajectory.completeness": score["completeness"],
        **{f"trajectory.nees.{k}": v for k, v in covered.items()},
        "nis_per_dof": run.nis_per_dof,
        **{
            f"{name}_{kind}": float(value)
            for name, ms in zip(("frame_ms", "frame_cpu_ms"), run.frame_ms[FIRST:].T, strict=True)
            for kind, value in (("mean", ms.mean()), ("p95", np.percentile(ms, 95)))
        },
    }


def read_tracks(path: Path) -> tuple[ImuSamples, list[tuple[float, FeatureTracks]], F8]:
    """Samples, frames with their tracks, and T_body_camera of the processed recording."""
    meta: dict[str, float] = {}
    imu: list[list[float]] = []
    frames: dict[float, list[tuple[int, float, float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["row_type"] == "meta" and row["key"].startswith("T_ci_"):
                meta[row["key"][5:]] = float(row["value"])
            elif row["row_type"] == "imu":
                imu.append([float(row[k]) for k in ("t_abs", "gx", "gy", "gz", "ax", "ay", "az")])
            elif row["row_type"] == "vision_feature":
                seen = int(row["landmark_id"]), float(row["u_norm"]), float(row["v_norm"])
                frames.setdefault(float(row["t_abs"]), []).append(seen)
    table = np.array(imu)
    quat_xyzw = np.array([meta[k] for k in ("qx", "qy", "qz", "qw")])
    t = np.array([meta[k] for k in ("tx", "ty", "tz")])
    tracks = [
        (s, FeatureTracks(np.array([r[0] for r in rows]), np.array([r[1:] for r in rows])))
        for s, rows in sorted(frames.items())
    ]
    samples = ImuSamples(table[:, 0], table[:, 1:4], table[:, 4:7])
    return samples, tracks, se3.from_rt(se3.matrix_from_quat_xyzw(quat_xyzw), t)


def _recorded_path() -> tuple[F8, F8]:
    stamps_s, poses = _truth("V2_01_easy")
    return stamps_s[::10], poses[::10]


def _truth(name: str) -> tuple[F8, F8]:
    return read_trajectory(find_recording(_data() / name).trajectory)


def _wheel_file() -> Path:
    try:
        import gtsam
    except ImportError as error:
        raise DependencyError(
            "the tracks lie in the gtsam wheel: pip install 'gtsam>=4.3'"
        ) from error
    return Path(gtsam.findExampleDataFile(FILE))


def _data() -> Path:
    root = os.environ.get("MONO_HYDRA_TEST_DATA")
    if not root or not (Path(root) / "euroc").is_dir():
        raise DatasetError("set MONO_HYDRA_TEST_DATA to the folder that holds euroc/")
    return Path(root) / "euroc"


if __name__ == "__main__":
    run_benchmark(main)
