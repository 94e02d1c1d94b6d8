"""What to simulate, and the random numbers of each step.

Every random choice comes from `seed`, split by the step's name, so that another texture never moves
a wall.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mono_hydra.geometry.camera import camera_from_fov
from mono_hydra.simulation.camera_effects import CameraOptions
from mono_hydra.simulation.light import LightOptions
from mono_hydra.simulation.sequence_files import JPEG_QUALITY
from mono_hydra.types import Camera

HouseKind = Literal["flat", "office", "open_plan", "two_storey", "plain", "demo"]

# exposure, white balance, noise and vignetting of an ordinary camera; no motion in the exposure
STEADY_CAMERA = CameraOptions(max_shutter_s=0.0, readout_s=0.0, jpeg_quality=0)
MOVING_CAMERA = CameraOptions(jpeg_quality=0)  # with motion blur and rolling shutter


@dataclass(frozen=True)
class Replay:
    """A recording whose motion and inertial samples are used instead of a walk."""

    trajectory: Path  # EuRoC or TUM-VI csv: nanoseconds, position, quaternion w x y z
    imu: Path  # csv: nanoseconds, rad/s, m/s2
    camera_card: Path | None = None  # EuRoC sensor.yaml or TUM-VI calibration.yaml of the camera
    imu_card: Path | None = None  # of the inertial sensor's noise
    start_s: float = 0.0  # of the recording's ground truth


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
    jpeg_quality: int = JPEG_QUALITY  # of the files
    people: int = 0  # walking about
    fault: str | None = None  # one of `faults.FAULTS`
    replay: Replay | None = None  # kind and n_rooms are not used with it

    def camera_model(self) -> Camera:
        """The camera asked for."""
        return self.camera or camera_from_fov(self.width, self.height, self.fov_deg)


def generator(seed: int, step: str) -> np.random.Generator:
    """The random numbers of one step of one seed."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(step.encode())]))
