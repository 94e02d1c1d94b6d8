"""Say what a recording was taken for, what is missing or wrong; draw a contact sheet."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from mono_hydra.cli.door import OneLineParser
from mono_hydra.files.images import write_image
from mono_hydra.labels import load_label_space
from mono_hydra.sequences.base import Sequence as Recording
from mono_hydra.sequences.check import check_sequence
from mono_hydra.sequences.contact_sheet import contact_sheet
from mono_hydra.sequences.open_sequence import open_sequence

MAX_FRAMES_READ = 300
EXAMPLE = """examples:
  python scripts/check_sequence.py my_room --fov 65
  python scripts/check_sequence.py scene0000_00.sens --out sheet.png"""


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="check_sequence", description=__doc__, epilog=EXAMPLE)
    p.add_argument("path", metavar="PATH", help="folder, .sens, video file, or a known name")
    p.add_argument("--data", metavar="ROOT", type=Path, help="where named data lies")
    p.add_argument("--calibration", metavar="FILE", type=Path)
    p.add_argument("--fov", metavar="DEG", type=float, help="horizontal, without calibration")
    p.add_argument("--fps", metavar="HZ", type=float, help="images without stamps (default 30)")
    p.add_argument("--up", metavar="AXIS", help="x, y, z, -x, -y or -z")
    p.add_argument("--all", action="store_true", help="read every frame, not about 300 of them")
    p.add_argument("--out", metavar="FILE", type=Path, help="sheet (default check_NAME.png)")
    return p


def main(argv: Sequence[str]) -> int:
    """0 when it could be read; 2 when not, with one line."""
    args = parser().parse_args(list(argv))
    sequence = _open(args, every=1)
    n_frames = sequence.info.n_frames or 0
    if n_frames > MAX_FRAMES_READ and not args.all:
        every = -(-n_frames // MAX_FRAMES_READ)
        print(f"reading every {every}th of {n_frames} frames (--all reads each)")
        sequence = _open(args, every=every)
    found = check_sequence(sequence)
    for line in found.lines:
        print(line)
    for warning in found.warnings:
        print(f"WARNING:    {warning}")
    name = re.sub(r"[^\w.-]+", "_", sequence.info.name)
    out = args.out or Path(f"check_{name}.png")
    write_image(out, contact_sheet(found.views, load_label_space(sequence.info.label_space)))
    print(f"sheet:      {out}")
    return 0


def _open(args: argparse.Namespace, every: int) -> Recording:
    return open_sequence(
        args.path,
        data_root=args.data,
        fov_deg=args.fov,
        fps=args.fps,
        up=args.up,
        calibration=args.calibration,
        every=every,
    )
