"""Train the multi-task network on simulated homes, NYUv2 and photographs."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mono_hydra.cli.door import OneLineParser
from mono_hydra.errors import ConfigError, OutputError

EXAMPLE = """examples:
  mono-hydra train_m2h --out runs/tiny --simulated views --nyuv2 nyuv2_train --minutes 60
  mono-hydra train_m2h --out runs/tiny --simulated views --resume --steps 20000
  mono-hydra train_m2h --out runs/depth --simulated views --set model.tasks=depth
  torchrun --nproc-per-node 2 scripts/train_m2h.py --out runs/two --simulated views

DIR then holds m2h.safetensors (the network, for run_sequence and evaluate_m2h), curves.jsonl and
curves.png, last.ckpt (resumes exactly), state.safetensors (small, to keep), settings.json.
settings, with --set: those of the training (rate, freeze_steps, ema_decay, bf16 ...), of its losses
(loss.depth, loss.balance=dwa ...) and of the network (model.cross_task=none ...)."""

PHOTO_LABELS = "photo_labels.npz"  # may be there from a start that went no further


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="train_m2h", description=__doc__, epilog=EXAMPLE)
    p.add_argument("--preset", default="m2h_tiny", metavar="NAME", help="default m2h_tiny")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="new, empty, or resumed")
    p.add_argument("--simulated", type=Path, metavar="DIR", help="shards of rendered homes")
    p.add_argument("--nyuv2", type=Path, metavar="DIR", help="with rgb, depth, label40")
    p.add_argument("--photos", type=Path, metavar="DIR", help="photographs of rooms")
    p.add_argument(
        "--teacher",
        type=Path,
        metavar="FILE",
        help="labels of the photographs, or the network that makes them (once)",
    )
    p.add_argument("--shares", metavar="NAME=SHARE,...", help="of the sources in a batch")
    p.add_argument("--encoder", type=Path, metavar="FILE", help="weights the encoder starts from")
    p.add_argument(  # torchrun takes --start for the short form of an option of its own
        "--start", "--from", type=Path, metavar="FILE", dest="start", help="network to start from"
    )
    p.add_argument(
        "--resume", nargs="?", const="", metavar="FILE", help="go on: DIR/last.ckpt, or a state"
    )
    p.add_argument("--minutes", type=float, metavar="M", help="stop and save after so long")
    p.add_argument("--steps", type=int, metavar="N", help="length of the whole training")
    p.add_argument("--size", default="224x288", metavar="HxW", help="of the training images")
    p.add_argument("--batch", type=int, metavar="B", help="images of a forward pass")
    p.add_argument("--seed", type=int, metavar="N", help="equal seeds, equal trainings")
    p.add_argument("--device", default="cpu", metavar="NAME", help="cpu, cuda, mps")
    p.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    p.add_argument("--quiet", action="store_true", help="no progress")
    return p


def main(argv: Sequence[str]) -> int:
    """0 trained or out of time; 2 bad input; 130 interrupted after saving."""
    args = parser().parse_args(list(argv))
    size = parse_size(args.size)
    settings, switches = _settings(args)
    _check_out(args.out, resumes=args.resume is not None)
    # heavy imports only now: wrong options are told at once
    from mono_hydra.cli.train_session import train

    return train(args, size, settings, switches)


def parse_size(text: str) -> tuple[int, int]:
    """(height, width) of `224x288`.

    Raises:
        ConfigError: another form, or smaller than 32 pixels.
    """
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None or min(int(found[1]), int(found[2])) < 32:
        raise ConfigError(f"--size {text}: write HEIGHTxWIDTH, 32 or more each, e.g. 224x288")
    return int(found[1]), int(found[2])


def parse_shares(text: str | None) -> dict[str, float] | None:
    """`simulated=0.5,nyuv2=0.5` as a mapping.

    Raises:
        ConfigError: another form.
    """
    if text is None:
        return None
    shares = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            shares[name.strip()] = float(value)
        except ValueError:
            raise ConfigError(f"--shares {text}: write NAME=NUMBER,NAME=NUMBER") from None
    return shares


def parse_settings(texts: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Settings of the training, and switches of the model (`model.KEY=VALUE`) with their types.

    Raises:
        ConfigError: a switch has another form.
    """
    settings = [text for text in texts if not text.startswith("model.")]
    switches: dict[str, Any] = {}
    for text in texts:
        if text.startswith("model."):
            key, equals, value = text.removeprefix("model.").partition("=")
            if not equals:
                raise ConfigError(f"--set {text}: write KEY=VALUE")
            switches[key] = _value(key, value)
    return settings, switches


def _settings(args: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    """Those of --set and of options of their own."""
    settings, switches = parse_settings(args.set)
    for name in ("minutes", "steps", "batch", "seed"):
        if getattr(args, name) is not None:
            settings.append(f"{name}={getattr(args, name)}")
    return settings, switches


def _value(key: str, text: str) -> Any:
    """A switch as the preset takes it: list, number, true or text."""
    if key == "tasks":
        return tuple(text.split(","))
    with suppress(json.JSONDecodeError):
        return json.loads(text)
    return text


def _check_out(out: Path, *, resumes: bool) -> None:
    if out.exists() and not out.is_dir():
        raise OutputError(f"--out {out}: is a file; name a folder")
    if resumes:
        return
    if out.is_dir() and any(path.name != PHOTO_LABELS for path in out.iterdir()):
        raise OutputError(f"--out {out}: is not empty; add --resume to go on, or name another")


def report_line(values: Mapping[str, Any]) -> None:
    """The last line: one JSON object."""
    sys.stdout.write(json.dumps(values, sort_keys=True) + "\n")
