"""Options that say which recording to open, shared by the commands that open one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from mono_hydra.cli.progress import progress_line
from mono_hydra.errors import ConfigError
from mono_hydra.sequences.base import Sequence
from mono_hydra.sequences.cards import MissingSequenceError, default_data_root, known_sequences
from mono_hydra.sequences.open_sequence import open_sequence

Say = Callable[[str], None]


def add_sequence_options(p: argparse.ArgumentParser) -> None:
    """Where data lies and how to read it."""
    p.add_argument(
        "--data", metavar="ROOT", type=Path, help="where named data lies (default $MONO_HYDRA_DATA)"
    )
    p.add_argument(
        "--strict", action="store_true", help="missing data is an error, never the stand-in"
    )
    p.add_argument("--calibration", metavar="FILE", type=Path, help="camera of a folder or a video")
    p.add_argument(
        "--fov",
        metavar="DEG",
        type=float,
        help="horizontal field of view where there is no calibration",
    )
    p.add_argument(
        "--fps", metavar="HZ", type=float, help="rate of images without stamps (default 30)"
    )
    p.add_argument(
        "--up", metavar="AXIS", help="axis of the recording's world that points up: x, y, z, -x ..."
    )
    p.add_argument("--max-frames", metavar="N", type=int, help="stop after N frames")
    p.add_argument("--every", metavar="N", type=int, default=1, help="use every N-th frame")


def open_or_stand_in(args: argparse.Namespace, say: Say) -> Sequence:
    """Open what `--seq` names; a known set that is absent gives its notice and the marked stand-in.

    Raises:
        MonoHydraError: what is asked for cannot be opened, or is absent and `--strict` is set.
    """
    if args.max_frames is not None and args.max_frames < 1:
        raise ConfigError(f"--max-frames {args.max_frames}: must be 1 or more")
    if args.every < 1:
        raise ConfigError(f"--every {args.every}: must be 1 or more")
    name: str | Path = args.seq
    if args.seq == "demo" and not Path("demo").exists():
        name = _made_on_first_use("demo", say)
    try:
        return _open(args, name)
    except MissingSequenceError as missing:
        if args.strict:
            raise
        say(missing.notice)
        say("STAND-IN: running a simulated two-room scene instead; every output says so")
        return _open(args, _made_on_first_use("stand-in", say))


def _open(args: argparse.Namespace, name: str | Path) -> Sequence:
    return open_sequence(
        name, data_root=args.data, fov_deg=args.fov, fps=args.fps, up=args.up,
        calibration=args.calibration, every=args.every, max_frames=args.max_frames,
    )  # fmt: skip


def _made_on_first_use(what: str, say: Say) -> Path:
    from mono_hydra.simulation.generate import demo_sequence, stand_in_sequence

    make = demo_sequence if what == "demo" else stand_in_sequence
    with progress_line(f"making the {what} sequence (first use only)", say) as progress:
        return make(progress)


def print_known(data_root: Path | None) -> None:
    """What `--seq` understands, and what of it is on this machine."""
    root = data_root or default_data_root()
    print("demo            simulated five-room flat, made on first use")
    for known in known_sequences(root):
        state = (
            f"present: {known.path}" if known.path else f"absent, would lie at {known.expected[0]}"
        )
        print(f"{known.name:15} {known.card.title}; {state}")
    print(
        "PATH            a folder (7-Scenes, ScanNet, TUM, EuRoC, images), a .sens or a video file"
    )
