"""Make weights fit to ship: depth sigma calibrated on homes kept aside, half precision, a card."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mono_hydra.cli.door import OneLineParser
from mono_hydra.errors import ConfigError, EvaluationError, OutputError

if TYPE_CHECKING:
    from m2h.data.batches import Reader
    from m2h.model import M2H

EXAMPLE = """examples:
  mono-hydra pack_m2h --network runs/tiny/m2h.safetensors --simulated views --out tiny.safetensors
  mono-hydra pack_m2h --network runs/tiny/m2h.safetensors --simulated views --size 224x288 \\
      --note "licence=Apache-2.0" --out m2h_tiny.safetensors

The mean of a network and of what came of it at a falling rate does better on pictures of another
kind than either. The homes are those that the training kept aside: the first ones of the folder.
The last line of the output is one JSON object."""
WANTED = 0.6827  # of the pixels lie within one standard deviation
MAX_IMAGES = 80


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="pack_m2h", description=__doc__, epilog=EXAMPLE)
    p.add_argument(
        "--network", type=Path, nargs="+", required=True, metavar="FILE",
        help="a training's result; of several, trained from one another, the mean",
    )  # fmt: skip
    p.add_argument("--simulated", type=Path, required=True, metavar="DIR", help="shards of homes")
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="*.safetensors")
    p.add_argument("--size", metavar="HxW", help="input the network works best at")
    p.add_argument(
        "--note", action="append", default=[], metavar="KEY=TEXT", help="of the model card"
    )
    return p


def main(argv: Sequence[str]) -> int:
    """0 packed; 2 bad input."""
    args = parser().parse_args(list(argv))
    if args.out.suffix != ".safetensors" or not args.out.parent.is_dir():
        raise OutputError(f"--out {args.out}: name a .safetensors file in a folder that exists")
    notes = [note.partition("=") for note in args.note]
    for key, equals, _ in notes:
        if not (key and equals):
            raise ConfigError(f"--note {key}: write KEY=TEXT")
    # heavy imports only now: wrong options are told at once
    from dataclasses import replace

    from m2h.checkpoints import load_mean, read_card, save_checkpoint
    from m2h.model import preset
    from m2h.training.sources import open_sources
    from mono_hydra.cli.train_m2h import parse_size

    model = load_mean(args.network)
    as_preset = preset(model.config.preset)
    model.config = replace(model.config, sigma_scale=1.0, mirror=as_preset.mirror)
    if args.size:
        model.config = replace(model.config, input_size=parse_size(args.size))
    held_out = open_sources(simulated=args.simulated).held_out["simulated"]
    scale, within = _calibrated(model, held_out)
    model.config = replace(model.config, sigma_scale=scale)
    card = read_card(args.network[-1]) | {key: text for key, _, text in notes}
    save_checkpoint(args.out, model, card | {"sigma_scale": f"{scale:.3f}"}, half=True)
    args.out.chmod(0o644)
    figures = {
        "sigma_scale": scale,
        "within_1sigma_before": within,
        "megabytes": args.out.stat().st_size / 1e6,
    }
    print(json.dumps(figures, sort_keys=True))
    return 0


def _calibrated(model: M2H, reader: Reader) -> tuple[float, float]:
    """Factor on sigma with which `WANTED` of the pixels lie within it, and their share without."""
    import numpy as np

    from m2h.predictor import Predictor

    predictor = Predictor(model, backend="torch")
    deviations = []
    for index in np.unique(np.linspace(0, len(reader) - 1, MAX_IMAGES).round().astype(int)):
        sample = reader[int(index)]
        seen = predictor.predict(sample.image, sample.intrinsics)
        assert sample.depth_m is not None
        known = (sample.depth_m > 0.1) & (sample.depth_m < 10.0) & (seen.depth_m > 0.0)
        error = np.log(seen.depth_m[known] / sample.depth_m[known])
        deviations.append(np.abs(error) / seen.depth_sigma[known])
    if not deviations:
        raise EvaluationError("the folder of homes has no picture to calibrate on; render more")
    pooled = np.concatenate(deviations)
    return float(np.quantile(pooled, WANTED)), float((pooled < 1.0).mean())
