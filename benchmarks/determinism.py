"""Two runs of the main job must write the same bytes: scene graph, mesh and trajectory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence as Rows
from pathlib import Path

from harness import make_parser, one_result, run_benchmark

from mono_hydra.errors import EvaluationError

FILES = ("scene_graph.json", "mesh.ply", "trajectory.txt")
SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "run_sequence.py"

PERCEPTION = {
    "truth": ("--depth", "sensor", "--labels", "dataset"),
    "m2h": ("--depth", "m2h", "--labels", "m2h"),
}


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
    command = [
        sys.executable,
        str(SCRIPT),
        "--seq",
        seq,
        "--out",
        str(out),
        "--rerun",
        "off",
        "--quiet",
    ]
    command += ["--poses", "dataset", *PERCEPTION[perception]]
    command += ["--max-frames", str(max_frames)] if max_frames else []
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EvaluationError(f"run_sequence left with {done.returncode}: {done.stderr.strip()}")
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in FILES}


if __name__ == "__main__":
    run_benchmark(main)
