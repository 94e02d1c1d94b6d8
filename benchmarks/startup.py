"""How long a user waits for the first pose, and the tracking step beside the mapping threads.

The main job runs twice over the first images of a sequence, everything estimated: with no cache of
compiled kernels and networks, as the very first time, and with what that has left. Keys:
`first.startup_s`, `again.startup_s` from the start of the process to the first pose, and
`again.tracking_ms` of the tracking step of every image. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence as Rows
from pathlib import Path

from harness import PERCEPTION, make_parser, one_result, run_benchmark, run_main_job, say

from mono_hydra.simulation.generate import demo_sequence


def main(argv: Rows[str]) -> int:
    """Run twice and print one JSON object."""
    parser = make_parser("startup", __doc__)
    parser.add_argument("--seq", metavar="PATH", help="with an IMU; default the demo")
    parser.add_argument("--max-frames", type=int, default=450)
    args = parser.parse_args(list(argv))
    args.seq = args.seq or str(demo_sequence())
    scores = {}
    with tempfile.TemporaryDirectory(prefix="startup_") as temporary:
        root = Path(temporary)
        caches = {"NUMBA_CACHE_DIR": str(root / "kernels"), "MONO_HYDRA_CACHE": str(root / "cache")}
        for name in ("first", "again"):
            scores |= measured(args, name, root / name, os.environ | caches)
    return one_result("startup", args, scores)


def measured(
    args: argparse.Namespace, name: str, run: Path, environment: dict[str, str]
) -> dict[str, float]:
    """What a run says of itself."""
    run_main_job(
        ["--seq", args.seq, "--out", str(run), "--max-frames", str(args.max_frames),
         "--poses", "vio", *PERCEPTION["m2h"], "--rerun", "off", "--quiet"],
        environment=environment,
    )  # fmt: skip
    metrics = json.loads((run / "metrics.json").read_text("utf-8"))
    say(f"{name}: first pose after {metrics['startup_s']:.1f} s")
    tracking = metrics["timing_ms"]["tracking"]
    return {
        f"{name}.startup_s": metrics["startup_s"],
        f"{name}.keyframes": metrics["keyframes"],
        **{f"{name}.tracking_ms.{key}": tracking[key] for key in ("p50", "p95", "max")},
    }


if __name__ == "__main__":
    run_benchmark(main)
