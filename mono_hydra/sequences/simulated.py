"""A simulated sequence with its truth beside it.

    any_name/
      sequence.yaml      name, camera, T_body_camera, rates, nominal IMU noise
      images/000000.jpg ...     images.csv (stamp_s,file)     imu.csv (stamp_s,wx,wy,wz,ax,ay,az)
      truth/             trajectory.txt, depth/*.png (mm), labels/*.png ...

The truth folder is read by `reference()` alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mono_hydra.errors import DatasetError
from mono_hydra.files.imu_card import imu_card_of
from mono_hydra.files.trajectory import read_trajectory
from mono_hydra.sequences.base import Reference
from mono_hydra.sequences.files_source import FileFrame, FileSource
from mono_hydra.sequences.recorded import RecordedReference, RecordedSequence
from mono_hydra.types import F8, Camera, Frame, ImuSamples, SequenceInfo

MAX_STAMP_DIFFERENCE_S = 0.001
WORLD_UP = (0.0, 0.0, 1.0)


class SimulatedSequence:
    """Frames and inertial samples; poses, depth and labels only through `reference()`."""

    def __init__(self, path: Path | str) -> None:
        """Open the folder.

        Raises:
            DatasetError: the card or the table of images is missing or wrong.
        """
        self.path = Path(path)
        card = _card(self.path / "sequence.yaml")
        camera = _camera(self.path, card)
        self._images = _images(self.path)
        truth = self.path / "truth"
        imu = _imu(self.path / "imu.csv")
        info = SequenceInfo(
            name=str(card.get("name", self.path.name)),
            kind="simulated",
            camera=camera,
            n_frames=len(self._images),
            rate_hz=float(card.get("rate_hz", 15.0)),
            has_imu=imu is not None,
            has_poses=(truth / "trajectory.txt").is_file(),
            has_depth=(truth / "depth").is_dir(),
            has_labels=(truth / "labels").is_dir(),
            label_space=str(card.get("label_space", "nyu40")),
            up_world=WORLD_UP,
            T_body_camera=_matrix(self.path, card.get("T_body_camera")),
            imu=None if imu is None else imu_card_of(card.get("imu")),
            readout_s=_readout_s(self.path, card),
            stand_in=bool(card.get("stand_in", False)),
        )
        files = [FileFrame(stamp, self.path / name) for stamp, name in self._images]
        self._recorded = RecordedSequence(info, FileSource(files, camera), imu=imu)
        self.info = info
        self.skipped = self._recorded.skipped
        self.card = card

    def frames(self) -> Iterator[Frame]:
        """Readable frames in the order of their stamps."""
        return self._recorded.frames()

    def imu(self) -> ImuSamples | None:
        """All inertial samples, None without an IMU."""
        return self._recorded.imu()

    def reference(self) -> Reference:
        """True poses, depth and labels of the images' stamps.

        Raises:
            DatasetError: the truth folder is not there or its trajectory cannot be read.
        """
        truth = self.path / "truth"
        if not self.info.has_poses:
            raise DatasetError(f"{truth}: holds no trajectory; make the sequence again")
        stamps_s, T_world_camera = read_trajectory(truth / "trajectory.txt")
        files = []
        for stamp, name in self._images:
            number = int(np.argmin(np.abs(stamps_s - stamp)))
            known = abs(stamps_s[number] - stamp) <= MAX_STAMP_DIFFERENCE_S
            image = f"{number:06d}.png"
            files.append(
                FileFrame(
                    stamp,
                    self.path / name,
                    depth=truth / "depth" / image if known else None,
                    labels=truth / "labels" / image if known else None,
                    T_world_camera=T_world_camera[number] if known else None,
                )
            )
        source = FileSource(files, self.info.camera)
        info = replace(self.info, has_poses=True)
        return RecordedReference(info, source, self._count)

    def _count(self, reason: str, index: int) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


def _card(path: Path) -> dict[str, Any]:
    try:
        card = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetError(f"{path}: cannot be read; make the sequence again") from error
    if not isinstance(card, dict) or not isinstance(card.get("camera"), dict):
        raise DatasetError(f"{path}: holds no camera; make the sequence again")
    return card


def _camera(path: Path, card: dict[str, Any]) -> Camera:
    try:
        values = dict(card["camera"])
        return Camera(
            int(values["width"]), int(values["height"]), float(values["fx"]), float(values["fy"]),
            float(values["cx"]), float(values["cy"]), values.get("model", "pinhole"),
            tuple(float(k) for k in values.get("distortion", ())),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path / 'sequence.yaml'}: wrong camera ({error}); make the sequence again"
        ) from error


def _matrix(path: Path, value: Any) -> F8 | None:
    if value is None:
        return None
    matrix = np.array(value, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise DatasetError(f"{path / 'sequence.yaml'}: T_body_camera must be a 4x4 matrix")
    return matrix


def _images(path: Path) -> list[tuple[float, str]]:
    table = path / "images.csv"
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [(float(row["stamp_s"]), str(row["file"])) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{table}: needs columns stamp_s,file; make the sequence again"
        ) from error
    if not rows:
        raise DatasetError(f"{table}: names no images; nothing to run on")
    return rows


def _imu(path: Path) -> ImuSamples | None:
    if not path.is_file():
        return None
    try:
        rows = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as inertial samples; make it again") from error
    if rows.size == 0:
        return None
    if rows.shape[1] != 7:
        raise DatasetError(f"{path}: needs 7 columns stamp_s,wx,wy,wz,ax,ay,az")
    return ImuSamples(rows[:, 0], rows[:, 1:4], rows[:, 4:7])


def _readout_s(path: Path, card: dict[str, Any]) -> float:
    try:
        readout_s = float(card.get("readout_s", 0.0))
    except (TypeError, ValueError):
        readout_s = float("nan")
    if not 0.0 <= readout_s < 1.0:
        raise DatasetError(f"{path}/sequence.yaml: readout_s must be seconds from 0 to 1")
    return readout_s
