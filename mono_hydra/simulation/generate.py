"""A whole simulated sequence on disk: house, walk, inertial samples, images, truth.

Every random choice comes from `seed`, split by the step's name, so that another texture never moves
a wall. The folder gets its name when it is whole.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mono_hydra.errors import OutputError, SimulationError
from mono_hydra.files.atomic import new_folder, write_text
from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import camera_from_fov
from mono_hydra.simulation import plan
from mono_hydra.simulation.camera_effects import CameraEffects, CameraOptions
from mono_hydra.simulation.checks import (
    check_house,
    check_imu,
    check_walk,
    check_written,
)
from mono_hydra.simulation.free_space import free_space
from mono_hydra.simulation.house import House
from mono_hydra.simulation.imu import DEVICES, sense
from mono_hydra.simulation.light import LightOptions
from mono_hydra.simulation.render import Renderer, make_renderer
from mono_hydra.simulation.scene import HouseScene, View
from mono_hydra.simulation.sequence_files import (
    image_name,
    write_frame,
    write_images_table,
    write_imu_table,
    write_sequence_card,
)
from mono_hydra.simulation.truth import MAX_RANGE_M, TruthCollector
from mono_hydra.simulation.truth_files import (
    ROBOT_RADIUS_M,
    SCHEMA,
    camera_record,
    label_records,
    write_body,
    write_collected,
    write_json,
)
from mono_hydra.simulation.walk import Walk, WalkOptions, plan_walk
from mono_hydra.types import F4, F8, Camera

GENERATOR_VERSION = 2  # raise it when the same seed gives other bytes
HouseKind = Literal["flat", "office", "open_plan", "two_storey", "plain", "demo"]
Progress = Callable[[str, float], None]  # step, share of the whole that is done
WAITING_FRAMES = 4  # rendered but not yet written


# exposure, white balance, noise and vignetting of an ordinary camera; no motion in the exposure
STEADY_CAMERA = CameraOptions(max_shutter_s=0.0, readout_s=0.0, jpeg_quality=0)
MOVING_CAMERA = CameraOptions(jpeg_quality=0)  # with motion blur and rolling shutter


@dataclass(frozen=True)
class SimulateOptions:
    """What to simulate."""

    seed: int = 0
    kind: HouseKind = "flat"
    n_rooms: int | None = None  # None: drawn by seed
    width: int = 640
    height: int = 480
    fov_deg: float = 70.0
    rate_hz: float = 15.0
    imu_rate_hz: float = 200.0
    duration_s: float | None = None
    still_s: float = 2.0
    imu_device: str = "tumvi"
    time_offset_s: float = 0.0
    name: str | None = None
    stand_in: bool = False
    camera: Camera | None = None  # instead of width, height and fov_deg
    light: LightOptions | None = None  # fineness of the baked light
    effects: CameraOptions = STEADY_CAMERA

    def camera_model(self) -> Camera:
        """The camera asked for."""
        return self.camera or camera_from_fov(self.width, self.height, self.fov_deg)


DEMO = SimulateOptions(seed=0, kind="demo", duration_s=70.0, name="demo")
STAND_IN = SimulateOptions(
    seed=3,
    kind="flat",
    n_rooms=2,
    duration_s=45.0,
    rate_hz=15.0,
    name="stand_in",
    stand_in=True,
    camera=Camera(648, 484, 578.0, 578.0, 323.5, 241.5),  # ScanNet's 1296x968 at half size
)


@dataclass(frozen=True)
class Simulated:
    """Where the sequence lies, and its headline numbers."""

    path: Path
    summary: dict[str, Any]


def generator(seed: int, step: str) -> np.random.Generator:
    """The random numbers of one step of one seed."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(step.encode())]))


def quiet(step: str, share: float) -> None:
    """Progress nobody looks at."""


def draw_houses(options: SimulateOptions) -> Iterator[House]:
    """The house asked for, then others of the same seed in case it does not serve.

    Raises:
        SimulationError: this kind or number of rooms cannot be built.
    """
    if options.kind == "plain":
        yield plan.plain_house(options.n_rooms or 1)
    elif options.kind == "demo":
        yield plan.demo_house()
    else:
        yield from plan.draw_houses(options.seed, options.kind, options.n_rooms)


def make_house_and_walk(options: SimulateOptions) -> tuple[HouseScene, Walk]:
    """The first house of the seed with a walk that sees every room, and that walk.

    Raises:
        SimulationError: none of the seed's houses serves; names why the last one did not.
    """
    camera = options.camera_model()
    walk_options = WalkOptions(duration_s=options.duration_s, still_s=options.still_s)
    reason: SimulationError | None = None
    try:
        for house in draw_houses(options):
            try:
                check_house(house)
                scene = HouseScene(house)
                walk = plan_walk(scene, camera, walk_options, generator(options.seed, "walk"))
                check_walk(house, walk, options.duration_s)
                check_imu(walk.motion.body(_imu_stamps(walk, options), body_camera(options.seed)))
            except SimulationError as error:
                reason = error
                continue
            return scene, walk
    except SimulationError as error:
        raise reason or error from error
    raise reason or SimulationError(f"simulation: no house of kind {options.kind}")


def body_camera(seed: int) -> F8:
    """T_body_camera (4, 4): body x forward, y left, z up; a few centimetres and a degree off."""
    rng = generator(seed, "mount")
    base = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    tilt = se3.exp_so3(np.deg2rad(rng.uniform(-1.0, 1.0, 3)))
    arm = np.array([0.04, 0.02, 0.03]) + rng.uniform(-0.015, 0.015, 3)
    return se3.from_rt(tilt @ base, arm)


def simulate(
    options: SimulateOptions, out_dir: Path | str, progress: Progress = quiet
) -> Simulated:
    """Make a sequence in the new folder `out_dir`.

    Raises:
        SimulationError: the request cannot be met. OutputError: the folder cannot be written.
    """
    progress("house", 0.0)
    with new_folder(out_dir) as folder:  # first of all: is there a place for it
        summary = _fill(folder, options, progress)
    progress("done", 1.0)
    return Simulated(Path(out_dir), summary)


def _fill(folder: Path, options: SimulateOptions, progress: Progress) -> dict[str, Any]:
    """Everything into an existing folder; returns the headline numbers."""
    camera = options.camera_model()
    scene, walk = make_house_and_walk(options)
    house = scene.house
    progress("light", 0.08)
    renderer = make_renderer(house, options.seed, options=options.light, scene=scene)
    n_frames = max(1, int(walk.motion.duration_s * options.rate_hz))
    stamps = np.round(np.arange(n_frames) / options.rate_hz, 6)
    poses = walk.motion.camera(stamps).T_world
    dense = walk.motion.camera(np.arange(0.0, walk.motion.duration_s, 0.02)).T_world[:, :3, 3]
    for name in ("images", "truth/depth", "truth/labels", "truth/instances"):
        (folder / name).mkdir(parents=True)
    card = _write_sensors(folder, options, camera, walk, n_frames)
    progress("free space", 0.22)
    collector = TruthCollector(scene, camera, n_frames, free_space(scene, dense))
    effects = CameraEffects(camera, options.effects, generator(options.seed, "camera"))
    _draw(folder, renderer, effects, walk, stamps, collector, progress)
    files = [image_name(k) for k in range(n_frames)]
    write_images_table(folder / "images.csv", list(stamps), files)
    progress("truth", 0.96)
    summary = write_collected(folder / "truth", collector, stamps, poses, dense)
    summary |= {"frames": n_frames, "duration_s": round(walk.motion.duration_s, 3)}
    summary |= {"path_m": round(float(np.linalg.norm(np.diff(dense, axis=0), axis=1).sum()), 2)}
    _write_meta(folder / "truth", options, house, card, summary)
    check_written(folder, scene, camera, poses, collector.visibility())
    return summary


def cache_folder() -> Path:
    """Where sequences made on first use are kept: MONO_HYDRA_CACHE, or the user's cache folder."""
    named = os.environ.get("MONO_HYDRA_CACHE")
    if named:
        base = Path(named)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches" / "mono_hydra"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "mono_hydra"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mono_hydra"
    return base / f"v{GENERATOR_VERSION}"


def demo_sequence(progress: Progress = quiet) -> Path:
    """The five-room flat of `--seq demo`, made on first use."""
    return _kept("demo", DEMO, progress)


def stand_in_sequence(progress: Progress = quiet) -> Path:
    """Two rooms with ScanNet's camera and label space, for when ScanNet itself is not there."""
    return _kept("stand_in", STAND_IN, progress)


def _kept(name: str, options: SimulateOptions, progress: Progress) -> Path:
    path = cache_folder() / name
    if not (path / "sequence.yaml").is_file():
        try:
            simulate(options, path, progress)
        except OutputError:
            if not (path / "sequence.yaml").is_file():  # else somebody else was faster
                raise
    return path


def _imu_stamps(walk: Walk, options: SimulateOptions) -> F8:
    n = int(walk.motion.duration_s * options.imu_rate_hz) + 1
    return np.asarray(np.round(np.arange(n) / options.imu_rate_hz, 6))


def _write_sensors(
    folder: Path, options: SimulateOptions, camera: Camera, walk: Walk, n_frames: int
) -> dict[str, Any]:
    """imu.csv, body.csv and sequence.yaml; returns the card."""
    T_body_camera = body_camera(options.seed)
    body = walk.motion.body(_imu_stamps(walk, options), T_body_camera)
    noise = DEVICES[options.imu_device]
    rng = generator(options.seed, "imu")
    imu = sense(body, options.imu_rate_hz, noise, rng, options.time_offset_s)
    write_imu_table(folder / "imu.csv", imu.samples)
    write_body(folder / "truth" / "body.csv", body, imu)
    card: dict[str, Any] = {
        "name": options.name or f"{options.kind}_{options.seed}",
        "kind": "simulated",
        "stand_in": options.stand_in,
        "label_space": "nyu40",
        "up_world": [0.0, 0.0, 1.0],
        "frames": n_frames,
        "rate_hz": options.rate_hz,
        "camera": camera_record(camera),
        "T_body_camera": [[float(round(x, 12)) for x in row] for row in T_body_camera],
        "imu": {
            "rate_hz": options.imu_rate_hz,
            "gyro_noise": noise.gyro,
            "gyro_walk": noise.gyro_walk,
            "accel_noise": noise.accel,
            "accel_walk": noise.accel_walk,
            "time_offset_s": options.time_offset_s,
        },
    }
    write_sequence_card(folder / "sequence.yaml", card)
    return card


def _draw(
    folder: Path,
    renderer: Renderer,
    effects: CameraEffects,
    walk: Walk,
    stamps_s: F8,
    collector: TruthCollector,
    progress: Progress,
) -> None:
    """Render every frame; one thread develops and writes in order, one collects the truth."""
    camera, poses = collector.camera, walk.motion.camera(stamps_s).T_world

    def pose_at(stamp_s: float) -> F8:
        return np.asarray(walk.motion.camera(np.array([stamp_s])).T_world[0])

    def finish(frame: int, view: View, linear: F4) -> None:
        rgb = effects.apply(linear, view.depth_m, float(stamps_s[frame]), pose_at)
        write_frame(folder, frame, rgb, view.depth_m, view.labels, view.instances)

    with ThreadPoolExecutor(1) as writer, ThreadPoolExecutor(1) as measurer:
        waiting: deque[tuple[Future[None], Future[None]]] = deque()
        for frame, T_world_camera in enumerate(poses):
            view = renderer.scene.view(T_world_camera, camera)
            linear = renderer.shade(view, T_world_camera, camera)
            waiting.append(
                (
                    writer.submit(finish, frame, view, linear),
                    measurer.submit(
                        collector.add,
                        frame,
                        T_world_camera,
                        view.depth_m,
                        view.labels,
                        view.instances,
                    ),
                )
            )
            while len(waiting) > WAITING_FRAMES:
                for future in waiting.popleft():
                    future.result()
            progress("frames", 0.24 + 0.72 * (frame + 1) / len(poses))
        for pair in waiting:
            for future in pair:
                future.result()


def _write_meta(
    truth: Path,
    options: SimulateOptions,
    house: House,
    card: dict[str, Any],
    summary: dict[str, Any],
) -> None:
    write_text(truth / "agents.csv", "stamp_s,id,label,x,y,z,yaw,length,width,height\n")
    write_json(truth / "events.json", [])
    parts = sorted(p.stem for p in truth.iterdir())
    camera = card["camera"] | {
        "T_body_camera": card["T_body_camera"],
        "time_offset_s": options.time_offset_s,
        "readout_s": options.effects.readout_s,
    }
    meta = {
        "schema": SCHEMA,
        "sequence": card["name"],
        "seed": options.seed,
        "generator_version": GENERATOR_VERSION,
        "kind": options.kind,
        "redrawn": house.metadata.get("redrawn", 0),
        "unit": "m, s",
        "camera": camera,
        "rate_hz": options.rate_hz,
        "imu_rate_hz": options.imu_rate_hz,
        "max_range_m": MAX_RANGE_M,
        "robot_radius_m": ROBOT_RADIUS_M,
        "labels": label_records(),
        "parts": parts,
        "stand_in": options.stand_in,
        "summary": summary,
    }
    write_json(truth / "meta.json", meta)
