"""Train the multi-task network without its parts, with several seeds, and compare."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono_hydra.cli.door import OneLineParser
from mono_hydra.cli.train_m2h import parse_settings, parse_shares, parse_size
from mono_hydra.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from m2h.ablation import Study

EXAMPLE = """examples:
  mono-hydra ablate_m2h --out runs/ablation --nyuv2 nyuv2_train --simulated views --steps 3000
  mono-hydra ablate_m2h --out runs/ablation --nyuv2 nyuv2_train --simulated views --steps 3000 \\
    --minutes 60                                  (stops after an hour; say it again to go on)
  mono-hydra ablate_m2h --out runs/wmca --nyuv2 nyuv2_train --variants concat none --seeds 0 1 2

variants: wmca (the full network, always there), concat, none, no_ggfm, neither (none and no_ggfm),
separate (a network for each task). DIR then holds ablation.md (tables with intervals, findings,
configuration), ablation.json, curves.png, and every network under runs/. A network that is finished
is never trained again. The last line of the output is one JSON object."""
DEFAULT_SEEDS = (0, 1, 2)


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="ablate_m2h", description=__doc__, epilog=EXAMPLE)
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="new, or to go on")
    p.add_argument("--preset", default="m2h_tiny", metavar="NAME", help="default m2h_tiny")
    p.add_argument("--variants", nargs="+", metavar="NAME", help="default all")
    p.add_argument("--seeds", type=int, nargs="+", default=list(DEFAULT_SEEDS), metavar="N")
    p.add_argument("--simulated", type=Path, metavar="DIR", help="shards of rendered homes")
    p.add_argument("--nyuv2", type=Path, metavar="DIR", help="with rgb, depth, label40")
    p.add_argument("--photos", type=Path, metavar="DIR", help="photographs of rooms")
    p.add_argument("--teacher", type=Path, metavar="FILE",
                   help="labels of the photographs, or the network that makes them")  # fmt: skip
    p.add_argument("--shares", metavar="NAME=SHARE,...", help="of the sources in a batch")
    p.add_argument("--encoder", type=Path, metavar="FILE", help="weights the encoder starts from")
    p.add_argument("--steps", type=int, metavar="N", help="of each training")
    p.add_argument("--minutes", type=float, metavar="M", help="stop and save after so long")
    p.add_argument("--size", default="224x288", metavar="HxW", help="of the training images")
    p.add_argument("--batch", type=int, metavar="B", help="images of a forward pass")
    p.add_argument("--images", type=int, default=200, metavar="N", help="judged of each source")
    p.add_argument("--blocks", type=int, default=8, metavar="N", help="of them, for the intervals")
    p.add_argument("--device", default="cpu", metavar="NAME", help="cpu, cuda, mps")
    p.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
                   help="as of train_m2h, the same for all variants")  # fmt: skip
    p.add_argument("--quiet", action="store_true", help="no progress")
    return p


def main(argv: Sequence[str]) -> int:
    """0 compared, also in part; 2 bad input; 130 interrupted after saving."""
    args = parser().parse_args(list(argv))
    _check(args)
    study = _study(args)
    from m2h.ablation import run_study, write_report

    def tell(text: str) -> None:
        if not args.quiet:
            print(text, file=sys.stderr, flush=True)

    results = run_study(study, tell)
    summary = write_report(study, results)
    tell(f"written: {study.out / 'ablation.md'}")
    print(json.dumps(_last_line(study, summary), sort_keys=True, allow_nan=False))
    return 0


def _check(args: argparse.Namespace) -> None:
    """Everything that can be wrong before the heavy imports."""
    if args.out.exists() and not args.out.is_dir():
        raise OutputError(f"--out {args.out}: is a file; name a folder")
    for name in ("images", "blocks"):
        if getattr(args, name) < 1:
            raise ConfigError(f"--{name} {getattr(args, name)}: must be 1 or more")
    if min(args.seeds) < 0 or len(set(args.seeds)) < len(args.seeds):
        raise ConfigError(f"--seeds {' '.join(map(str, args.seeds))}: name each once, from 0 on")
    if args.minutes is not None and args.minutes <= 0:
        raise ConfigError(f"--minutes {args.minutes:g}: must be above 0")


def _study(args: argparse.Namespace) -> Study:
    settings, switches = parse_settings(args.set)
    size, shares = parse_size(args.size), parse_shares(args.shares)
    from m2h.ablation import Study
    from m2h.ablation.judging import Judging
    from m2h.ablation.variants import VARIANTS, variants_named
    from m2h.model import preset
    from m2h.training import TrainingConfig, with_settings
    from m2h.training.sources import labels_of_photos, open_sources

    for name in ("steps", "batch"):
        if getattr(args, name) is not None:
            settings.append(f"{name}={getattr(args, name)}")
    variants = variants_named(args.variants or VARIANTS)
    for member in (m for v in variants for m in v.members):  # refuse now, not hours later
        preset(args.preset, **{**switches, **member.switches})
    config = with_settings(TrainingConfig(), settings)
    teacher = args.teacher
    if args.photos is not None and teacher is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        teacher = labels_of_photos(args.photos, teacher, args.out)
    return Study(
        args.out,
        open_sources(
            simulated=args.simulated, nyuv2=args.nyuv2, photos=args.photos, teacher=teacher
        ),
        config,
        variants,
        tuple(args.seeds),
        Judging(size, args.images, args.blocks),
        shares=shares,
        preset=args.preset,
        switches=switches,
        encoder=args.encoder,
        device=args.device,
        minutes=args.minutes,
    )


def _last_line(study: Study, summary: dict[str, Any]) -> dict[str, Any]:
    """Means and verdicts; the rest is in the file."""
    means = {
        source: {key: {v: cell["mean"] for v, cell in row.items()} for key, row in table.items()}
        for source, table in summary["scores"].items()
    }
    verdicts = {
        source: {
            variant: {key: d["verdict"] for key, d in row.items()} for variant, row in rows.items()
        }
        for source, rows in summary["differences"].items()
    }
    return {
        "report": str(study.out / "ablation.md"),
        "seeds": list(study.seeds),
        "unfinished": summary["unfinished"],
        "mean": means,
        "against_wmca": verdicts,
    }
