"""Show what the network says of pictures: depth, its uncertainty, labels, normals and edges."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mono_hydra.cli.door import OneLineParser
from mono_hydra.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from m2h.types import Sample

EXAMPLE = """examples:
  mono-hydra show_m2h --images kitchen.jpg hall.png --fov 68 --out seen.png
  mono-hydra show_m2h --seeds 11 12 --per-home 3 --out homes.jpg    (simulated homes, with truth)"""


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="show_m2h", description=__doc__, epilog=EXAMPLE)
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("--images", type=Path, nargs="+", metavar="FILE", help="pictures")
    what.add_argument("--seeds", type=int, nargs="+", metavar="N", help="of simulated homes")
    p.add_argument("--per-home", type=int, default=3, metavar="N", help="views of a home")
    p.add_argument("--fov", type=float, metavar="DEG", help="horizontal, of the pictures")
    p.add_argument("--network", default="m2h_tiny", metavar="PRESET|FILE")
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help=".png or .jpg")
    p.add_argument("--no-picture", action="store_true", help="leave the pictures themselves out")
    return p


def main(argv: Sequence[str]) -> int:
    """0 drawn; 2 bad input."""
    args = parser().parse_args(list(argv))
    if args.out.suffix not in (".png", ".jpg") or not args.out.parent.is_dir():
        raise OutputError(f"--out {args.out}: name a .png or .jpg file in a folder that exists")
    if args.fov is not None and not 10.0 < args.fov < 170.0:
        raise ConfigError(f"--fov {args.fov:g}: must be between 10 and 170 degrees")
    if args.per_home < 1:
        raise ConfigError(f"--per-home {args.per_home}: must be 1 or more")
    from m2h.predictor import Predictor
    from mono_hydra.cli.network_sheet import Row, network_sheet
    from mono_hydra.files.cache import network_cache
    from mono_hydra.files.images import write_image
    from mono_hydra.labels import load_label_space

    samples = _pictures(args) if args.images else _homes(args)
    predictor = Predictor(args.network, cache=network_cache())
    rows = [Row(s, predictor.predict(s.image, s.intrinsics)) for s in samples]
    sheet = network_sheet(rows, load_label_space("nyu40"), with_pictures=not args.no_picture)
    write_image(args.out, sheet, quality=88)
    print(f"{args.out}: {len(rows)} pictures")
    return 0


def _pictures(args: argparse.Namespace) -> list[Sample]:
    from m2h.data.pictures import read_rgb
    from m2h.types import Intrinsics, Sample

    samples = []
    for path in args.images:
        image = read_rgb(path)
        height, width = image.shape[:2]
        camera = None
        if args.fov is not None:
            f = 0.5 * width / np.tan(np.radians(args.fov) / 2)
            camera = Intrinsics(f, f, (width - 1) / 2, (height - 1) / 2)
        samples.append(Sample("picture", path.stem, image, camera))
    return samples


def _homes(args: argparse.Namespace) -> list[Sample]:
    from mono_hydra.evaluation.perception import simulated_set

    n_images = args.per_home * len(args.seeds)
    return [judged.sample for judged in simulated_set(args.seeds, n_images).images]
