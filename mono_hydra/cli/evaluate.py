"""Score a run against the truth, or show scored runs side by side."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mono_hydra.cli.door import OneLineParser
from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.compare import compare_table, three_digits
from mono_hydra.evaluation.requirements import Requirement, check_requirements, parse_requirement
from mono_hydra.evaluation.run import read_run
from mono_hydra.evaluation.scores import PARTS, score_run
from mono_hydra.evaluation.summary import flatten
from mono_hydra.evaluation.truth import read_json, read_truth
from mono_hydra.files.atomic import write_text

EXAMPLE = """examples:
  mono-hydra evaluate runs/demo/latest --truth path/to/sequence/truth
  mono-hydra evaluate RUN --truth DIR --require "objects.radius_f1@0.5.f1>=0.6"
  mono-hydra evaluate --compare RUN RUN --format markdown"""

HEADLINES = (
    ("trajectory", (
        ("completeness", "trajectory.completeness"),
        ("ATE yaw, m", "trajectory.ate.yaw.rmse"),
        ("ATE se3, m", "trajectory.ate.se3.rmse"),
        ("drift", "trajectory.drift"),
        ("scale bias", "trajectory.scale_bias"),
        ("NEES / 6", "trajectory.nees.mean"),
    )),
    ("mesh", (
        ("F 5 cm", "mesh.f_5cm.f"),
        ("  precision", "mesh.f_5cm.precision"),
        ("  recall", "mesh.f_5cm.recall"),
        ("F 10 cm", "mesh.f_10cm.f"),
        ("accuracy, median m", "mesh.accuracy_m.median"),
        ("mIoU", "mesh.labels.miou"),
        ("ghost walls", "mesh.walls.ghost_share"),
        ("walls covered", "mesh.walls.covered"),
    )),
    ("objects", (
        ("observable", "objects.observable"),
        ("estimated", "objects.estimated"),
        ("radius F1 0.5 m", "objects.radius_f1@0.5.f1"),
        ("  precision", "objects.radius_f1@0.5.precision"),
        ("  recall", "objects.radius_f1@0.5.recall"),
        ("box F1 0.25", "objects.box_f1@0.25.f1"),
        ("box F1 0.5", "objects.box_f1@0.5.f1"),
        ("duplicates", "objects.duplicates"),
    )),
    ("places", (
        ("places", "places.places"),
        ("clearance error, m", "places.clearance_error_m.mean"),
        ("coverage", "places.coverage"),
        ("components", "places.components"),
        ("wrong edges", "places.wrong_edges"),
        ("routes, success", "places.routes.success"),
        ("routes, spl", "places.routes.spl"),
    )),
    ("rooms", (
        ("true rooms", "rooms.true_rooms"),
        ("estimated rooms", "rooms.estimated_rooms"),
        ("precision", "rooms.precision"),
        ("recall", "rooms.recall"),
        ("names", "rooms.name_accuracy"),
        ("doors F1", "rooms.doors.f1"),
        ("merged, F1", "rooms.rooms_merged.f1"),
    )),
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="evaluate", description=__doc__, epilog=EXAMPLE)
    p.add_argument("run", nargs="?", metavar="RUN", help="a run folder")
    p.add_argument("--truth", metavar="DIR", help="the truth folder of the sequence")
    p.add_argument("--align", choices=("auto", "yaw", "se3", "sim3"), default="auto")
    p.add_argument("--only", metavar="PART,...", help=f"parts of {', '.join(PARTS)}")
    p.add_argument("--protocol", choices=("ours", "niceslam", "gosurf"), default="ours")
    p.add_argument("--icp", action="store_true", help="add mesh_after_icp")
    p.add_argument("--require", metavar="KEY>=VALUE", nargs="+", action="extend", default=[])
    p.add_argument("--out", metavar="FILE", type=Path, help="scores here, not in the run folder")
    p.add_argument("--compare", metavar="RUN", nargs="+", help="runs to show side by side")
    p.add_argument("--format", choices=("text", "markdown", "csv", "json"), default="text")
    return p


def main(argv: Sequence[str]) -> int:
    """0 scored; 1 a requirement is not met; 2 bad input; 130 interrupted."""
    args = parser().parse_args(list(argv))
    requirements = [parse_requirement(text) for text in args.require]
    if args.compare:
        runs = [*([args.run] if args.run else []), *args.compare]
        print(compare_table([_scores_of(run, args) for run in runs], args.format))
        return 0
    if not args.run:
        raise EvaluationError("no RUN given; name the run folder, or use --compare RUN RUN ...")
    if not args.truth:
        raise EvaluationError("no --truth given; name the truth folder of the sequence")
    scores = _score(args.run, args)
    _save(Path(args.run), scores, args.out)
    print(headlines(scores))
    return _report(requirements, scores)


def _score(run: str, args: argparse.Namespace) -> dict[str, Any]:
    only = [part.strip() for part in args.only.split(",")] if args.only else PARTS
    return score_run(
        read_run(run),
        read_truth(args.truth),
        alignment=args.align,
        only=only,
        protocol=args.protocol,
        icp=args.icp,
    )


def _scores_of(run: str, args: argparse.Namespace) -> dict[str, Any]:
    """Scores of a run: computed if a truth is given, else those stored with it."""
    if args.truth:
        return _score(run, args)
    path = Path(run) / "scores.json"
    if not path.is_file():
        raise EvaluationError(f"{run}: not scored yet; evaluate it, or give --truth DIR")
    data = read_json(path)
    if not isinstance(data, dict):
        raise EvaluationError(f"{path}: holds no scores; evaluate the run again")
    return data


def _save(run: Path, scores: dict[str, Any], out: Path | None) -> None:
    text = json.dumps(scores, indent=1, allow_nan=False) + "\n"
    if out is not None:
        write_text(out, text)
        return
    write_text(run / "scores.json", text)
    metrics_path = run / "metrics.json"
    metrics = read_json(metrics_path) if metrics_path.is_file() else {}
    metrics["scores"] = scores
    write_text(metrics_path, json.dumps(metrics, indent=1, allow_nan=False) + "\n")


def headlines(scores: dict[str, Any]) -> str:
    """One table of what matters most; parts that are missing are named below it."""
    flat = flatten(scores)
    lines = [f"{scores['sequence']} (seed {scores['seed']}), alignment {scores['align']}"]
    for part, rows in HEADLINES:
        if scores.get(part) is None:
            continue
        values = [(title, three_digits(flat.get(key))) for title, key in rows]
        lines.append(part)
        lines += [f"  {title:22} {value:>8}" for title, value in values]
    after = flat.get("trajectory.completeness_after_initialisation")
    if after is not None and after < 0.95:
        lines.append(f"trajectory incomplete: {three_digits(after)} after initialisation")
    if scores["missing"]:
        lines.append("missing: " + ", ".join(scores["missing"]))
    if scores.get("stand_in"):
        lines.append("stand-in data: not the sequence that was asked for")
    return "\n".join(lines)


def _report(requirements: list[Requirement], scores: dict[str, Any]) -> int:
    unmet = [r for r in check_requirements(requirements, flatten(scores)) if not r["met"]]
    for record in unmet:
        print(
            f"not met: {record['key']} {record['comparison']} {record['limit']:g}, "
            f"it is {three_digits(record['value'])}",
            file=sys.stderr,
        )
    return 1 if unmet else 0
