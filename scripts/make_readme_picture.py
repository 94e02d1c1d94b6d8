"""Pictures for the documentation: stills of a finished run, or a moving picture of a new one.

python scripts/make_readme_picture.py --run runs/demo/latest --out docs/pictures/demo
python scripts/make_readme_picture.py --seq demo --out docs/pictures/demo.webp
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mono_hydra.cli import run_sequence
from mono_hydra.cli.door import enter
from mono_hydra.cli.inputs import open_or_stand_in
from mono_hydra.config import load_config
from mono_hydra.files.images import write_image
from mono_hydra.labels import load_label_space
from mono_hydra.view.floor_plan import floor_plan
from mono_hydra.view.movie import Snapshots, compose, write_movie
from mono_hydra.view.picture import PAPER, overview_image, trimmed
from mono_hydra.view.plan_shapes import plan_png
from mono_hydra.view.saved_run import load_run


def main(argv: Sequence[str]) -> int:
    """Make the pictures that were asked for."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--run", type=Path, help="folder of a finished run: OUT_overview.jpg, OUT_plan.jpg"
    )
    what.add_argument("--seq", help="sequence to run for a moving picture: OUT")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--every", type=int, default=5, help="keyframes between two pictures")
    p.add_argument("--width", type=int, default=1600, help="of the stills, in pixels")
    args = p.parse_args(argv)
    if args.run is not None:
        stills(args.run, args.out, args.width)
    else:
        movie(args.seq, args.out, args.every)
    return 0


def stills(folder: Path, out: Path, width_px: int) -> None:
    """Overview and floor plan of a run."""
    run = load_run(folder)
    if run.mesh is not None:
        image = overview_image(run.mesh, run.graph, run.label_space, width_px=width_px)
        write_image(out.with_name(f"{out.name}_overview.jpg"), trimmed(image, PAPER), quality=88)
    plan = floor_plan(run.graph, run.label_space, path_m=run.T_world_camera[:, :3, 3])
    write_image(out.with_name(f"{out.name}_plan.jpg"), plan_png(plan, 1200), quality=90)


def movie(seq: str, out: Path, every: int) -> None:
    """Run a sequence and film it."""
    given = ["--poses", "dataset", "--depth", "sensor"]
    args = run_sequence.parser().parse_args(["--seq", seq, *given])
    sequence, config = open_or_stand_in(args, print), load_config()
    args.labels = "dataset" if sequence.info.has_labels else "none"
    label_space = load_label_space(sequence.info.label_space)
    provenance = run_sequence.resolve_sources(args, sequence.info, config)
    pipeline = run_sequence.make_pipeline(sequence, config, provenance, label_space)
    snapshots = Snapshots(label_space, every)
    pipeline.observers.append(snapshots)
    pipeline.run(sequence.frames())
    pipeline.close()
    frames = compose(snapshots.taken, label_space)
    quality = write_movie(out, frames)
    print(f"{out}: {len(frames)} frames, quality {quality}, {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    sys.exit(enter(main))
