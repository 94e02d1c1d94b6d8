"""Write the multi-task network as ONNX or OpenVINO file, and check the file against torch."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono_hydra.cli.door import OneLineParser
from mono_hydra.cli.train_m2h import parse_size
from mono_hydra.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from m2h.model import M2H
    from m2h.types import U1

EXAMPLE = """examples:
  mono-hydra export_m2h --network runs/tiny/m2h.safetensors --out m2h_tiny.xml
  mono-hydra export_m2h --network m2h_nyu.pt --out m2h.onnx --size 224x308
  mono-hydra export_m2h --network runs/tiny/m2h.safetensors --out small.onnx \\
    --precision int8 --calibration path/to/photos --data nyuv2=path/to/nyuv2

precision: fp32; fp16, weights stored in half (.xml); int8, convolutions in 8 bits, needs
--calibration; bf16 writes the fp32 file and checks it as an engine with precision bf16 runs it.
The last line of the output is one JSON object; `met` says whether an fp32 file keeps depth within
0.001 (relative) and 99.5 % of the labels, and is null for the other precisions."""
PRECISIONS = ("fp32", "fp16", "bf16", "int8")
MOST_CALIBRATION, MOST_COMPARED = 128, 16
# what the effect of a precision is told by
KEYS = ("depth.abs_rel", "depth.delta1", "semantics.miou", "semantics.pixel_accuracy",
        "normals.mean_deg", "edges.ods")  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="export_m2h", description=__doc__, epilog=EXAMPLE)
    p.add_argument("--network", default="m2h_tiny", metavar="PRESET|FILE", help="default m2h_tiny")
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help=".onnx or .xml")
    p.add_argument("--size", metavar="HxW", help="of the network's input, default its own")
    p.add_argument("--precision", default="fp32", choices=PRECISIONS, help="default fp32")
    p.add_argument("--calibration", type=Path, metavar="DIR", help="images for int8")
    p.add_argument("--untrained", action="store_true", help="random weights of a preset, to time")
    p.add_argument("--images", type=Path, metavar="DIR", help="to compare on, else patterns")
    p.add_argument("--data", metavar="NAME[=DIR]", help="also score both, as evaluate_m2h --data")
    p.add_argument("--max-images", type=int, default=50, metavar="N", help="of --data, default 50")
    return p


def main(argv: Sequence[str]) -> int:
    """0 written; 1 an fp32 file differs from torch by too much; 2 bad input."""
    args = parser().parse_args(list(argv))
    asked = parse_size(args.size) if args.size else None
    if asked and (asked[0] % 2 or asked[1] % 2):
        raise ConfigError(f"--size {args.size}: give even numbers")
    _check(args)
    model = _network(args)
    size = asked or model.config.input_size
    _write(args, model, size)
    agreement, met = _compare(args, model, size)
    result: dict[str, Any] = {
        "file": str(args.out),
        "bytes": _bytes_of(args.out),
        "precision": args.precision,
        "size": list(size),
        "compared_on": str(args.images or "built-in patterns"),
        **agreement,
        "met": met,
    }
    if args.data:
        result["scores"] = _effect(args, model, size)
    print(json.dumps(result, sort_keys=True, allow_nan=False))
    return 1 if met is False else 0


def _check(args: argparse.Namespace) -> None:
    """Everything that can be wrong before the heavy imports."""
    if args.out.suffix not in (".onnx", ".xml"):
        raise ConfigError(f"--out {args.out}: name a file that ends in .onnx or .xml")
    if not args.out.parent.is_dir():
        raise OutputError(f"--out {args.out}: its folder does not exist; make it first")
    if args.precision == "fp16" and args.out.suffix != ".xml":
        raise ConfigError("--precision fp16: is stored in OpenVINO files alone; name an .xml")
    if args.precision == "bf16" and args.out.suffix != ".xml":
        raise ConfigError("--precision bf16: is run by OpenVINO alone; name an .xml")
    if (args.precision == "int8") != (args.calibration is not None):
        raise ConfigError("--precision int8 and --calibration DIR belong together; give both")
    for name in ("calibration", "images"):
        folder = getattr(args, name)
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"--{name} {folder}: is no folder; check the path")
    if args.max_images < 1:
        raise ConfigError(f"--max-images {args.max_images}: must be 1 or more")


def _network(args: argparse.Namespace) -> M2H:
    import torch

    from m2h.checkpoints import load_checkpoint
    from m2h.model import build_model, preset

    if args.untrained:
        torch.manual_seed(0)  # the same file, and the same differences, every time
        return build_model(preset(args.network)).eval()
    return load_checkpoint(args.network)


def _write(args: argparse.Namespace, model: M2H, size: tuple[int, int]) -> None:
    from m2h.export import export_onnx, export_openvino

    try:
        if args.precision == "int8":
            from m2h.agreement import folder_images
            from m2h.quantise import export_int8

            images = folder_images(args.calibration, size, MOST_CALIBRATION)
            export_int8(model, args.out, size, images)
        elif args.out.suffix == ".onnx":
            export_onnx(model, args.out, size)
        else:
            export_openvino(model, args.out, size, half=args.precision == "fp16")
    except OSError as error:
        raise OutputError(f"--out {args.out}: cannot be written ({error.strerror})") from error


def _compare(
    args: argparse.Namespace, model: M2H, size: tuple[int, int]
) -> tuple[dict[str, Any], bool | None]:
    """Differences from torch, and whether they are small enough (None: nothing is promised)."""
    from m2h.agreement import compare_engines
    from m2h.backends import open_exported
    from m2h.torch_engine import TorchEngine

    engine = open_exported(args.out, "cpu", _run_precision(args), None)[0]
    agreement = compare_engines(TorchEngine(model, "cpu", "fp32"), engine, _images(args, size))
    return agreement.record(), agreement.is_met if args.precision == "fp32" else None


def _images(args: argparse.Namespace, size: tuple[int, int]) -> list[U1]:
    from m2h.agreement import built_in_images, folder_images

    if args.images is None:
        return built_in_images(size)
    return folder_images(args.images, size, MOST_COMPARED)


def _effect(args: argparse.Namespace, model: M2H, size: tuple[int, int]) -> dict[str, Any]:
    """Scores of the network in torch and of the file on the same images with truth."""
    from m2h.predictor import Predictor
    from mono_hydra.cli.evaluate_m2h import DEFAULT_SEEDS, judged_set
    from mono_hydra.evaluation.perception_scores import score_network
    from mono_hydra.evaluation.summary import flatten

    def score(predictor: Predictor) -> dict[str, float]:
        judged = judged_set(args.data, DEFAULT_SEEDS, args.max_images)
        flat = flatten(score_network(predictor, judged, tasks=model.config.tasks, has_sigma=False))
        return {key: flat[key] for key in KEYS if isinstance(flat.get(key), float)}

    made: dict[str, Callable[[], Predictor]] = {
        "torch": lambda: Predictor(model, "torch", size=size),
        "exported": lambda: Predictor(args.out, precision=_run_precision(args)),
    }
    scores: dict[str, Any] = {name: score(make()) for name, make in made.items()}
    return {"data": args.data.partition("=")[0], **scores}


def _run_precision(args: argparse.Namespace) -> str:
    return "bf16" if args.precision == "bf16" else "fp32"


def _bytes_of(path: Path) -> int:
    """Of the file, and of the weights beside an `.xml`."""
    weights = path.with_suffix(".bin")
    beside = weights.stat().st_size if path.suffix == ".xml" and weights.is_file() else 0
    return path.stat().st_size + beside
