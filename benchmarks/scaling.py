"""Whether the cost of a frame grows with the map: a 30-room house against a 5-room flat.

Each house is mapped by a process of its own, from sequences at 320 x 240 and 5 Hz that are made on
first use. `ratio.rooms30_rooms5` compares the time inside `Pipeline.process` per keyframe step,
perception taken out; `peak_rss_mb` is the mapping process of the large house.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence as Rows
from pathlib import Path

import numpy as np
from harness import make_parser, one_result, run_benchmark

from mono_hydra.errors import EvaluationError

KINDS = {5: "flat", 30: "office"}


def main(argv: Rows[str]) -> int:
    """Measure both houses and print one JSON object."""
    parser = make_parser("scaling", __doc__)
    parser.add_argument("--map", type=Path, help=argparse.SUPPRESS)  # how it calls itself
    args = parser.parse_args(list(argv))
    if args.map is not None:
        print(json.dumps(map_sequence(args.map)))
        return 0
    seed = (args.seeds or [1])[0]
    small, large = (mapped(house(seed, rooms)) for rooms in (5, 30))
    scores = {
        "rooms5.step_ms_mean": small["step_ms_mean"],
        "rooms30.step_ms_mean": large["step_ms_mean"],
        "ratio.rooms30_rooms5": large["step_ms_mean"] / small["step_ms_mean"],
        "peak_rss_mb": large["peak_rss_mb"],
        "rooms5.peak_rss_mb": small["peak_rss_mb"],
        "rooms30.keyframes": large["keyframes"],
    }
    return one_result("scaling", args, scores, seed=seed)


def house(seed: int, rooms: int) -> Path:
    """The sequence of a house, made on first use."""
    from mono_hydra.simulation.generate import SimulateOptions, cache_folder, simulate

    path = cache_folder() / f"scaling_{rooms}_{seed}"
    if not (path / "sequence.yaml").is_file():
        options = SimulateOptions(
            seed=seed, kind=KINDS[rooms], n_rooms=rooms, width=320, height=240, rate_hz=5.0
        )
        print(f"making a house of {rooms} rooms (first use only) ...", file=sys.stderr)
        path.parent.mkdir(parents=True, exist_ok=True)
        simulate(options, path)
    return path


def mapped(path: Path) -> dict[str, float]:
    """Figures of mapping one sequence in a fresh process."""
    command = [sys.executable, __file__, "--map", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EvaluationError(f"mapping {path} failed: {done.stderr.strip()}")
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def map_sequence(path: Path) -> dict[str, float]:
    """Run the pipeline over a sequence; mean milliseconds of a keyframe step without perception."""
    from mono_hydra.cli.run_sequence import make_pipeline
    from mono_hydra.config import Config
    from mono_hydra.labels import load_label_space
    from mono_hydra.sequences.open_sequence import open_sequence
    from mono_hydra.types import Provenance
    from mono_hydra.view.run_metrics import peak_rss_mb

    sequence = open_sequence(path)
    space = load_label_space(sequence.info.label_space)
    pipeline = make_pipeline(sequence, Config(), Provenance("dataset", "sensor", "dataset"), space)
    step_ms = []
    for frame in sequence.frames():
        started = time.perf_counter()
        step = pipeline.process(frame)
        spent_ms = (time.perf_counter() - started) * 1e3
        if step is not None and step.keyframe is not None:
            step_ms.append(spent_ms - step.timing_ms["perception"])
    pipeline.finish()
    pipeline.mesh.merged()
    pipeline.close()
    return {
        "step_ms_mean": float(np.mean(step_ms[10:])),  # the first ones compile
        "keyframes": float(len(step_ms)),
        "peak_rss_mb": float(peak_rss_mb() or 0.0),
    }


if __name__ == "__main__":
    run_benchmark(main)
