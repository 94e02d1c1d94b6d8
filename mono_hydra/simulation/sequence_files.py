"""The files of a simulated sequence that an estimator may read, and how its frames are written.

sequence.yaml   name, camera, T_body_camera, rates, nominal IMU noise
images/000000.jpg ...   images.csv (stamp_s,file)   imu.csv (stamp_s,wx,wy,wz,ax,ay,az)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from mono_hydra.errors import OutputError
from mono_hydra.files.atomic import write_text
from mono_hydra.types import F4, U1, ImuSamples

SEQUENCE_SCHEMA = "mono_hydra/sequence/1"
JPEG_QUALITY = 92
PNG_LEVEL = 1  # fast; true images compress well anyway


def write_sequence_card(path: Path, card: dict[str, Any]) -> None:
    """sequence.yaml."""
    write_text(path, yaml.safe_dump({"schema": SEQUENCE_SCHEMA, **card}, sort_keys=False))


def write_images_table(path: Path, stamps_s: list[float], files: list[str]) -> None:
    """images.csv."""
    rows = [f"{stamp:.6f},{file}" for stamp, file in zip(stamps_s, files, strict=True)]
    write_text(path, "\n".join(["stamp_s,file", *rows]) + "\n")


def write_imu_table(path: Path, imu: ImuSamples) -> None:
    """imu.csv."""
    rows = np.column_stack([imu.stamps_s, imu.gyro_rad_s, imu.accel_m_s2]) + 0.0
    lines = [",".join([f"{row[0]:.6f}", *(f"{x:.8f}" for x in row[1:])]) for row in rows]
    write_text(path, "\n".join(["stamp_s,wx,wy,wz,ax,ay,az", *lines]) + "\n")


def image_name(frame: int) -> str:
    """File of a colour image, relative to the sequence."""
    return f"images/{frame:06d}.jpg"


def write_frame(
    folder: Path,
    frame: int,
    rgb: U1,
    depth_m: F4,
    labels: U1,
    instances: Any,
    jpeg_quality: int = JPEG_QUALITY,
) -> None:
    """One frame's image and its true images, below the sequence folder.

    Raises:
        OutputError: an image cannot be written.
    """
    millimetres = np.round(depth_m * 1000.0)
    depth = np.where(millimetres <= 65535, millimetres, 0).astype(np.uint16)
    png = [
        cv2.IMWRITE_PNG_COMPRESSION,
        PNG_LEVEL,
        cv2.IMWRITE_PNG_STRATEGY,
        cv2.IMWRITE_PNG_STRATEGY_RLE,
    ]
    truth, name = folder / "truth", f"{frame:06d}.png"
    jpeg = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
    _write(folder / image_name(frame), np.ascontiguousarray(rgb[..., ::-1]), jpeg)
    _write(truth / "depth" / name, depth, png)
    _write(truth / "labels" / name, labels, png)
    _write(truth / "instances" / name, instances, png)


def _write(path: Path, image: Any, options: list[int]) -> None:
    done, data = cv2.imencode(path.suffix, image, options)
    if not done:
        raise OutputError(f"{path}: cannot be encoded; report the seed of this sequence")
    path.write_bytes(data.tobytes())
