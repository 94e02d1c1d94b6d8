"""How good a relative depth network can get with m2h_tiny's depth as points of known depth.

The relative network is made from the truth: its inverse depth with an unknown scale and shift and,
with `--error S`, smooth errors of S of ln depth. Keys: `file.*` after the fit, `anchors.*` of
m2h_tiny itself: `abs_rel`, `within_1sigma` (0.683 wanted), `within_2sigma` (0.954); of m2h_tiny
also `abs_rel_median`, after a median scale an image. `fitted`: share of images with a fit.
"""

from __future__ import annotations

from collections.abc import Sequence as Rows
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from harness import BenchmarkRun, finish, limits, make_parser, run_benchmark, say, summary_of

from m2h.predictor import Predictor
from m2h.types import Prediction
from mono_hydra.cli.evaluate_m2h import judged_set
from mono_hydra.errors import ConfigError, EvaluationError
from mono_hydra.evaluation.perception import Judged
from mono_hydra.perception.depth_scale import RELATIVE, find_scale, metric_depth
from mono_hydra.perception.file_depth import anchors_of
from mono_hydra.types import F4, Bool

NEAREST_M, FARTHEST_M = 0.1, 10.0  # of the truth


def main(argv: Rows[str]) -> int:
    """Measure and print one JSON object."""
    args = _parser().parse_args(list(argv))
    if args.images < 1 or args.error < 0.0:
        raise ConfigError("--images must be 1 or more and --error 0 or more")
    judged = judged_set(args.data, args.seeds or [11, 12, 13], args.images)
    network, rng = Predictor("m2h_tiny"), np.random.default_rng(0)
    rows, n_images = [], 0
    for one in judged.images:
        if one.sample.depth_m is None:
            continue
        n_images += 1
        scores = score(one, _seen(network, one), args.error, rng)
        rows += [] if scores is None else [scores]
    if not rows:
        raise EvaluationError(f"--data {args.data}: {n_images} images with depth, none with a fit")
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    mean |= {"fitted": len(rows) / n_images, "images": float(n_images)}
    for key, value in mean.items():
        say(f"{key:24} {value:8.3f}")
    given = {"data": args.data.partition("=")[0], "images": args.images, "error": args.error}
    runs = [BenchmarkRun("depth_anchors", mean)]
    return finish(summary_of("depth_anchors", given, runs, limits(args)))


def score(
    one: Judged, seen: Prediction, error: float, rng: np.random.Generator
) -> dict[str, float] | None:
    """Of one image; None where the scale was not found."""
    assert one.sample.depth_m is not None
    depth_m = one.sample.depth_m[one.window]
    known = (depth_m > NEAREST_M) & (depth_m < FARTHEST_M)
    if not known.any():
        return None
    x = relative(depth_m, known, error, rng)
    scale = find_scale(x, anchors_of(seen.depth_m, seen.depth_sigma), RELATIVE)
    if scale is None:
        return None
    aligned_m, sigma = metric_depth(x, scale, 2.0 * FARTHEST_M)
    known &= aligned_m > 0.0
    truth_m, given_m = depth_m[known], seen.depth_m[known]
    scaled_m = given_m * np.median(truth_m / given_m)
    return {
        **judge("file", aligned_m[known], sigma[known], truth_m),
        **judge("anchors", given_m, seen.depth_sigma[known], truth_m),
        "anchors.abs_rel_median": float(np.mean(np.abs(scaled_m / truth_m - 1.0))),
    }


def relative(depth_m: F4, known: Bool, error: float, rng: np.random.Generator) -> F4:
    """(H, W) what a relative network would say, NaN where the truth is unknown."""
    coarse = error * rng.standard_normal((6, 8)).astype(np.float32)
    smooth = cv2.resize(coarse, depth_m.shape[::-1], interpolation=cv2.INTER_CUBIC)
    inverse = np.exp(-smooth) / np.where(known, depth_m, np.nan)
    return np.asarray((inverse - rng.uniform(-0.1, 0.1)) / rng.uniform(0.01, 10.0), np.float32)


def judge(name: str, depth_m: F4, sigma: F4, truth_m: F4) -> dict[str, float]:
    """Accuracy and honesty of known depth (N,)."""
    off = np.abs(np.log(depth_m / truth_m))
    return {
        f"{name}.abs_rel": float(np.mean(np.abs(depth_m / truth_m - 1.0))),
        f"{name}.within_1sigma": float(np.mean(off < sigma)),
        f"{name}.within_2sigma": float(np.mean(off < 2.0 * sigma)),
    }


def _seen(network: Predictor, one: Judged) -> Prediction:
    """Of the part of the picture that shows the scene."""
    camera = one.sample.intrinsics
    if camera is not None:
        rows, columns = one.window[0].start or 0, one.window[1].start or 0
        camera = replace(camera, cx=camera.cx - columns, cy=camera.cy - rows)
    return network.predict(np.ascontiguousarray(one.sample.image[one.window]), camera)


def _parser() -> Any:
    parser = make_parser("depth_anchors", __doc__)
    parser.add_argument("--data", default="simulated", metavar="SET",
                        help="simulated, nyuv2=DIR, or NAME=DIR")  # fmt: skip
    parser.add_argument("--images", type=int, default=40, metavar="N")
    parser.add_argument("--error", type=float, default=0.05, metavar="S",
                        help="of the relative network, of ln depth")  # fmt: skip
    return parser


if __name__ == "__main__":
    run_benchmark(main)
