"""EuRoC MAV and TUM VI, the ASL layout: one camera, IMU, ground truth.

    V1_01_easy/                     give this folder or mav0
      mav0/
        cam0/sensor.yaml            intrinsics, distortion, resolution, T_BS = T_body_camera
        cam0/data.csv               stamp [ns], file name in cam0/data/
        cam0/data/*.png|jpg
        imu0/data.csv               stamp [ns], gyro x y z [rad/s], acceleration x y z [m/s^2]
        state_groundtruth_estimate0/data.csv     stamp [ns], position, quaternion w x y z ...
        mocap0/data.csv             the same for TUM VI
        calibration.yaml            in place of cam0/sensor.yaml: cam0: {intrinsics, T_cam_imu ...}

Any csv may be gzip-packed (data.csv.gz). World z is up; body = IMU. No depth, no labels.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.files.imu_card import read_imu_card
from mono_hydra.sequences.calibration import Calibration, read_calibration
from mono_hydra.sequences.files_source import FileFrame, FileSource
from mono_hydra.sequences.images import IMAGE_SUFFIXES
from mono_hydra.sequences.imu_units import to_si
from mono_hydra.sequences.poses import interpolate_poses, pose_from_quaternion
from mono_hydra.sequences.recorded import RecordedSequence, Selection, rate_of, stack_poses
from mono_hydra.types import F8, SequenceInfo

RATE_HZ = 20.0
TRUTH_FOLDERS = ("state_groundtruth_estimate0", "mocap0")


def open_euroc(path: Path, *, selection: Selection | None = None) -> RecordedSequence:
    """Open an ASL sequence by its folder or its mav0.

    Raises:
        DatasetError: no images, no calibration, or a csv that holds something else.
    """
    mav = path / "mav0" if (path / "mav0").is_dir() else path
    images = _images(mav)
    calibration = _calibration(mav)
    if calibration.size is None:
        raise DatasetError(f"{mav}: the calibration of cam0 states no resolution; add it")
    camera = calibration.camera(*calibration.size)
    T_body_camera = np.eye(4) if calibration.T_body_camera is None else calibration.T_body_camera
    stamps_s = np.array([stamp_ns / 1e9 for stamp_ns, _ in images])
    poses = [
        None if T_world_body is None else T_world_body @ T_body_camera
        for T_world_body in _body_poses(mav, stamps_s)
    ]
    frames = [
        FileFrame(stamp_s=stamp_ns / 1e9, image=image, T_world_camera=pose)
        for (stamp_ns, image), pose in zip(images, poses, strict=True)
    ]
    source = FileSource(frames, camera)
    imu = None
    notes: tuple[str, ...] = ()
    rows = _table(mav / "imu0", 7)
    if len(rows):
        imu, note = to_si(rows[:, 0] / 1e9, rows[:, 1:4], rows[:, 4:7])
        notes = (note,)
    info = SequenceInfo(
        name=(path.resolve().parent if path.name == "mav0" else path.resolve()).name,
        kind="euroc",
        camera=camera,
        n_frames=None,
        rate_hz=rate_of(source.stamps_s, RATE_HZ),
        up_world=(0.0, 0.0, 1.0),
        T_body_camera=calibration.T_body_camera,
        imu=read_imu_card(mav / "imu0" / "sensor.yaml"),
    )
    return RecordedSequence(info, source, selection=selection, imu=imu, notes=notes)


def _images(mav: Path) -> list[tuple[int, Path]]:
    """Stamps in nanoseconds and files, sorted."""
    folder = mav / "cam0" / "data"
    images = []
    for words in _rows(mav / "cam0"):
        if len(words) >= 2 and words[0].isdecimal():
            images.append((int(words[0]), folder / words[1]))
    if not images and folder.is_dir():
        files = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
        images = [(int(p.stem), p) for p in files if p.stem.isdecimal()]
    if not images:
        raise DatasetError(f"{mav / 'cam0'}: no images; the sequence needs data.csv and data/")
    return sorted(images)


def _calibration(mav: Path) -> Calibration:
    for file in (mav / "cam0" / "sensor.yaml", mav / "calibration.yaml"):
        if file.is_file():
            return read_calibration(file)
    raise DatasetError(f"{mav}: no cam0/sensor.yaml; add the calibration of the camera")


def _body_poses(mav: Path, stamps_s: F8) -> list[F8 | None]:
    for name in TRUTH_FOLDERS:
        rows = _table(mav / name, 8)
        if len(rows):
            # the files write w first
            poses = [pose_from_quaternion([*row[1:4], *row[5:8], row[4]]) for row in rows]
            return interpolate_poses(rows[:, 0] / 1e9, stack_poses(poses), stamps_s)
    return [None] * len(stamps_s)


def _table(folder: Path, n_columns: int) -> F8:
    """(N, n_columns) numbers of a data.csv, sorted by stamp; empty without the file."""
    rows = []
    for words in _rows(folder):
        try:
            rows.append([float(word) for word in words[:n_columns]])
        except ValueError as error:
            raise DatasetError(f"{folder / 'data.csv'}: not numbers; fetch it again") from error
    if any(len(row) != n_columns for row in rows):
        raise DatasetError(f"{folder / 'data.csv'}: needs {n_columns} columns; fetch it again")
    table = np.array(rows, dtype=np.float64).reshape(-1, n_columns)
    return np.asarray(table[np.argsort(table[:, 0], kind="stable")])


def _rows(folder: Path) -> list[list[str]]:
    packed, plain = folder / "data.csv.gz", folder / "data.csv"
    try:
        if plain.is_file():
            text = plain.read_text(encoding="utf-8")
        elif packed.is_file():
            text = gzip.decompress(packed.read_bytes()).decode("utf-8")
        else:
            return []
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DatasetError(f"{plain}: cannot be read; fetch it again") from error
    lines = (line.strip() for line in text.splitlines())
    return [[word.strip() for word in line.split(",")] for line in lines if line and line[0] != "#"]
