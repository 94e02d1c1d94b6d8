"""Make a simulated home: images, inertial samples and complete truth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mono_hydra.cli.door import OneLineParser
from mono_hydra.cli.progress import progress_line
from mono_hydra.errors import SimulationError
from mono_hydra.geometry.camera import camera_from_fov
from mono_hydra.simulation.camera_effects import CLEAN, CameraOptions
from mono_hydra.simulation.faults import FAULTS, check_fault
from mono_hydra.simulation.generate import simulate
from mono_hydra.simulation.imu import DEVICES
from mono_hydra.simulation.lens import LENSES, distorted_camera
from mono_hydra.simulation.options import (
    MOVING_CAMERA,
    STEADY_CAMERA,
    Replay,
    SimulateOptions,
)
from mono_hydra.simulation.recording import find_recording
from mono_hydra.simulation.show import write_pictures
from mono_hydra.types import Camera

EXAMPLE = """examples:
  mono-hydra simulate --seed 7 --out homes/7
  mono-hydra simulate --seed 3 --kind office --rooms 12 --out homes/office --show
  mono-hydra simulate --seed 4 --people 2 --moving --out homes/people
  mono-hydra simulate --trajectory euroc/V2_01_easy --out homes/replay"""
HOME_FOV_DEG, HOME_RATE_HZ = 70.0, 15.0
REPLAY_FOV_DEG, REPLAY_RATE_HZ = 80.0, 20.0


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = OneLineParser(prog="simulate", description=__doc__, epilog=EXAMPLE)
    kinds = ("flat", "office", "open_plan", "two_storey")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="same seed, same home")
    p.add_argument("--kind", choices=kinds, default="flat")
    p.add_argument("--rooms", type=int, metavar="N", help="1 to 40; drawn by the seed if not given")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder")
    p.add_argument("--people", type=int, default=0, metavar="N", help="who walk about; 0 to 8")
    p.add_argument("--fault", metavar="NAME", help=f"spoil the recording: {', '.join(FAULTS)}")
    p.add_argument(
        "--duration", type=float, metavar="S", help="at most; default 90, more above 7 rooms"
    )
    p.add_argument("--rate", type=float, metavar="HZ", help="images a second; default 15")
    p.add_argument("--imu-rate", type=float, default=200.0, metavar="HZ")
    p.add_argument(
        "--imu",
        metavar="DEVICE|CSV",
        help=f"noise of {', '.join(sorted(DEVICES))} (default tumvi); with --trajectory a file",
    )
    p.add_argument(
        "--time-offset",
        type=float,
        default=0.0,
        metavar="S",
        help="stamps of the IMU minus images'",
    )
    _camera_arguments(p.add_argument_group("camera"))
    _replay_arguments(p.add_argument_group("replay of a recorded motion"))
    p.add_argument("--show", action="store_true", help="draw plan.png and contact_sheet.png")
    p.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return p


def _camera_arguments(p: argparse._ArgumentGroup) -> None:
    p.add_argument("--width", type=int, default=640, metavar="PX")
    p.add_argument("--height", type=int, default=480, metavar="PX")
    p.add_argument("--fov", type=float, metavar="DEG", help="horizontal; default 70")
    p.add_argument("--distortion", choices=LENSES, default="none", help="of the lens")
    p.add_argument("--moving", action="store_true", help="add motion blur and rolling shutter")
    p.add_argument("--clean", action="store_true", help="no exposure control, noise or lens")
    p.add_argument("--noise", type=float, default=1.0, metavar="X", help="times the usual noise")
    p.add_argument("--exposure-lag", type=float, metavar="S", help="of exposure; default 0.35")
    p.add_argument("--jpeg", type=int, default=92, metavar="Q", help="quality, 10 to 100")


def _replay_arguments(p: argparse._ArgumentGroup) -> None:
    p.add_argument(
        "--trajectory",
        type=Path,
        metavar="CSV|DIR",
        help="EuRoC or TUM-VI ground truth, or the folder of such a recording; "
        "needs --imu CSV with a file; 20 images a second, 80 degrees",
    )
    p.add_argument("--camera-card", type=Path, metavar="YAML", help="holds T_body_camera")
    p.add_argument("--start", type=float, metavar="S", help="of the ground truth")


def main(argv: Sequence[str]) -> int:
    """0 done; 2 bad request or unwritable folder; 130 interrupted."""
    args = parser().parse_args(list(argv))
    options = _options(args)

    def say(text: str) -> None:
        if not args.quiet:
            print(text, flush=True)

    what = f"{options.kind} {options.seed}" if options.replay is None else str(args.trajectory)
    with progress_line(f"simulating {what}", say) as progress:
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
    _check(args)
    replay = _replay(args)
    if args.fault is not None:
        check_fault(args.fault, is_replay=replay is not None)
    return SimulateOptions(
        seed=args.seed,
        kind=args.kind,
        n_rooms=args.rooms,
        width=args.width,
        height=args.height,
        fov_deg=args.fov or (REPLAY_FOV_DEG if replay else HOME_FOV_DEG),
        rate_hz=args.rate or (REPLAY_RATE_HZ if replay else HOME_RATE_HZ),
        imu_rate_hz=args.imu_rate,
        duration_s=args.duration,
        imu_device="tumvi" if replay or args.imu is None else args.imu,
        time_offset_s=args.time_offset,
        camera=_camera(args, REPLAY_FOV_DEG if replay else HOME_FOV_DEG),
        effects=_effects(args),
        jpeg_quality=args.jpeg,
        people=args.people,
        fault=args.fault,
        replay=replay,
    )


def _check(args: argparse.Namespace) -> None:
    """Ranges, and options that exclude each other."""
    _within("--seed", args.seed, 0, 2**31 - 1)
    _within("--width", args.width, 32, 4096)
    _within("--height", args.height, 32, 4096)
    _within("--fov", args.fov, 20.0, 140.0)
    _within("--rate", args.rate, 0.5, 240.0)
    _within("--imu-rate", args.imu_rate, 50.0, 2000.0)
    _within("--time-offset", args.time_offset, -0.5, 0.5)
    _within("--people", args.people, 0, 8)
    _within("--rooms", args.rooms, 1, 40)
    _within("--duration", args.duration, 3.0, 3600.0)
    _within("--noise", args.noise, 0.0, 50.0)
    _within("--exposure-lag", args.exposure_lag, 0.0, 10.0)
    _within("--jpeg", args.jpeg, 10, 100)
    _within("--start", args.start, 0.0, 1e6)
    if args.moving and args.clean:
        raise SimulationError("--moving and --clean exclude each other; give one of them")
    if args.clean and (args.noise != 1.0 or args.exposure_lag is not None):
        raise SimulationError("--clean leaves no noise and no exposure control to set; drop one")
    if args.trajectory is None:
        if args.start is not None or args.camera_card is not None:
            raise SimulationError("--start and --camera-card belong to --trajectory; give it too")
        if args.imu is not None and args.imu not in DEVICES:
            raise SimulationError(
                f"--imu {args.imu}: choose one of {', '.join(sorted(DEVICES))}; "
                "a file needs --trajectory"
            )
    elif args.people or args.rooms is not None or args.kind != "flat" or args.time_offset:
        raise SimulationError(
            "--trajectory builds its own hall: --kind, --rooms, --people and --time-offset "
            "do not go with it"
        )


def _within(option: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise SimulationError(f"{option} {value:g}: must lie between {low:g} and {high:g}")


def _camera(args: argparse.Namespace, usual_fov_deg: float) -> Camera:
    camera = camera_from_fov(args.width, args.height, min(args.fov or usual_fov_deg, 140.0))
    return distorted_camera(camera, args.distortion, args.fov or usual_fov_deg)


def _effects(args: argparse.Namespace) -> CameraOptions:
    if args.clean:
        return CLEAN
    effects = MOVING_CAMERA if args.moving else STEADY_CAMERA
    if args.exposure_lag is not None:
        effects = replace(effects, exposure_lag_s=args.exposure_lag)
    return replace(
        effects,
        shot_noise=effects.shot_noise * args.noise,
        read_noise=effects.read_noise * args.noise,
    )


def _replay(args: argparse.Namespace) -> Replay | None:
    if args.trajectory is None:
        return None
    if not args.trajectory.exists():
        raise SimulationError(f"--trajectory {args.trajectory}: no such file or folder")
    if args.trajectory.is_dir():
        replay = find_recording(args.trajectory)
    elif args.imu is None or args.imu in DEVICES:
        raise SimulationError(
            f"--trajectory {args.trajectory}: give the recorded inertial samples with --imu CSV"
        )
    else:
        replay = Replay(args.trajectory, Path(args.imu))
    if args.imu is not None and args.imu not in DEVICES:
        replay = replace(replay, imu=Path(args.imu))
    return replace(
        replay, camera_card=args.camera_card or replay.camera_card, start_s=args.start or 0.0
    )
