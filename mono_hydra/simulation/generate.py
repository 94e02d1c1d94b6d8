"""A whole simulated sequence on disk: house, walk, inertial samples, images, truth.

The folder gets its name when it is whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.errors import OutputError
from mono_hydra.files.atomic import new_folder
from mono_hydra.files.cache import cache_base
from mono_hydra.simulation.camera_effects import CameraEffects
from mono_hydra.simulation.checks import check_written
from mono_hydra.simulation.faults import (
    FAULTS,
    check_fault,
    detour_of,
    person_before,
    span_of,
    ticks_within,
    with_fault,
)
from mono_hydra.simulation.free_space import free_space
from mono_hydra.simulation.house import House
from mono_hydra.simulation.journey import Journey, home_journey
from mono_hydra.simulation.options import SimulateOptions, generator
from mono_hydra.simulation.people import TICK_S, Agent, plan_people
from mono_hydra.simulation.people_in_view import PeopleInView
from mono_hydra.simulation.render import make_renderer
from mono_hydra.simulation.replay import replay_journey
from mono_hydra.simulation.sequence_files import (
    image_name,
    write_images_table,
    write_imu_table,
    write_sequence_card,
)
from mono_hydra.simulation.spoilt_files import spoil_files
from mono_hydra.simulation.studio import Studio
from mono_hydra.simulation.truth import DYNAMIC_IDS, MAX_RANGE_M, TruthCollector
from mono_hydra.simulation.truth_files import (
    ROBOT_RADIUS_M,
    SCHEMA,
    camera_record,
    label_records,
    write_agents,
    write_body,
    write_collected,
    write_json,
)
from mono_hydra.types import Camera

__all__ = [
    "DEMO",
    "GENERATOR_VERSION",
    "STAND_IN",
    "SimulateOptions",
    "Simulated",
    "cache_folder",
    "demo_sequence",
    "simulate",
    "stand_in_sequence",
]

GENERATOR_VERSION = 3  # raise it when the same seed gives other bytes
Progress = Callable[[str, float], None]  # step, share of the whole that is done


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


def quiet(step: str, share: float) -> None:
    """Progress nobody looks at."""


def simulate(
    options: SimulateOptions, out_dir: Path | str, progress: Progress = quiet
) -> Simulated:
    """Make a sequence in the new folder `out_dir`.

    Raises:
        SimulationError: the request cannot be met. OutputError: the folder cannot be written.
    """
    if options.fault:
        check_fault(options.fault, is_replay=options.replay is not None)
    progress("house", 0.0)
    with new_folder(out_dir) as folder:  # first of all: is there a place for it
        summary = _fill(folder, options, progress)
    progress("done", 1.0)
    return Simulated(Path(out_dir), summary)


def _fill(folder: Path, options: SimulateOptions, progress: Progress) -> dict[str, Any]:
    """Everything into an existing folder; returns the headline numbers."""
    options, camera = with_fault(options), options.camera_model()
    journey = (
        replay_journey(options)
        if options.replay
        else home_journey(options, detour_of(options.fault))
    )
    scene, motion = journey.scene, journey.motion
    progress("light", 0.08)
    renderer = make_renderer(
        scene.house, options.seed, options=options.light, time=journey.time, scene=scene
    )
    n_frames = max(1, int(motion.duration_s * options.rate_hz))
    stamps = np.round(np.arange(n_frames) / options.rate_hz, 6)
    poses = motion.camera(stamps).T_world
    dense = motion.camera(np.arange(0.0, motion.duration_s, 0.02)).T_world[:, :3, 3]
    for name in ("images", "truth/depth", "truth/labels", "truth/instances"):
        (folder / name).mkdir(parents=True)
    card = _write_sensors(folder, options, camera, journey, n_frames)
    progress("free space", 0.22)
    collector = TruthCollector(scene, camera, n_frames, free_space(scene, dense))
    effects = CameraEffects(camera, options.effects, generator(options.seed, "camera"))
    span = (0.0, 0.0)
    if options.fault:
        span = span_of(options.fault, motion.duration_s, journey.detour_s)
    people = PeopleInView(_agents(options, journey, span), renderer, camera)
    studio = Studio(
        renderer, effects, collector, motion, people, options.jpeg_quality,
        options.fault, span, 1.0 / options.rate_hz,
    )  # fmt: skip
    studio.draw(folder, stamps, lambda done: progress("frames", 0.24 + 0.72 * done))
    files = [image_name(k) for k in range(n_frames)]
    write_images_table(folder / "images.csv", list(stamps), files)
    progress("truth", 0.96)
    summary = write_collected(folder / "truth", collector, stamps, poses, dense)
    summary |= {"frames": n_frames, "duration_s": round(motion.duration_s, 3)}
    summary |= {"path_m": round(float(np.linalg.norm(np.diff(dense, axis=0), axis=1).sum()), 2)}
    write_agents(folder / "truth" / "agents.csv", [r for t in stamps for r in people.rows(t)])
    events = []
    if options.fault:
        events = [{"kind": "fault", "t0": span[0], "t1": span[1], "id": options.fault}]
    write_json(folder / "truth" / "events.json", events)
    _write_meta(folder / "truth", options, scene.house, card, summary)
    check_written(folder, scene, camera, poses, collector.visibility())
    if options.fault and FAULTS[options.fault].stage == "files":
        spoil_files(folder, options.fault, span, generator(options.seed, "fault"))
    return summary


def _agents(
    options: SimulateOptions, journey: Journey, fault_s: tuple[float, float]
) -> list[Agent]:
    """Who walks about, and who stands before the lens if that is the fault."""
    agents = _walkers(options, journey) if options.people else []
    if options.fault == "person":
        ticks = ticks_within(fault_s)
        poses = journey.motion.camera(ticks).T_world
        levels = np.array([r.floor_z_m for r in journey.scene.house.rooms])
        below = levels[None] <= poses[:, 2, 3, None]  # of a two-storey house: the one stood on
        floors = np.where(below, levels[None], levels.min()).max(axis=1)
        agents.append(person_before(poses, ticks, DYNAMIC_IDS + len(agents), floors))
    return agents


def _walkers(options: SimulateOptions, journey: Journey) -> list[Agent]:
    ticks = np.arange(0.0, journey.motion.duration_s + TICK_S, TICK_S)
    centres = journey.motion.camera(ticks).T_world[:, :3, 3]
    rng = generator(options.seed, "people")
    return plan_people(journey.scene, centres, options.people, DYNAMIC_IDS, rng)


def cache_folder() -> Path:
    """Where sequences made on first use are kept: MONO_HYDRA_CACHE, or the user's cache folder."""
    return cache_base() / f"v{GENERATOR_VERSION}"


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


def _write_sensors(
    folder: Path, options: SimulateOptions, camera: Camera, journey: Journey, n_frames: int
) -> dict[str, Any]:
    """imu.csv, body.csv and sequence.yaml; returns the card."""
    write_imu_table(folder / "imu.csv", journey.imu.samples)
    write_body(folder / "truth" / "body.csv", journey.body, journey.imu)
    noise = journey.noise
    card: dict[str, Any] = {
        "name": journey.name,
        "kind": "simulated",
        "stand_in": options.stand_in,
        "label_space": "nyu40",
        "up_world": [0.0, 0.0, 1.0],
        "frames": n_frames,
        "rate_hz": options.rate_hz,
        "camera": camera_record(camera),
        "readout_s": options.effects.readout_s,
        "T_body_camera": [[float(round(x, 12)) for x in row] for row in journey.T_body_camera],
        "imu": {
            "rate_hz": journey.imu_rate_hz,
            "gyro_noise": noise.gyro,
            "gyro_walk": noise.gyro_walk,
            "accel_noise": noise.accel,
            "accel_walk": noise.accel_walk,
            "time_offset_s": options.time_offset_s,
            # a recorded IMU errs in more ways than its densities say
            **({} if options.replay else {"noise_factor": 1.0}),
        },
    }
    write_sequence_card(folder / "sequence.yaml", card)
    return card


def _write_meta(
    truth: Path,
    options: SimulateOptions,
    house: House,
    card: dict[str, Any],
    summary: dict[str, Any],
) -> None:
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
        "kind": house.kind if options.replay else options.kind,
        "redrawn": house.metadata.get("redrawn", 0),
        "unit": "m, s",
        "camera": camera,
        "rate_hz": options.rate_hz,
        "imu_rate_hz": card["imu"]["rate_hz"],
        "max_range_m": MAX_RANGE_M,
        "robot_radius_m": ROBOT_RADIUS_M,
        "labels": label_records(),
        "parts": parts,
        "stand_in": options.stand_in,
        "summary": summary,
    }
    write_json(truth / "meta.json", meta)
