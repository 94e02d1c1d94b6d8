"""What a sequence is rendered from: a scene, a motion through it, and what its IMU says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.geometry import se3
from mono_hydra.simulation import plan
from mono_hydra.simulation.checks import check_house, check_imu, check_walk
from mono_hydra.simulation.detour import Detour
from mono_hydra.simulation.faults import span_of
from mono_hydra.simulation.house import House
from mono_hydra.simulation.imu import DEVICES, ImuNoise, SensedImu, sense
from mono_hydra.simulation.light import TimeOfDay
from mono_hydra.simulation.motion import MotionState
from mono_hydra.simulation.options import SimulateOptions, generator
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.simulation.walk import Walk, WalkOptions, plan_walk
from mono_hydra.types import F8


class Path3D(Protocol):
    """A camera's path; stamps outside 0..`duration_s` hold its ends."""

    @property
    def duration_s(self) -> float:
        """Of the whole path."""

    def camera(self, stamps_s: F8) -> MotionState:
        """Motion of the camera."""


class BodyPath(Path3D, Protocol):
    """A path that tells the motion of the body that carries the camera, too."""

    def body(self, stamps_s: F8, T_body_camera: F8) -> MotionState:
        """Motion of the body (IMU)."""


@dataclass(frozen=True, eq=False)
class CutPath:
    """A path that jumps back at one moment, as two recordings joined do."""

    whole: BodyPath
    cut_s: float
    back_s: float

    @property
    def duration_s(self) -> float:
        """Of both parts together."""
        return self.whole.duration_s

    def camera(self, stamps_s: F8) -> MotionState:
        """Motion of the camera."""
        return replace(self.whole.camera(self._cut(stamps_s)), stamps_s=np.array(stamps_s))

    def body(self, stamps_s: F8, T_body_camera: F8) -> MotionState:
        """Motion of the body; its jump takes no time, so no inertial sample feels it."""
        return replace(
            self.whole.body(self._cut(stamps_s), T_body_camera), stamps_s=np.array(stamps_s)
        )

    def _cut(self, stamps_s: F8) -> F8:
        stamps = np.asarray(stamps_s, np.float64)
        return np.where(stamps < self.cut_s, stamps, stamps - self.back_s)


def cut_path(whole: BodyPath, cut_s: float) -> CutPath:
    """A path cut there; it goes on with the earlier moment that lies farthest away."""
    earlier_s = np.arange(0.1 * cut_s, 0.9 * cut_s, 0.1)
    at = whole.camera(np.append(earlier_s, cut_s)).T_world[:, :3, 3]
    farthest = int(np.linalg.norm(at[:-1] - at[-1], axis=1).argmax())
    return CutPath(whole, cut_s, cut_s - float(earlier_s[farthest]))


@dataclass(frozen=True, eq=False)
class Journey:
    """Everything that is fixed before the first image is drawn."""

    scene: HouseScene
    motion: Path3D
    body: MotionState  # at the inertial samples' true times
    imu: SensedImu
    noise: ImuNoise
    T_body_camera: F8  # (4, 4)
    imu_rate_hz: float
    name: str
    time: TimeOfDay | None = None  # of the light; None: drawn by the seed
    detour_s: tuple[float, float] | None = None  # when a detour that was asked for happens


def home_journey(options: SimulateOptions, detour: Detour | None = None) -> Journey:
    """A walk through the home asked for.

    Raises:
        SimulationError: the request cannot be met.
    """
    scene, walk = make_house_and_walk(options, detour)
    T_body_camera = body_camera(options.seed)
    motion: BodyPath = walk.motion
    if options.fault == "cut":
        motion = cut_path(motion, span_of("cut", motion.duration_s, None)[0])
    body = motion.body(_imu_stamps(walk, options), T_body_camera)
    noise = DEVICES[options.imu_device]
    rng = generator(options.seed, "imu")
    imu = sense(body, options.imu_rate_hz, noise, rng, options.time_offset_s)
    name = options.name or f"{options.kind}_{options.seed}"
    return Journey(
        scene, motion, body, imu, noise, T_body_camera, options.imu_rate_hz, name,
        detour_s=walk.detour_s,
    )  # fmt: skip


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


def make_house_and_walk(
    options: SimulateOptions, detour: Detour | None = None
) -> tuple[HouseScene, Walk]:
    """The first house of the seed with a walk that sees every room, and that walk.

    Raises:
        SimulationError: none of the seed's houses serves; names why the last one did not.
    """
    camera = options.camera_model()
    walk_options = WalkOptions(
        duration_s=options.duration_s, still_s=options.still_s, detour=detour
    )
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


def _imu_stamps(walk: Walk, options: SimulateOptions) -> F8:
    n = int(walk.motion.duration_s * options.imu_rate_hz) + 1
    return np.asarray(np.round(np.arange(n) / options.imu_rate_hz, 6))
