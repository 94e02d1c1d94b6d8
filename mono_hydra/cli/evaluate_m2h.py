"""Score the multi-task network on images with truth, or compare it with the release's outputs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from mono_hydra.cli.door import OneLineParser
from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.requirements import check_requirements, parse_requirement
from mono_hydra.evaluation.summary import flatten
from mono_hydra.files.atomic import write_text

if TYPE_CHECKING:
    from mono_hydra.evaluation.perception import JudgedSet

EXAMPLE = """examples:
  mono-hydra evaluate_m2h --data simulated --seeds 11 12 13 --max-images 120
  mono-hydra evaluate_m2h --data nyuv2=path/to/nyuv2 --network runs/tiny/m2h.safetensors
  mono-hydra evaluate_m2h --data redkitchen=path/to/redkitchen --require "depth.abs_rel<=0.3"
  mono-hydra evaluate_m2h --data sequence=path/to/recording
  mono-hydra evaluate_m2h --parity path/to/m2h_parity/*.npz

data: simulated; nyuv2=DIR (DIR/test/rgb, depth, label40); NAME=DIR for a recording with depth;
sequence=DIR for the first frames of one with depth and poses, at most four a second: also judged
over time (block `temporal`).
The last line of the output is one JSON object."""
DEFAULT_SEEDS = (11, 12, 13, 14, 15)


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="evaluate_m2h", description=__doc__, epilog=EXAMPLE)
    p.add_argument("--network", default="m2h_tiny", metavar="PRESET|FILE", help="default m2h_tiny")
    p.add_argument("--data", metavar="NAME[=DIR]", help="what to score on")
    p.add_argument("--seeds", type=int, nargs="+", default=list(DEFAULT_SEEDS), metavar="N",
                   help="homes of --data simulated, below 1000000")  # fmt: skip
    p.add_argument("--max-images", type=int, default=500, metavar="N", help="default 500")
    p.add_argument("--baseline", type=Path, metavar="DIR", help="rgb, depth, label40 to average")
    p.add_argument(
        "--backend", default="openvino", metavar="NAME", help="openvino, torch, onnxruntime"
    )
    p.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda (torch), gpu")
    p.add_argument("--precision", default="fp32", metavar="NAME", help="fp32 or bf16")
    p.add_argument("--size", metavar="HxW", help="of the network's input")
    p.add_argument("--mirror", action=argparse.BooleanOptionalAction,
                   help="see the mirror image too; default as the network was made")  # fmt: skip
    p.add_argument("--edge-images", type=int, default=500, metavar="N", help="judged for edges")
    p.add_argument("--thresholds", type=int, default=33, metavar="N", help="of the edges")
    p.add_argument("--parity", nargs="+", type=Path, metavar="FILE", help="stored release outputs")
    p.add_argument("--require", metavar="KEY>=VALUE", nargs="+", action="extend", default=[])
    p.add_argument("--out", type=Path, metavar="FILE", help="also write the JSON object there")
    p.add_argument("--quiet", action="store_true", help="no progress")
    return p


def main(argv: Sequence[str]) -> int:
    """0 scored; 1 a requirement or the parity is not met; 2 bad input; 130 interrupted."""
    args = parser().parse_args(list(argv))
    requirements = [parse_requirement(text) for text in args.require]
    if args.max_images < 1:
        raise EvaluationError(f"--max-images {args.max_images}: must be 1 or more")
    if args.parity:
        scores, met = _parity(args.parity)
    elif args.data:
        scores, met = _score(args), True
    else:
        raise EvaluationError("nothing to do: give --data NAME[=DIR], or --parity FILE ...")
    if requirements:
        scores["required"] = check_requirements(requirements, flatten(scores))
        met = met and all(record["met"] for record in scores["required"])
    text = json.dumps(scores, sort_keys=True, allow_nan=False)
    if args.out is not None:
        write_text(args.out, text + "\n")
    print(text)
    return 0 if met else 1


def _parity(files: Sequence[Path]) -> tuple[dict[str, Any], bool]:
    from m2h.parity import check_parity

    for path in files:
        if not path.is_file():
            raise EvaluationError(f"{path}: no such file; name the stored outputs (*.npz)")
    result = dict(check_parity(files))
    return {"parity": result}, bool(result["met"])


def _score(args: argparse.Namespace) -> dict[str, Any]:
    from mono_hydra.evaluation.perception_scores import score_network

    judged = judged_set(args.data, args.seeds, args.max_images)
    if args.baseline is not None:
        from dataclasses import replace

        from mono_hydra.evaluation.perception import mean_depth

        judged = replace(judged, training_mean=mean_depth(args.baseline))
    network, settings = _network(args)
    scores = score_network(
        network,
        judged,
        n_thresholds=args.thresholds,
        max_edge_images=args.edge_images,
        observe=_progress(args.quiet),
        **settings,
    )
    if not scores["images"]:
        raise EvaluationError(f"--data {args.data}: gives no image with truth; check the folder")
    print(headlines(scores))
    return {"network": Path(args.network).name, "data": judged.name, **scores}


def judged_set(data: str, seeds: Sequence[int], max_images: int) -> JudgedSet:
    """The set that `--data` names.

    Raises:
        EvaluationError: it has another form, or the folder is missing.
    """
    from mono_hydra.evaluation.perception import nyuv2_set, recording_set, simulated_set

    name, equals, folder = data.partition("=")
    if name == "simulated" and not equals:
        return simulated_set(seeds, max_images)
    if not folder:
        raise EvaluationError(
            f"--data {data}: write simulated, nyuv2=DIR, sequence=DIR or NAME=DIR"
        )
    if not Path(folder).is_dir():
        raise EvaluationError(f"--data {data}: {folder} is no folder; check the path")
    if name == "nyuv2":
        return nyuv2_set(Path(folder), max_images)
    if name == "sequence":
        from mono_hydra.evaluation.perception_sequence import sequence_set

        return sequence_set(Path(folder), max_images)
    return recording_set(name, Path(folder), max_images)


def _network(args: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The predictor, and what of its outputs can be judged."""
    from m2h.predictor import Predictor
    from mono_hydra.cli.train_m2h import parse_size
    from mono_hydra.files.cache import network_cache

    size = parse_size(args.size) if args.size else None
    predictor = Predictor(
        args.network,
        args.backend,
        device=args.device,
        precision=args.precision,
        size=size,
        mirror=args.mirror,
        cache=network_cache(),
    )
    config = predictor.config
    return predictor, {"tasks": config.tasks, "has_sigma": config.decoder == "tiny"}


def _progress(quiet: bool) -> Callable[[int], None]:
    bar = tqdm(unit="image", disable=True if quiet else None, dynamic_ncols=True)

    def observe(n_images: int) -> None:
        bar.update(n_images - bar.n)

    return observe


ROWS = (
    ("depth AbsRel", "depth.abs_rel"),
    ("  after median scale", "depth.abs_rel_median"),
    ("  after one scale", "depth.abs_rel_one_scale"),
    ("  mean map", "depth.abs_rel_baseline"),
    ("  mean map, median", "depth.abs_rel_median_baseline"),
    ("depth delta < 1.25", "depth.delta1"),
    ("depth scale bias", "depth.scale_bias"),
    ("depth scale jitter", "depth.scale_jitter"),
    ("within 1 sigma (0.683)", "uncertainty.within_1sigma"),
    ("mIoU", "semantics.miou"),
    ("mIoU of 16 groups", "semantics.miou16"),
    ("pixel accuracy", "semantics.pixel_accuracy"),
    ("normals, mean deg", "normals.mean_deg"),
    ("edges ODS", "edges.ods"),
    ("change of depth", "temporal.depth"),
    ("  of the truth", "temporal.depth_truth"),
    ("  after alignment", "temporal.depth_aligned"),
    ("same label again", "temporal.labels"),
    ("  of the truth", "temporal.labels_truth"),
    ("  after alignment", "temporal.labels_aligned"),
)


def headlines(scores: dict[str, Any]) -> str:
    """A short table of what was scored."""
    flat = flatten(scores)
    lines = [f"{scores['images']} images"]
    for title, key in ROWS:
        if isinstance(flat.get(key), float):
            lines.append(f"  {title:24} {flat[key]:8.3f}")
    return "\n".join(lines)
