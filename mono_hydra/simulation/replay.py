"""A recorded motion, its inertial samples as they are, and a hall built around it."""

from __future__ import annotations

import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.simulation.checks import check_house
from mono_hydra.simulation.hall import hall_scene
from mono_hydra.simulation.imu import SensedImu
from mono_hydra.simulation.journey import Journey
from mono_hydra.simulation.options import SimulateOptions
from mono_hydra.simulation.recording import read_recording
from mono_hydra.simulation.walk import CAMERA_CLEARANCE_M

N_VIEWS = 40


def replay_journey(options: SimulateOptions) -> Journey:
    """The journey of `options.replay`; images follow its smoothed ground truth.

    Raises:
        SimulationError: the recording cannot be read or used.
    """
    assert options.replay is not None
    recording = read_recording(options.replay, options.duration_s)
    motion = recording.motion
    dense = motion.camera(np.arange(0.0, motion.duration_s, 0.05)).T_world
    views = dense[np.linspace(0, len(dense) - 1, N_VIEWS).astype(int)]
    scene = hall_scene(dense[:, :3, 3], views, options.camera_model(), options.seed)
    check_house(scene.house)
    if scene.distance(dense[:, :3, 3]).min() < CAMERA_CLEARANCE_M:
        raise SimulationError(
            f"{options.replay.trajectory}: the hall of seed {options.seed} touches the path; "
            "use another seed and report this one"
        )
    imu = SensedImu(recording.imu, recording.gyro_bias_rad_s, recording.accel_bias_m_s2)
    return Journey(
        scene, motion, motion.body(recording.imu.stamps_s), imu, recording.noise,
        recording.T_body_camera, recording.imu_rate_hz, f"replay_{recording.name}", "night",
    )  # fmt: skip
