"""What every benchmark shares: options, mean, spread, worst seed, limits, one JSON object.

Progress goes to stderr; the last line of stdout is the JSON object. Exit 1 when a limit is not met.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mono_hydra.cli.door import OneLineParser, enter
from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.requirements import Requirement, check_requirements, parse_requirement
from mono_hydra.simulation.generate import cache_folder

MORE_IS_BETTER = frozenset(
    [
        "f",
        "f1",
        "f1_macro",
        "precision",
        "recall",
        "miou",
        "macc",
        "fwiou",
        "accuracy",
        "covered",
        "coverage",
        "success",
        "spl",
        "found",
        "correct",
        "inside_found",
        "completeness",
        "completeness_after_initialisation",
        "name_accuracy",
        "floor_accuracy",
        "label_accuracy",
        "room_accuracy",
        "precision_total",
        "recall_total",
        "precision_spheres",
        "recall_spheres",
        "snapped",
        "connected",
        "frames_per_s",
        "realtime_factor",
    ]
)
LESS_IS_BETTER = (
    "_error", "ghost_share", "wrong_edges", "duplicates", "reaches_into_solid", "drift", ".ate.",
    "ate_share", ".rpe_", "accuracy_m.", "completeness_m.", "spread_p95_m", "flatness_m", "ms_p",
    "peak_rss_mb", "outside_view", "gvd_distance_m", "latency",
)  # fmt: skip


@dataclass(frozen=True)
class BenchmarkRun:
    """Scores of one run, dotted path -> value; `failure` says why there are none."""

    name: str  # the seed, or the sequence's name
    scores: dict[str, Any]
    seed: int | None = None
    failure: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As the JSON object holds it."""
        record: dict[str, Any] = {"seed": self.seed, "name": self.name, "scores": self.scores}
        if self.failure is not None:
            record["failed"] = self.failure
        return record | self.extra


def make_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have."""
    p = OneLineParser(prog=name, description=description)
    p.add_argument("--seeds", type=int, nargs="+", metavar="N", help="homes to use")
    p.add_argument("--require", nargs="+", action="extend", default=[], metavar="KEY>=VALUE")
    p.add_argument("--keep", metavar="DIR", help="keep the runs here")
    return p


def limits(args: argparse.Namespace) -> list[Requirement]:
    """The parsed --require options; a wrong one ends the benchmark before anything is computed."""
    return [parse_requirement(text) for text in args.require]


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def summary_of(
    benchmark: str, arguments: dict[str, Any], runs: Sequence[BenchmarkRun],
    requirements: Sequence[Requirement] = (),
) -> dict[str, Any]:  # fmt: skip
    """The JSON object of a benchmark.

    Runs with a seed make up mean, sd and worst; without any, all runs do. A failed run counts 0
    where more is better and is left out of every other mean; `n_ok` of `n` says so.
    """
    counted = [run for run in runs if run.seed is not None] or list(runs)
    columns = _columns(counted, [r.key for r in requirements])
    known: dict[str, Any] = {key: None for run in runs for key in run.scores}
    mean = {key: float(np.mean([v for _, v in rows])) for key, rows in columns.items()}
    return {
        "benchmark": benchmark,
        "arguments": arguments,
        "machine": machine(),
        "seeds": [run.seed for run in runs if run.seed is not None],
        "n": len(counted),
        "n_ok": sum(run.failure is None for run in counted),
        "runs": [run.record() for run in runs],
        "mean": mean,
        "sd": {
            k: float(np.std([v for _, v in r], ddof=1)) for k, r in columns.items() if len(r) > 1
        },
        "worst": {key: worst for key, rows in columns.items() if (worst := _worst(key, rows))},
        "required": check_requirements(requirements, known | mean),
    }


def finish(summary: dict[str, Any]) -> int:
    """Print the limits that are not met and the object; 1 if there is such a limit."""
    unmet = [record for record in summary["required"] if not record["met"]]
    for record in unmet:
        wanted = f"{record['key']} {record['comparison']} {record['limit']:g}"
        say(f"not met: {wanted}, it is {record['value']}")
    print(json.dumps(summary, allow_nan=False), flush=True)
    return 1 if unmet else 0


def one_result(
    benchmark: str, args: argparse.Namespace, scores: dict[str, float], seed: int | None = None
) -> int:
    """Print the object of a benchmark that measures one thing; 1 if a limit is not met."""
    arguments = {
        k: v for k, v in vars(args).items() if isinstance(v, str | int | float | list | None)
    }
    run = BenchmarkRun(benchmark if seed is None else str(seed), scores, seed)
    return finish(summary_of(benchmark, arguments, [run], limits(args)))


PERCEPTION = {
    "truth": ("--depth", "sensor", "--labels", "dataset"),
    "degraded": ("--depth", "sensor", "--labels", "dataset", "--set", "perception.degrade=network"),
    "m2h": ("--depth", "m2h", "--labels", "m2h"),
}  # options of the main job


def run_main_job(arguments: Sequence[str], *, environment: dict[str, str] | None = None) -> None:
    """Run scripts/run_sequence.py in a process of its own; errors as `run_script`."""
    run_script("run_sequence.py", arguments, environment=environment)


def run_script(
    script: str, arguments: Sequence[str], *, environment: dict[str, str] | None = None
) -> None:
    """Run one of the project's commands in a process of its own.

    Raises:
        EvaluationError: it did not end well; with the last line of what it said.
    """
    path = Path(__file__).resolve().parent.parent / "scripts" / script
    done = subprocess.run(
        [sys.executable, str(path), *arguments],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        raise EvaluationError(f"{script} ended with {done.returncode}: {lines[-1]}")


def simulate_once(path: Path, options: Sequence[str]) -> None:
    """Simulate a sequence where it is not there yet; errors as `run_script`."""
    if (path / "sequence.yaml").is_file():
        return
    say(f"{path.name}: simulating")
    path.parent.mkdir(parents=True, exist_ok=True)
    run_script("simulate.py", [*options, "--quiet", "--out", str(path)])


def simulated_home(
    kind: str, seed: int, *, rooms: int | None = None, is_moving: bool = False,
    fault: str | None = None,
) -> tuple[Path, list[str]]:  # fmt: skip
    """Where the cache keeps a home, and the options that simulate it.

    With `is_moving` it is seen by a moving camera: blurred, exposed with a lag, noisy, row by row.
    """
    name, options = f"{kind}_{seed}", ["--seed", str(seed), "--kind", kind]
    if rooms:
        name = f"{kind}_{rooms}_rooms_{seed}"
        options += ["--rooms", str(rooms)]
    if is_moving:
        name = f"moving_{name}"
        options += ["--moving"]
    if fault:
        name = f"{name}_{fault}"
        options += ["--fault", fault]
    return cache_folder() / name, options


def run_benchmark(main: Callable[[Sequence[str]], int]) -> None:
    """Run a benchmark's main with the frame of all commands, and leave with its exit code."""
    sys.exit(enter(main))


def machine() -> dict[str, Any]:
    """Where the numbers were taken."""
    return {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def direction(key: str) -> Literal["more", "less"] | None:
    """Whether more or less of a score is better; None for mere counts."""
    if key.endswith(".n"):
        return None
    if any(mark in key for mark in LESS_IS_BETTER):
        return "less"
    return "more" if key.rsplit(".", 1)[-1] in MORE_IS_BETTER or ".iou." in key else None


def paired_difference(scores: Sequence[float], others: Sequence[float]) -> dict[str, float | bool]:
    """Mean of scores - others over pairs, its 95 % bootstrap interval, does it exclude 0."""
    difference = np.asarray(scores, np.float64) - np.asarray(others, np.float64)
    draws = np.random.default_rng(0).integers(len(difference), size=(10_000, len(difference)))
    low, high = np.percentile(difference[draws].mean(axis=1), [2.5, 97.5])
    return {
        "mean": float(difference.mean()),
        "low": float(low),
        "high": float(high),
        "differs": bool(low > 0.0 or high < 0.0),
    }


def _columns(
    runs: Sequence[BenchmarkRun], asked: Sequence[str]
) -> dict[str, list[tuple[BenchmarkRun, float]]]:
    """Number of every run under each key; 0 for a failed run where more is better."""
    keys = {key for run in runs for key in run.scores}
    if any(run.failure is not None for run in runs):
        keys |= set(asked)  # so that a limit counts even where every run failed
    columns: dict[str, list[tuple[BenchmarkRun, float]]] = {}
    for key in sorted(keys):
        rows = []
        for run in runs:
            value = run.scores.get(key)
            if run.failure is not None:
                value = 0.0 if direction(key) == "more" else None
            if isinstance(value, int | float) and np.isfinite(value):
                rows.append((run, float(value)))
        if rows:
            columns[key] = rows
    return columns


def _worst(key: str, rows: list[tuple[BenchmarkRun, float]]) -> dict[str, Any] | None:
    better = direction(key)
    if better is None:
        return None
    choose = min if better == "more" else max
    run, value = choose(rows, key=lambda row: row[1])
    return {"seed": run.seed if run.seed is not None else run.name, "value": value}


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - no path of ours
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor()
