"""How good the map is: simulated homes through the commands a user types, then scored.

Each home is simulated (once, then cached), mapped by scripts/run_sequence.py and scored against its
truth. Without --seeds the demo flat is used. Where --poses are to be estimated, the images are
those of a moving camera: blurred, exposed with a lag, noisy, read row by row. With --video a home
is given as a phone would film it: a 1280x720 MP4 file and its field of view, nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from harness import (
    PERCEPTION,
    BenchmarkRun,
    finish,
    limits,
    make_parser,
    run_benchmark,
    run_script,
    say,
    simulate_once,
    simulated_home,
    summary_of,
)

from mono_hydra.errors import EvaluationError, MonoHydraError
from mono_hydra.evaluation.run import read_run
from mono_hydra.evaluation.scores import score_run
from mono_hydra.evaluation.summary import flatten
from mono_hydra.evaluation.truth import Truth, read_truth
from mono_hydra.files.atomic import writing
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.simulation.generate import cache_folder, demo_sequence

WANTED_OF_HOMES = {"objects_per_m2": 0.6, "standing_on_another": 0.20, "near_own_class": 0.15}
NEAR_OWN_CLASS_M = 0.5
MIN_COMPLETENESS = 0.5
PHONE_FOV = ("--fov", "66")
PHONE = ("--width", "1280", "--height", "720", "--duration", "40", *PHONE_FOV)
HEADLINES = {
    "objects": "objects.radius_f1@0.5.f1", "box25": "objects.box_f1@0.25.f1",
    "box50": "objects.box_f1@0.5.f1", "roomP": "rooms.precision", "roomR": "rooms.recall",
    "names": "rooms.name_accuracy", "doors": "rooms.doors.f1", "F5": "mesh.f_5cm.f",
    "ghosts": "mesh.walls.ghost_share", "mIoU": "mesh.labels.miou",
    "routes": "places.routes.success", "cover": "places.coverage",
}  # fmt: skip


@dataclass(frozen=True)
class Home:
    """One sequence to map."""

    name: str
    seed: int | None  # None: the demo
    path: Path  # of the sequence
    options: tuple[str, ...] = ()  # that simulate it
    given: tuple[str, ...] = ()  # to the main job in place of the sequence


def parser() -> argparse.ArgumentParser:
    """All options."""
    p = make_parser("map_quality", __doc__)
    p.add_argument("--perception", choices=tuple(PERCEPTION), default="truth")
    p.add_argument("--poses", choices=("dataset", "vio", "vo"), default="dataset")
    p.add_argument("--video", action="store_true", help="as a phone films it")
    p.add_argument("--kind", choices=("flat", "office", "open_plan", "two_storey"), default="flat")
    p.add_argument("--rooms", type=int, metavar="N")
    p.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    p.add_argument("--jobs", type=int, choices=(1, 2), default=1, help="homes mapped at a time")
    return p


def main(argv: Sequence[str]) -> int:
    """0 done; 1 a limit is not met; 2 bad input; 130 interrupted."""
    args = parser().parse_args(list(argv))
    requirements = limits(args)
    if args.video:
        if not args.seeds:
            raise EvaluationError("--video needs --seeds")
        args.poses, args.perception = "vo", "m2h"
    homes = [_home(args, seed) for seed in args.seeds] if args.seeds else [_demo()]
    with _run_root(args.keep) as root, ThreadPoolExecutor(args.jobs) as pool:
        runs = list(pool.map(lambda home: _one(home, args, Path(root)), homes))
    arguments = {k: v for k, v in vars(args).items() if k not in ("require", "keep")}
    return finish(summary_of("map_quality", arguments, runs, requirements))


def _run_root(keep: str | None) -> Any:
    """Where the runs lie: a folder that stays, or a temporary one."""
    if keep is None:
        return tempfile.TemporaryDirectory(prefix="map_quality_")
    return _Stay(Path(keep))


class _Stay:
    """A folder that outlives the benchmark."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> str:
        self.path.mkdir(parents=True, exist_ok=True)
        return str(self.path)

    def __exit__(self, *_: object) -> None:
        pass


def _demo() -> Home:
    return Home("demo", None, cache_folder() / "demo")


def _home(args: argparse.Namespace, seed: int) -> Home:
    is_moving = args.poses != "dataset"
    path, options = simulated_home(args.kind, seed, rooms=args.rooms, is_moving=is_moving)
    if args.video:
        path = path.with_name(f"phone_{path.name}")
        clip = str(path.with_suffix(".mp4"))
        return Home(path.name, seed, path, (*options, *PHONE), (clip, *PHONE_FOV))
    return Home(path.name, seed, path, tuple(options))


def _one(home: Home, args: argparse.Namespace, root: Path) -> BenchmarkRun:
    """Simulate, map and score one home; what goes wrong is kept as the reason."""
    started_s = time.perf_counter()
    try:
        _make(home)
        run = root / home.name
        if run.exists():
            shutil.rmtree(run)
        run_script("run_sequence.py", [
            "--seq", *(home.given or (str(home.path),)),
            "--poses", args.poses, *PERCEPTION[args.perception],
            *(word for setting in args.settings for word in ("--set", setting)),
            "--out", str(run), "--rerun", "off", "--quiet",
        ])  # fmt: skip
        truth = read_truth(home.path)
        scores = score_run(read_run(run), truth)
    except MonoHydraError as error:
        say(f"{home.name}: failed: {error}")
        return BenchmarkRun(home.name, {}, home.seed, str(error))
    flat = {k: v for k, v in flatten(scores).items() if _is_score(k, v)}
    profile = home_profile(truth)
    flat |= {f"home.{key}": value for key, value in profile.items()}
    _tell(home, flat, profile, time.perf_counter() - started_s)
    failure = None
    if (scores["trajectory"] or {}).get("completeness", 0.0) < MIN_COMPLETENESS:
        failure = "trajectory completeness below 0.5"
    return BenchmarkRun(home.name, flat, home.seed, failure, {"missing": scores["missing"]})


def _make(home: Home) -> None:
    """Simulate the home if the cache does not hold it."""
    if home.seed is None:
        if not (home.path / "sequence.yaml").is_file():
            say(f"{home.name}: simulating")
            demo_sequence()
        return
    simulate_once(home.path, home.options)
    if home.given and not Path(home.given[0]).is_file():
        write_clip(home.path, Path(home.given[0]))


def write_clip(sequence: Path, path: Path) -> None:
    """The images of a sequence as a video file; an image's stamp is its number at the file's rate.

    Raises:
        EvaluationError: OpenCV has no encoder for it.
    """
    opened = open_sequence(sequence)
    size = (opened.info.camera.width, opened.info.camera.height)
    with writing(path) as part:
        code = cv2.VideoWriter.fourcc(*"mp4v")
        video = cv2.VideoWriter(str(part), code, opened.info.rate_hz, size)
        if not video.isOpened():
            raise EvaluationError("this OpenCV cannot write MP4")
        for frame in opened.frames():
            video.write(np.ascontiguousarray(frame.rgb[:, :, ::-1]))
        video.release()


def _is_score(key: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (is_number or value is None) and key != "seed" and not key.startswith("system.stages")


def home_profile(truth: Truth) -> dict[str, float]:
    """How hard a home is: density of observable objects, shares on others and near their like."""
    objects = [o for o in truth.objects or [] if o["observable"]]
    floor_m2 = sum(_area_m2(r["polygon"]) for r in (truth.building or {}).get("rooms", []))
    n = len(objects)
    if n == 0 or floor_m2 == 0.0:
        return {"objects_per_m2": 0.0, "standing_on_another": 0.0, "near_own_class": 0.0}
    centers = np.array([o["center"] for o in objects], dtype=np.float64)
    names = np.array([o["label"] for o in objects])
    distance = np.linalg.norm(centers[:, None] - centers[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    near = (distance <= NEAR_OWN_CLASS_M) & (names[:, None] == names[None])
    return {
        "objects_per_m2": n / floor_m2,
        "standing_on_another": sum(o["on"] is not None for o in objects) / n,
        "near_own_class": float(near.any(axis=1).mean()),
    }


def _area_m2(polygon: list[list[float]]) -> float:
    x, y = np.asarray(polygon, dtype=np.float64).T
    return float(0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def _tell(home: Home, flat: dict[str, Any], profile: dict[str, float], seconds: float) -> None:
    values = (f"{k} {flat[v]:.3f}" for k, v in HEADLINES.items() if flat.get(v) is not None)
    rooms = f"rooms {flat.get('rooms.estimated_rooms')}/{flat.get('rooms.true_rooms')}"
    say(f"{home.name}: {rooms} {' '.join(values)} ({seconds:.0f} s)")
    for line in _profile_lines(profile):
        say(f"{home.name}: {line}")


def _profile_lines(profile: dict[str, float]) -> Iterator[str]:
    for key, wanted in WANTED_OF_HOMES.items():
        below = "" if profile[key] >= wanted else "   BELOW what a home should have"
        yield f"{key} {profile[key]:.2f} (wanted >= {wanted:g}){below}"


if __name__ == "__main__":
    run_benchmark(main)
