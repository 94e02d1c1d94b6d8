"""The part of `tracking.py` that works on images: sequences, and the tracking stage over them."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from harness import BenchmarkRun, say, simulate_once

from mono_hydra.cli.run_sequence import label_space_of, make_predictor, make_tracker
from mono_hydra.config import Config, load_config
from mono_hydra.errors import MonoHydraError, TrackingError
from mono_hydra.evaluation.consistency import score_consistency
from mono_hydra.evaluation.trajectory import score_trajectory
from mono_hydra.labels import load_label_space
from mono_hydra.mapping.keyframes import KeyframePolicy
from mono_hydra.sequences.base import Sequence
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.simulation.generate import cache_folder
from mono_hydra.types import Provenance, TrackedPose

SOURCES = {"truth": ("sensor", "dataset"), "m2h": ("m2h", "m2h")}  # depth, labels
FIRST = 5  # first frames left out of the times: what is loaded late is loaded in them


def on_images(args: argparse.Namespace) -> list[BenchmarkRun]:
    """One run for every seed, or of the recording."""
    config = load_config((), tuple(args.settings))
    if args.half_real is not None:
        return [_one(_replay(args), None, args.perception, config)]
    return [_one(_walk(seed), seed, args.perception, config) for seed in args.seeds or [0]]


def _walk(seed: int) -> Path:
    """A flat seen by a moving camera; the flats of map_quality have no blur."""
    path = cache_folder() / f"moving_flat_{seed}"
    simulate_once(path, ["--seed", str(seed), "--kind", "flat", "--moving"])
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


def track(sequence: Sequence, perception: str, config: Config) -> dict[str, Any]:
    """Scores of the tracking stage; truth is read after the last frame only.

    Raises:
        TrackingError: not one pose came out.
    """
    depth, labels = SOURCES[perception]
    provenance = Provenance("vio", depth, labels)  # type: ignore[arg-type]
    label_space = load_label_space(label_space_of(sequence.info, provenance))
    predictor = make_predictor(sequence, config, provenance, label_space)
    tracker = make_tracker(sequence, config, provenance, label_space, predictor)
    policy = KeyframePolicy(config.keyframes)
    poses: list[TrackedPose] = []
    stamps_s, ms, lost = [], [], 0
    for frame in sequence.frames():
        stamps_s.append(frame.stamp_s)
        before_s = time.perf_counter()
        tracked = tracker.step(frame)
        ms.append(1e3 * (time.perf_counter() - before_s))
        if tracked is None:
            lost += bool(poses)
            continue
        poses.append(tracked)
        if policy.step(tracked):
            prediction = predictor.step(frame, tracked.T_world_camera)
            if prediction is not None:
                policy.observe_depth(prediction.depth_m)
                tracker.observe(frame, prediction)
    if not poses:
        raise TrackingError("no pose: the recording has no start that could be found")
    scores = _trajectory(sequence, poses)
    scores["trajectory.initialisation_s"] = poses[0].stamp_s - stamps_s[0]
    scores["trajectory.completeness_after_initialisation"] = len(poses) / (len(poses) + lost)
    scores["frame_ms_mean"] = float(np.mean(ms[FIRST:]))
    scores["frame_ms_p95"] = float(np.percentile(ms[FIRST:], 95))
    scores["log_scale.last"] = poses[-1].log_scale
    scores["log_scale.last_sigma"] = poses[-1].log_scale_sigma
    return scores


def _trajectory(sequence: Sequence, poses: list[TrackedPose]) -> dict[str, Any]:
    stamps_s = np.array([p.stamp_s for p in poses])
    T = np.array([p.T_world_camera for p in poses])
    truth = sequence.reference().trajectory()
    score = score_trajectory(stamps_s, T, *truth, headline="yaw")
    ate_m, path_m = score["ate"]["yaw"]["rmse"], score["path_length_m"]
    covariances = np.array([p.covariance for p in poses if p.covariance is not None])
    consistency = score_consistency(stamps_s, T, stamps_s, covariances, *truth, is_upright=True)
    scores = {
        "trajectory.ate.yaw.rmse": ate_m,
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
