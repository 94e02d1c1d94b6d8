"""Whether the cost of a frame grows with the map: a home of 30 rooms against one of 5.

Each house is mapped by a process of its own, from sequences at 320 x 240 and 5 Hz that are made on
first use. `ratio.rooms30_rooms5` compares the time inside `Pipeline.process` per keyframe step,
perception taken out, between two flats, so that nothing but the size differs.
`ratio.office30_rooms5` puts an office of 30 rooms in the large flat's place: its halls show more
per view, which costs more in small offices too. `peak_rss_mb` is the larger of the two large
houses' mapping processes.
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

HOUSES = {"rooms5": ("flat", 5), "rooms30": ("flat", 30), "office30": ("office", 30)}


def main(argv: Rows[str]) -> int:
    """Measure both houses and print one JSON object."""
    parser = make_parser("scaling", __doc__)
    parser.add_argument("--map", type=Path, help=argparse.SUPPRESS)  # how it calls itself
    args = parser.parse_args(list(argv))
    if args.map is not None:
        print(json.dumps(map_sequence(args.map)))
        return 0
    seed = (args.seeds or [1])[0]
    found = {name: mapped(house(seed, *kind)) for name, kind in HOUSES.items()}
    small_ms = found["rooms5"]["step_ms_mean"]
    scores = {
        f"{name}.{key}": found[name][key]
        for name in HOUSES
        for key in ("step_ms_mean", "keyframes", "peak_rss_mb")
    }
    scores |= {
        "ratio.rooms30_rooms5": found["rooms30"]["step_ms_mean"] / small_ms,
        "ratio.office30_rooms5": found["office30"]["step_ms_mean"] / small_ms,
        "peak_rss_mb": max(found[name]["peak_rss_mb"] for name in ("rooms30", "office30")),
    }
    return one_result("scaling", args, scores, seed=seed)


def house(seed: int, kind: str, rooms: int) -> Path:
    """The sequence of a house, made on first use."""
    from mono_hydra.simulation.generate import SimulateOptions, cache_folder, simulate

    path = cache_folder() / f"scaling_{kind}_{rooms}_{seed}"
    if not (path / "sequence.yaml").is_file():
        options = SimulateOptions(
            seed=seed, kind=kind, n_rooms=rooms, width=320, height=240, rate_hz=5.0
        )
        print(f"making a {kind} of {rooms} rooms (first use only) ...", file=sys.stderr)
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
