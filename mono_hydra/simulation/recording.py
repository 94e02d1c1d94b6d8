"""A recorded motion with its inertial samples: EuRoC and TUM-VI csv files, and a smooth path.

Files: `stamp_ns, px, py, pz, qw, qx, qy, qz`, at times with velocity and biases (gyroscope, then
accelerometer) behind, world from body = IMU, world z up; and `stamp_ns, wx, wy, wz, ax, ay, az`.
Also gzip. Stamps with a decimal point are seconds.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from mono_hydra.errors import DatasetError, SimulationError
from mono_hydra.files.imu_card import read_imu_card
from mono_hydra.geometry import se3
from mono_hydra.simulation.imu import DEVICES, ImuNoise
from mono_hydra.simulation.motion import R_FORWARD_CAMERA, MotionState
from mono_hydra.simulation.options import Replay
from mono_hydra.types import F8, ImuSamples

MAX_GAP_S = 0.25  # of the ground truth; the path across a longer one is not known
MIN_DURATION_S = 3.0
KNOT_S = 0.02  # at least; finer ground truth is averaged over about one knot
TRAJECTORIES = ("state_groundtruth_estimate0", "mocap0", "vicon0", "leica0")


@dataclass(frozen=True, eq=False)
class Recording:
    """A stretch of a recording, its clock started at 0."""

    name: str
    motion: RecordedMotion
    imu: ImuSamples
    gyro_bias_rad_s: F8  # (N, 3) at the inertial samples, 0 where not known
    accel_bias_m_s2: F8  # (N, 3)
    T_body_camera: F8  # (4, 4)
    noise: ImuNoise
    imu_rate_hz: float


class RecordedMotion:
    """A C2 path through recorded poses of the body; stamps outside hold its ends."""

    def __init__(self, stamps_s: F8, T_world_body: F8, T_body_camera: F8) -> None:
        """`stamps_s` (N,) from 0 on, `T_world_body` (N, 4, 4)."""
        self.duration_s = float(stamps_s[-1])
        self._T_body_camera = T_body_camera
        step = max(KNOT_S, float(np.median(np.diff(stamps_s))))
        knots = np.linspace(0.0, self.duration_s, max(4, round(self.duration_s / step) + 1))
        position, rotation = _averaged(stamps_s, T_world_body, knots)
        self._position = CubicSpline(knots, position)
        self._rotation = RotationSpline(knots, rotation)

    def body(self, stamps_s: F8) -> MotionState:
        """Motion of the body."""
        stamps = np.asarray(stamps_s, np.float64)
        inside = np.clip(stamps, 0.0, self.duration_s)
        moving = (stamps == inside)[:, None]
        T = np.tile(np.eye(4), (len(stamps), 1, 1))
        T[:, :3, :3] = self._rotation(inside).as_matrix()
        T[:, :3, 3] = self._position(inside)
        return MotionState(
            stamps, T,
            np.where(moving, self._position(inside, 1), 0.0),
            np.where(moving, self._position(inside, 2), 0.0),
            np.where(moving, self._rotation(inside, 1), 0.0),
            np.where(moving, self._rotation(inside, 2), 0.0),
        )  # fmt: skip

    def camera(self, stamps_s: F8) -> MotionState:
        """Motion of the camera."""
        body = self.body(stamps_s)
        R_body_camera, arm = self._T_body_camera[:3, :3], self._T_body_camera[:3, 3]
        R, w, dw = body.T_world[:, :3, :3], body.rate_rad_s, body.rate_change_rad_s2
        swing = np.cross(w, arm)
        lift = np.cross(dw, arm) + np.cross(w, swing)
        return MotionState(
            body.stamps_s,
            body.T_world @ self._T_body_camera,
            body.velocity_m_s + np.einsum("nij,nj->ni", R, swing),
            body.acceleration_m_s2 + np.einsum("nij,nj->ni", R, lift),
            w @ R_body_camera,
            dw @ R_body_camera,
        )


def find_recording(folder: Path) -> Replay:
    """The files of a recording in EuRoC's or TUM-VI's layout.

    Raises:
        SimulationError: the folder holds no such recording.
    """
    base = folder / "mav0" if (folder / "mav0").is_dir() else folder
    trajectory = next((f for n in TRAJECTORIES if (f := _table_in(base / n)) is not None), None)
    imu = _table_in(base / "imu0")
    if trajectory is None or imu is None:
        raise SimulationError(
            f"{folder}: needs {TRAJECTORIES[0]}/data.csv (or mocap0) and imu0/data.csv below mav0"
        )
    cards = [base / "cam0" / "sensor.yaml", base / "calibration.yaml"]
    card = next((c for c in cards if c.is_file()), None)
    noise = next((c for c in (base / "imu0" / "sensor.yaml", cards[1]) if c.is_file()), None)
    return Replay(trajectory, imu, card, noise)


def read_recording(replay: Replay, duration_s: float | None) -> Recording:
    """The stretch asked for, or the longest one whose ground truth has no gap.

    Raises:
        SimulationError: a file cannot be read, or there is no whole stretch there.
    """
    truth, samples = _table(replay.trajectory, 8), _table(replay.imu, 7)
    origin = truth[0, 0]
    stamps = (truth[:, 0] - origin).astype(np.float64)
    imu_stamps = (samples[:, 0] - origin).astype(np.float64)
    low, high = max(0.0, imu_stamps[0]), min(stamps[-1], imu_stamps[-1])
    first, last = _stretch(replay, stamps, low, high, duration_s)
    kept = (stamps >= first - 1e-9) & (stamps <= last + 1e-9)
    begin = stamps[kept][0]
    T_body_camera = _body_camera(replay.camera_card)
    motion = RecordedMotion(stamps[kept] - begin, _poses(truth[kept]), T_body_camera)
    inside = (imu_stamps >= begin) & (imu_stamps <= begin + motion.duration_s)
    values = samples[inside, 1:7].astype(np.float64)
    imu = ImuSamples(imu_stamps[inside] - begin, values[:, :3], values[:, 3:])
    biases = np.zeros((int(inside.sum()), 6))
    if truth.shape[1] >= 17:
        known = truth[:, 11:17].astype(np.float64)
        biases = np.column_stack([np.interp(imu_stamps[inside], stamps, b) for b in known.T])
    rate_hz = float(np.round(1.0 / np.median(np.diff(imu.stamps_s)), 1))
    return Recording(
        _name(replay.trajectory), motion, imu, biases[:, :3], biases[:, 3:], T_body_camera,
        _noise(replay.imu_card), rate_hz,
    )  # fmt: skip


def read_trajectory(path: Path) -> tuple[F8, F8]:
    """Stamps (N,) in seconds, as recorded, and T_world_body (N, 4, 4) of a file of ground truth.

    Raises:
        SimulationError: the file cannot be read.
    """
    truth = _table(path, 8)
    return truth[:, 0].astype(np.float64), _poses(truth)


def _poses(truth: Any) -> F8:
    """T_world_body (N, 4, 4) of rows of stamp, position and quaternion, w first."""
    quats_wxyz = truth[:, 4:8].astype(np.float64)
    quats = np.roll(quats_wxyz / np.linalg.norm(quats_wxyz, axis=1, keepdims=True), -1, axis=1)
    poses = np.tile(np.eye(4), (len(truth), 1, 1))
    poses[:, :3, :3] = Rotation.from_quat(quats).as_matrix()
    poses[:, :3, 3] = truth[:, 1:4].astype(np.float64)
    return poses


def _stretch(
    replay: Replay, stamps_s: F8, low: float, high: float, duration_s: float | None
) -> tuple[float, float]:
    """First and last second of the piece to use, on the clock of the ground truth."""
    ends = np.flatnonzero(np.diff(stamps_s) > MAX_GAP_S)
    firsts = stamps_s[np.concatenate([[0], ends + 1])]
    lasts = stamps_s[np.concatenate([ends, [len(stamps_s) - 1]])]
    pieces = [(max(a, low), min(b, high)) for a, b in zip(firsts, lasts, strict=True)]
    if replay.start_s > 0.0:
        pieces = [(max(a, replay.start_s), b) for a, b in pieces if a <= replay.start_s < b]
    first, last = max(pieces, key=lambda p: p[1] - p[0], default=(0.0, 0.0))
    if duration_s is not None:
        last = min(last, first + duration_s)
    if last - first < MIN_DURATION_S:
        raise SimulationError(
            f"{replay.trajectory}: no {MIN_DURATION_S:g} s without a gap from "
            f"{replay.start_s:g} s on; give another --start"
        )
    return first, last


def _averaged(stamps_s: F8, T_world_body: F8, knots_s: F8) -> tuple[F8, Rotation]:
    """Positions (K, 3) and rotations at the knots: bell-shaped means of the samples."""
    width = 0.5 * (knots_s[1] - knots_s[0])
    nearest = np.clip(np.searchsorted(stamps_s, knots_s), 1, len(stamps_s) - 1)
    nearest -= (knots_s - stamps_s[nearest - 1]) < (stamps_s[nearest] - knots_s)
    dense = np.median(np.diff(stamps_s)) < 1.2 * width
    if not dense:  # samples as coarse as the knots: nothing to average
        inside = np.clip(knots_s, stamps_s[0], stamps_s[-1])
        rotation = RotationSpline(stamps_s, Rotation.from_matrix(T_world_body[:, :3, :3]))
        return CubicSpline(stamps_s, T_world_body[:, :3, 3])(inside), rotation(inside)
    reach = 6
    index = np.clip(nearest[:, None] + np.arange(-reach, reach + 1), 0, len(stamps_s) - 1)
    weight = np.exp(-0.5 * ((stamps_s[index] - knots_s[:, None]) / width) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    position = np.einsum("kn,knc->kc", weight, T_world_body[index, :3, 3])
    middle = Rotation.from_matrix(T_world_body[nearest, :3, :3])
    turned = np.zeros((len(knots_s), 3))
    for column in range(index.shape[1]):
        other = Rotation.from_matrix(T_world_body[index[:, column], :3, :3])
        turned += weight[:, column, None] * (middle.inv() * other).as_rotvec()
    return position, middle * Rotation.from_rotvec(turned)


def _table_in(folder: Path) -> Path | None:
    names = ("data.csv", "data.csv.gz")
    return next((folder / n for n in names if (folder / n).is_file()), None)


def _table(path: Path, columns: int) -> Any:
    """(N, >= columns) numbers, ascending stamps in seconds in the first column; extended floats."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
        lines = [line for line in text.splitlines() if line[:1].isdigit()]
        is_seconds = bool(lines) and "." in lines[0].replace(";", ",").split(",")[0]
        # nanoseconds since 1970 do not fit a double to the microsecond once turned into seconds
        rows = [[np.longdouble(v) for v in line.split(",")] for line in lines]
        table = np.array(rows)
    except (OSError, UnicodeDecodeError, ValueError, EOFError) as error:
        raise SimulationError(f"{path}: cannot be read as a table of numbers; check it") from error
    if table.ndim != 2 or len(table) < 10 or table.shape[1] < columns:
        raise SimulationError(f"{path}: needs 10 rows or more of {columns} columns, comma between")
    if not np.isfinite(table.astype(np.float64)).all():
        raise SimulationError(f"{path}: holds a value that is not finite; remove that row")
    if not is_seconds:
        table[:, 0] *= np.longdouble("1e-9")
    if (np.diff(table[:, 0]) <= 0).any():
        raise SimulationError(f"{path}: stamps must ascend; sort the rows and remove doubled ones")
    return table


def _card(path: Path) -> dict[str, Any]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        # OpenCV's dialect begins with a line that a YAML reader refuses
        card = yaml.safe_load("\n".join(k for k in lines if not k.startswith("%YAML")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SimulationError(f"{path}: cannot be read as YAML; check it") from error
    if not isinstance(card, dict):
        raise SimulationError(f"{path}: holds no calibration")
    return card


def _body_camera(path: Path | None) -> F8:
    """T_body_camera of a card; without one the camera sits in the body and looks along its x."""
    if path is None:
        return se3.from_rt(R_FORWARD_CAMERA, np.array([0.04, 0.02, 0.03]))
    card = _card(path)
    try:
        if "T_BS" in card:
            T = np.array(card["T_BS"]["data"], np.float64).reshape(4, 4)
        else:
            T = se3.inverse(np.array(card["cam0"]["T_cam_imu"], np.float64).reshape(4, 4))
    except (KeyError, TypeError, ValueError) as error:
        raise SimulationError(f"{path}: needs T_BS or cam0.T_cam_imu, a 4x4 matrix") from error
    if not se3.is_rigid(T):
        raise SimulationError(f"{path}: the camera's matrix is not a rotation and a translation")
    return np.asarray(T)


def _noise(path: Path | None) -> ImuNoise:
    """Noise densities of a card, EuRoC's without one."""
    if path is None:
        return DEVICES["euroc"]
    try:
        card = read_imu_card(path)
    except DatasetError as error:
        raise SimulationError(str(error)) from error
    if card is None:
        raise SimulationError(f"{path}: lacks a noise density of gyroscope or accelerometer")
    return ImuNoise(card.gyro, card.gyro_walk, card.accel, card.accel_walk)


def _name(trajectory: Path) -> str:
    """A recording's folder above mav0, else the file's own name."""
    for above in trajectory.parents:
        if above.name == "mav0":
            return above.parent.name
    return trajectory.name.split(".")[0]
