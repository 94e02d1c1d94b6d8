"""Two runs of the main job must write the same bytes: scene graph, mesh and trajectory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence as Rows
from pathlib import Path

from harness import PERCEPTION, make_parser, one_result, run_benchmark, run_main_job

FILES = ("scene_graph.json", "mesh.ply", "trajectory.txt")


def main(argv: Rows[str]) -> int:
    """Run twice with different hash seeds and print one JSON object; exit 1 if a byte differs."""
    parser = make_parser("determinism", __doc__)
    parser.add_argument("--seq", default="demo")
    parser.add_argument("--max-frames", type=int, default=None)
    parser.add_argument("--perception", choices=tuple(PERCEPTION), default="truth")
    args = parser.parse_args(list(argv))
    with tempfile.TemporaryDirectory() as folder:
        digests = [
            run(args.seq, args.perception, args.max_frames, Path(folder) / str(n), n)
            for n in range(2)
        ]
    scores = {f"equal.{name}": float(digests[0][name] == digests[1][name]) for name in FILES}
    scores["deterministic"] = min(scores.values())
    code = one_result("determinism", args, scores)
    return code or int(scores["deterministic"] < 1.0)


def run(
    seq: str, perception: str, max_frames: int | None, out: Path, hash_seed: int
) -> dict[str, str]:
    """SHA-256 of the files of one run in a process of its own."""
    arguments = ["--seq", seq, "--out", str(out), "--rerun", "off", "--quiet"]
    arguments += ["--poses", "dataset", *PERCEPTION[perception]]
    arguments += ["--max-frames", str(max_frames)] if max_frames else []
    run_main_job(arguments, environment=os.environ | {"PYTHONHASHSEED": str(hash_seed)})
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in FILES}


if __name__ == "__main__":
    run_benchmark(main)
