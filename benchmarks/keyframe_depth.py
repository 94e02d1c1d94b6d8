"""Depth of keyframes, stage by stage, against true depth or a sensor's.

As predicted, at the tracker's scale, corrected by landmarks, merged with earlier keyframes, drawn
to planes. Of each stage: `abs_rel` (mean of |error| / depth), `abs_rel_median` (the same after a
median scale an image), `bias` (mean log ratio), `within_1sigma` (0.683 wanted).
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from typing import Any

import numpy as np
from harness import BenchmarkRun, finish, limits, make_parser, run_benchmark, say, summary_of
from tracked_images import true_depth, walk

from mono_hydra.cli.run_sequence import label_space_of, make_pipeline
from mono_hydra.config import Config, load_config
from mono_hydra.labels import load_label_space
from mono_hydra.sequences.base import Sequence
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.types import Prediction, Provenance

FARTHEST_M = 10.0


def main(argv: Rows[str]) -> int:
    """Measure and print one JSON object."""
    parser = make_parser("keyframe_depth", __doc__)
    parser.add_argument("--seq", nargs="+", default=[], help="recordings with depth")
    parser.add_argument("--poses", choices=("dataset", "vio", "vo"), default="dataset")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    args = parser.parse_args(list(argv))
    config = load_config((), tuple(args.settings))
    runs = []
    for seed in args.seeds or ([] if args.seq else [0]):
        runs.append(
            BenchmarkRun(str(seed), measure(open_sequence(walk(seed)), args.poses, config), seed)
        )
    for name in args.seq:
        sequence = open_sequence(name)
        runs.append(BenchmarkRun(sequence.info.name, measure(sequence, args.poses, config)))
    return finish(summary_of("keyframe_depth", vars(args), runs, limits(args)))


def measure(sequence: Sequence, poses: str, config: Config) -> dict[str, Any]:
    """Mean over the keyframes of one recording; the truth is only compared with."""
    provenance = Provenance(poses, "m2h", "m2h")  # type: ignore[arg-type]
    space = load_label_space(label_space_of(sequence.info, provenance))
    pipeline = make_pipeline(sequence, config, provenance, space)
    truth = true_depth(sequence, config.mapping.image_width)
    rows: dict[str, list[dict[str, float]]] = {}
    for frame in sequence.frames():
        tracked = pipeline.tracker.step(frame)
        if tracked is None or not pipeline.keyframe_policy.step(tracked):
            continue
        prediction = pipeline.predictor.step(frame, tracked.T_world_camera)
        if prediction is None:
            continue
        pipeline.tracker.observe(frame, prediction)
        pipeline.keyframe_policy.observe_depth(prediction.depth_m)
        true = truth.step(frame, tracked.T_world_camera)
        stages = [("predicted", prediction)]
        for aligner in pipeline.aligners:
            prediction = aligner.step(prediction, tracked)
            stages.append((type(aligner).__name__, prediction))
        for name, one in stages:
            score = None if true is None else scored(one, true)
            if score is not None:
                rows.setdefault(name, []).append(score)
    scores: dict[str, Any] = {"keyframes": float(len(rows.get("predicted", [])))}
    for name, found in rows.items():
        for key in found[0]:
            scores[f"{name}.{key}"] = float(np.mean([row[key] for row in found]))
        say(f"{name:16} " + ", ".join(f"{k} {scores[f'{name}.{k}']:.3f}" for k in found[0]))
    return scores


def scored(prediction: Prediction, true: Prediction) -> dict[str, float] | None:
    """Of one image; None where nothing can be compared."""
    z, t = prediction.depth_m.astype(np.float64), true.depth_m.astype(np.float64)
    known = (z > 0.0) & (t > 0.0) & (t < FARTHEST_M)
    if not known.any():
        return None
    error = np.log(z[known] / t[known])
    own = error - np.median(error)
    return {
        "abs_rel": float(np.mean(np.abs(np.expm1(error)))),
        "abs_rel_median": float(np.mean(np.abs(np.expm1(own)))),
        "bias": float(np.mean(error)),
        "within_1sigma": float(np.mean(np.abs(error) < prediction.depth_sigma[known])),
    }


if __name__ == "__main__":
    run_benchmark(main)
