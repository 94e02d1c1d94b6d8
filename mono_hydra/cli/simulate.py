"""Make a simulated home: images, inertial samples and complete truth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mono_hydra.cli.door import OneLineParser
from mono_hydra.cli.progress import progress_line
from mono_hydra.errors import SimulationError
from mono_hydra.simulation.camera_effects import CLEAN
from mono_hydra.simulation.generate import simulate
from mono_hydra.simulation.imu import DEVICES
from mono_hydra.simulation.options import (
    MOVING_CAMERA,
    STEADY_CAMERA,
    SimulateOptions,
)
from mono_hydra.simulation.show import write_pictures

EXAMPLE = """examples:
  mono-hydra simulate --seed 7 --out homes/7
  mono-hydra simulate --seed 3 --kind office --rooms 12 --out homes/office --show"""


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="simulate", description=__doc__, epilog=EXAMPLE)
    kinds = ("flat", "office", "open_plan", "two_storey")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="same seed, same home")
    p.add_argument("--kind", choices=kinds, default="flat")
    p.add_argument("--rooms", type=int, metavar="N", help="1 to 40; drawn by the seed if not given")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder")
    p.add_argument("--width", type=int, default=640, metavar="PX")
    p.add_argument("--height", type=int, default=480, metavar="PX")
    p.add_argument("--fov", type=float, default=70.0, metavar="DEG", help="horizontal")
    p.add_argument("--rate", type=float, default=15.0, metavar="HZ", help="images a second")
    p.add_argument("--imu-rate", type=float, default=200.0, metavar="HZ")
    p.add_argument(
        "--duration", type=float, metavar="S", help="at most; default 90, more above 7 rooms"
    )
    p.add_argument("--people", type=int, default=0, metavar="N", help="who walk about; 0 to 8")
    p.add_argument("--moving", action="store_true", help="add motion blur and rolling shutter")
    p.add_argument("--clean", action="store_true", help="no exposure control, noise or lens")
    p.add_argument(
        "--time-offset",
        type=float,
        default=0.0,
        metavar="S",
        help="stamps of the IMU minus images'",
    )
    p.add_argument("--imu", choices=sorted(DEVICES), default="tumvi", help="noise of which device")
    p.add_argument("--show", action="store_true", help="draw plan.png and contact_sheet.png")
    p.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return p


def main(argv: Sequence[str]) -> int:
    """0 done; 2 bad request or unwritable folder; 130 interrupted."""
    args = parser().parse_args(list(argv))
    options = _options(args)

    def say(text: str) -> None:
        if not args.quiet:
            print(text, flush=True)

    with progress_line(f"simulating {options.kind} {options.seed}", say) as progress:
        done = simulate(options, args.out, progress)
    if args.show:
        for picture in write_pictures(done.path):
            say(f"drawn: {picture}")
    numbers = done.summary
    say(
        f"{done.path}: {numbers['frames']} frames, {numbers['duration_s']:.1f} s, "
        f"{numbers['visited']} of {numbers['rooms']} rooms visited, {numbers['observable']} of "
        f"{numbers['objects']} objects observable, "
        f"{100 * numbers['surface_seen']:.0f} % of the surface seen"
    )
    return 0


def _options(args: argparse.Namespace) -> SimulateOptions:
    _within("--seed", args.seed, 0, 2**31 - 1)
    _within("--width", args.width, 32, 4096)
    _within("--height", args.height, 32, 4096)
    _within("--fov", args.fov, 20.0, 140.0)
    _within("--rate", args.rate, 0.5, 240.0)
    _within("--imu-rate", args.imu_rate, 50.0, 2000.0)
    _within("--time-offset", args.time_offset, -0.5, 0.5)
    if args.moving and args.clean:
        raise SimulationError("--moving and --clean exclude each other; give one of them")
    _within("--people", args.people, 0, 8)
    if args.rooms is not None:
        _within("--rooms", args.rooms, 1, 40)
    if args.duration is not None:
        _within("--duration", args.duration, 3.0, 3600.0)
    return SimulateOptions(
        seed=args.seed,
        kind=args.kind,
        n_rooms=args.rooms,
        width=args.width,
        height=args.height,
        fov_deg=args.fov,
        rate_hz=args.rate,
        imu_rate_hz=args.imu_rate,
        duration_s=args.duration,
        imu_device=args.imu,
        time_offset_s=args.time_offset,
        people=args.people,
        effects=CLEAN if args.clean else MOVING_CAMERA if args.moving else STEADY_CAMERA,
    )


def _within(option: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SimulationError(f"{option} {value:g}: must lie between {low:g} and {high:g}")
