"""Rows that are read one after another: sights are taken back to the stamp."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.geometry import se3
from mono_hydra.simulation.imu import DEVICES, sense
from mono_hydra.simulation.motion import KNOT_S, Motion
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.inertial_tracker import InertialTracker, TrackerOptions
from mono_hydra.tracking.rolling_shutter import at_the_stamp, camera_motion, row_delay_s
from mono_hydra.types import F8, Frame, Prediction
from tests.tracking.wall import CAMERA, PIXEL_M, WALL_M, patterned, view

READOUT_S, END_S = 0.03, 6.0
T_BODY_CAMERA = se3.from_rt(
    np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([0.05, 0.02, 0.0])
)
WALL = patterned()


def test_sights_come_back_to_where_the_stamp_had_them() -> None:
    rng = np.random.default_rng(0)
    rate, velocity = np.array([0.8, -1.2, 0.5]), np.array([0.6, -0.3, 0.4])
    points_m = np.column_stack([rng.uniform(-1.5, 1.5, (50, 2)), np.full(50, 2.5)])
    row_s = row_delay_s(rng.uniform(0, 240, 50), 240, READOUT_S)
    assert np.abs(row_s).max() <= 0.5 * READOUT_S
    seen = []
    for x, t in zip(points_m, row_s, strict=True):
        y = se3.exp_so3(rate * t).T @ (x - velocity * t)
        seen.append(y[:2] / y[2])
    true = points_m[:, :2] / points_m[:, 2:]
    found = at_the_stamp(np.array(seen), row_s, rate, velocity, 2.5)
    before, after = (np.abs(np.array(p) - true).max() for p in (seen, found))
    assert before > 0.01
    assert after < 0.02 * before


def test_the_camera_moves_with_the_body_and_around_it() -> None:
    T_world_body = se3.exp(np.array([0.3, -0.2, 0.7, 1.0, 2.0, 0.5]))
    w, v = np.array([0.2, 0.5, -0.4]), np.array([0.3, -0.1, 0.2])
    rate, velocity = camera_motion(w, v, T_world_body[:3, :3], T_BODY_CAMERA)
    step = 1e-6
    later = T_world_body.copy()
    later[:3, :3] = later[:3, :3] @ se3.exp_so3(w * step)
    later[:3, 3] += v * step
    moved = se3.log(se3.inverse(T_world_body @ T_BODY_CAMERA) @ later @ T_BODY_CAMERA) / step
    np.testing.assert_allclose(np.r_[rate, velocity], moved, atol=1e-5)


def motion() -> Motion:
    """After a rest, quick turns to and fro and some steps before the wall."""
    t = KNOT_S * np.arange(int(END_S / KNOT_S) + 4)
    moving = np.clip(t - 1.5, 0.0, None)
    soft = np.minimum(moving, 1.0)
    control = np.zeros((len(t), 6))
    control[:, 0] = 0.6 * np.sin(1.1 * moving) * soft
    control[:, 1] = 0.3 * np.sin(1.9 * moving) * soft
    control[:, 2] = 1.5
    control[:, 3] = np.pi / 2 + 0.35 * np.sin(3.5 * moving) * soft
    control[:, 4] = 0.2 * np.sin(4.3 * moving) * soft
    return Motion(control)


def rolling_view(path: Motion, stamp_s: float, index: int) -> tuple[Frame, Prediction]:
    """The wall, each row of the picture from where the camera is when it is read."""
    rows = row_delay_s(np.arange(CAMERA.height), CAMERA.height, READOUT_S) + stamp_s
    T = path.camera(rows).T_world
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    rays = np.stack(
        [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], axis=-1
    )
    along = np.einsum("hij,hwj->hwi", T[:, :3, :3], rays)
    z = (WALL_M - T[:, None, 1, 3]) / along[..., 1]
    point = T[:, None, :3, 3] + along * z[..., None]
    column = np.clip((point[..., 0] + 6.0) / PIXEL_M, 0, WALL.shape[1] - 1).astype(int)
    row = np.clip((3.0 - point[..., 2]) / PIXEL_M, 0, WALL.shape[0] - 1).astype(int)
    rgb = np.repeat(WALL[row, column][..., None], 3, axis=2)
    _, prediction = view(WALL, path.camera(np.array([stamp_s])).T_world[0], stamp_s, index)
    return Frame(index, stamp_s, rgb, CAMERA), replace(prediction, rgb=rgb)


class NoDepth:
    """Tracking that begins at rest needs none."""

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        return None


@pytest.fixture(scope="module")
def errors_m() -> dict[float, float]:
    """Mean position error with the readout taken for nothing, and for what it is."""
    path, stamps_s = motion(), np.arange(0.0, END_S, 1.0 / 200.0)
    samples = sense(
        path.body(stamps_s, T_BODY_CAMERA), 200.0, DEVICES["tumvi"], np.random.default_rng(0)
    ).samples
    trackers = {
        readout_s: InertialTracker(
            samples, T_BODY_CAMERA, NoDepth(),
            TrackerOptions(
                FilterOptions(imu=ImuModel(DEVICES["tumvi"].scaled(2.0)), focal_px=CAMERA.fx),
                readout_s=readout_s,
            ),
        )
        for readout_s in (0.0, READOUT_S)
    }  # fmt: skip
    found: dict[float, list[tuple[F8, F8]]] = {r: [] for r in trackers}
    for k, stamp_s in enumerate(np.arange(0.0, END_S - 0.1, 1.0 / 12.0).tolist()):
        frame, prediction = rolling_view(path, stamp_s, k)
        T = path.camera(np.array([stamp_s])).T_world[0]
        for readout_s, tracker in trackers.items():
            tracked = tracker.step(frame)
            if tracked is not None:
                found[readout_s].append((tracked.T_world_camera, T))
                if k % 3 == 0:
                    tracker.observe(frame, prediction)
    errors = {}
    for readout_s, pairs in found.items():
        T_truth_map = pairs[0][1] @ se3.inverse(pairs[0][0])
        errors[readout_s] = float(
            np.mean([np.linalg.norm((T_truth_map @ a - b)[:3, 3]) for a, b in pairs])
        )
    return errors


def test_a_known_readout_makes_poses_better(errors_m: dict[float, float]) -> None:
    assert errors_m[READOUT_S] < 0.04
    assert errors_m[READOUT_S] < 0.7 * errors_m[0.0]
