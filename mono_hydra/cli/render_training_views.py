"""Render homes to train the multi-task network on: stills with depth, labels, normals and edges."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from mono_hydra.cli.door import OneLineParser
from mono_hydra.errors import ConfigError, OutputError

FIRST_SEED = 1_000_000
EXAMPLE = """examples:
  mono-hydra render_training_views --out views --homes 100
  mono-hydra render_training_views --out views --homes 200    (adds the second hundred)

A home takes half a minute to a minute and 5 MB. Homes that are there already are not made again."""


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="render_training_views", description=__doc__, epilog=EXAMPLE)
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="of house_<seed>.npz")
    p.add_argument("--homes", type=int, default=100, metavar="N", help="in the folder at the end")
    p.add_argument(
        "--first-seed", type=int, default=FIRST_SEED, metavar="N",
        help=f"of the homes, {FIRST_SEED} or more: tests use those below",
    )  # fmt: skip
    p.add_argument("--quiet", action="store_true", help="no progress")
    return p


def main(argv: Sequence[str]) -> int:
    """0 all homes are there; 2 bad input; 130 interrupted, with the finished homes kept."""
    args = parser().parse_args(list(argv))
    if args.homes < 1:
        raise ConfigError(f"--homes {args.homes}: must be 1 or more")
    if args.first_seed < FIRST_SEED:
        raise ConfigError(f"--first-seed {args.first_seed}: must be {FIRST_SEED} or more")
    if args.out.exists() and not args.out.is_dir():
        raise OutputError(f"--out {args.out}: is a file; name a folder")
    from mono_hydra.simulation.view_shards import shard_path, write_shard

    args.out.mkdir(parents=True, exist_ok=True)
    seeds = range(args.first_seed, args.first_seed + args.homes)
    made = 0
    for seed in tqdm(seeds, unit="home", disable=True if args.quiet else None, dynamic_ncols=True):
        if not shard_path(seed, args.out).is_file():
            write_shard(seed, args.out)
            made += 1
    if not args.quiet:
        print(f"{args.out}: {args.homes} homes, {made} of them made now")
    return 0
