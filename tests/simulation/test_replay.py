"""A replay keeps the recording's motion and samples, and builds around them."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.errors import SimulationError
from mono_hydra.files.trajectory import read_trajectory
from mono_hydra.geometry import se3
from mono_hydra.simulation.generate import simulate
from mono_hydra.simulation.motion import R_FORWARD_CAMERA, Motion
from mono_hydra.simulation.options import Replay, SimulateOptions
from mono_hydra.simulation.recording import RecordedMotion, find_recording, read_recording

EPOCH_NS = 1_413_393_213_000_000_000


def true_motion() -> tuple[Motion, np.ndarray]:
    """A gentle hand-held loop, and T_body_camera of a camera that looks ahead."""
    t = np.arange(0.0, 9.0, 0.1)
    control = np.column_stack([
        0.8 * np.cos(0.5 * t), 0.8 * np.sin(0.5 * t), 1.3 + 0.1 * np.sin(t),
        0.5 * t, 0.1 * np.sin(1.3 * t), 0.05 * np.cos(t),
    ])  # fmt: skip
    return Motion(control), se3.from_rt(R_FORWARD_CAMERA, np.array([0.04, 0.02, 0.03]))


def write_recording(folder: Path, *, gap: tuple[float, float] | None = None) -> Replay:
    """The motion as EuRoC writes it, gzipped; the IMU starts a little earlier."""
    motion, T_body_camera = true_motion()
    stamps = np.arange(0.05, motion.duration_s, 0.005)
    body = motion.body(stamps, T_body_camera)
    kept = np.ones(len(stamps), bool)
    if gap is not None:
        kept = (stamps < gap[0]) | (stamps > gap[1])
    rows = ["#timestamp [ns],p,q_RS_w [],..."]
    for stamp, T in zip(stamps[kept], body.T_world[kept], strict=True):
        x, y, z, w = se3.quat_xyzw_from_matrix(T[:3, :3])
        numbers = [*T[:3, 3], w, x, y, z]
        rows.append(f"{EPOCH_NS + round(stamp * 1e9)}," + ",".join(f"{v:.9f}" for v in numbers))
    truth = folder / "rec" / "mav0" / "state_groundtruth_estimate0" / "data.csv.gz"
    truth.parent.mkdir(parents=True)
    truth.write_bytes(gzip.compress("\n".join(rows).encode()))
    imu = folder / "rec" / "mav0" / "imu0" / "data.csv"
    imu.parent.mkdir()
    times = np.arange(0.0, motion.duration_s, 0.005)
    lines = [f"{EPOCH_NS + round(t * 1e9)},{t:.6f},0.2,0.3,0.1,0.2,9.8" for t in times]
    imu.write_text("#timestamp [ns],w,...\n" + "\n".join(lines))
    return find_recording(folder / "rec")


def test_the_smooth_path_stays_on_the_recorded_one(tmp_path: Path) -> None:
    motion, T_body_camera = true_motion()
    recording = read_recording(write_recording(tmp_path), None)
    t = np.arange(0.1, recording.motion.duration_s - 0.1, 0.0173)
    wanted, got = motion.body(t + 0.05, T_body_camera), recording.motion.body(t)
    np.testing.assert_allclose(got.T_world, wanted.T_world, atol=5e-4)
    np.testing.assert_allclose(got.velocity_m_s, wanted.velocity_m_s, atol=0.01)
    np.testing.assert_allclose(got.rate_rad_s, wanted.rate_rad_s, atol=0.02)
    np.testing.assert_allclose(recording.T_body_camera, T_body_camera, atol=1e-12)


def test_the_samples_are_the_recorded_ones_on_the_new_clock(tmp_path: Path) -> None:
    recording = read_recording(write_recording(tmp_path), None)
    # the first column of the made-up gyroscope holds its time after the epoch
    np.testing.assert_allclose(
        recording.imu.gyro_rad_s[:, 0] - recording.imu.stamps_s, 0.05, atol=2e-6
    )
    assert recording.imu.stamps_s[0] >= 0.0
    assert recording.imu.stamps_s[-1] <= recording.motion.duration_s
    assert recording.imu_rate_hz == 200.0
    assert recording.name == "rec"


def test_nothing_is_made_up_across_a_gap(tmp_path: Path) -> None:
    replay = write_recording(tmp_path, gap=(3.4, 4.5))
    longest = read_recording(replay, None)
    assert longest.motion.duration_s == pytest.approx(8.7 - 4.5, abs=0.1)
    early = read_recording(Replay(replay.trajectory, replay.imu, start_s=0.2), None)
    assert early.motion.duration_s == pytest.approx(3.4 - 0.25, abs=0.1)
    with pytest.raises(SimulationError, match="--start"):
        read_recording(Replay(replay.trajectory, replay.imu, start_s=2.0), None)


def test_coarse_poses_are_met_exactly() -> None:
    motion, T_body_camera = true_motion()
    stamps = np.arange(0.0, 8.0, 0.05)
    poses = motion.body(stamps, T_body_camera).T_world
    recorded = RecordedMotion(stamps, poses, T_body_camera)
    np.testing.assert_allclose(recorded.body(stamps).T_world, poses, atol=1e-6)
    camera = recorded.camera(stamps[5:-5])
    np.testing.assert_allclose(camera.T_world, motion.camera(stamps[5:-5]).T_world, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "match"),
    [("1,2,3\n" * 20, "columns"), ("", "10 rows"), ("1,2,3,a,5,6,7,8\n" * 20, "numbers"),
     ("5,1,2,3,1,0,0,0\n" * 20, "ascend"), ("5,nan,2,3,1,0,0,0\n" * 20, "finite")],
)  # fmt: skip
def test_wrong_tables_are_refused_in_one_line(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(SimulationError, match=match):
        read_recording(Replay(path, path), None)


def test_a_folder_without_a_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="imu0"):
        find_recording(tmp_path)


def test_a_replay_is_a_whole_sequence(tiny_options, tmp_path: Path) -> None:
    replay = write_recording(tmp_path)
    options = SimulateOptions(
        replay=replay, width=96, height=72, fov_deg=80.0, rate_hz=2.0, light=tiny_options.light
    )
    folder = simulate(options, tmp_path / "out").path
    meta = json.loads((folder / "truth/meta.json").read_text())
    assert meta["kind"] == "replay"
    stamps, poses = read_trajectory(folder / "truth/trajectory.txt")
    motion, _ = true_motion()
    np.testing.assert_allclose(poses, motion.camera(stamps + 0.05).T_world, atol=2e-3)
    samples = np.loadtxt(folder / "imu.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(samples[:, 1], samples[:, 0] + 0.05, atol=2e-6)
    room = json.loads((folder / "truth/rooms.json").read_text())["rooms"][0]
    low, high = np.array(room["polygon"]).min(0), np.array(room["polygon"]).max(0)
    assert (low <= poses[:, :2, 3].min(0) - 1.9).all()
    assert (high >= poses[:, :2, 3].max(0) + 1.9).all()
    assert room["ceiling_z"] > poses[:, 2, 3].max() + 1.0
    visibility = np.load(folder / "truth/visibility.npz")
    assert visibility["pixels"].sum() > 0


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "limit_rad_s"),  # TUM-VI's motion capture is noisier and its motion faster
    [("euroc/V2_01_easy", 0.01), ("euroc/MH_04_difficult", 0.01), ("tum_vi/room1", 0.04)],
)
def test_recorded_samples_belong_to_the_smooth_path(name: str, limit_rad_s: float) -> None:
    root = os.environ.get("MONO_HYDRA_TEST_DATA")
    if not root or not (Path(root) / name).is_dir():
        pytest.skip("MONO_HYDRA_TEST_DATA has no such recording")
    recording = read_recording(find_recording(Path(root) / name), 30.0)
    stamps = recording.imu.stamps_s
    body = recording.motion.body(stamps)
    off = recording.imu.gyro_rad_s - recording.gyro_bias_rad_s - body.rate_rad_s
    kernel = np.ones(20) / 20.0  # 0.1 s: noise of single samples is not the path's
    smooth = np.stack([np.convolve(c, kernel, "valid") for c in off.T], axis=1)
    assert np.median(np.linalg.norm(smooth, axis=1)) < limit_rad_s
