"""Noise densities of an IMU, as recordings state them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mono_hydra.errors import DatasetError
from mono_hydra.types import ImuCard

# our own cards' names, then Kalibr's and EuRoC's
_NAMES = {
    "gyro": ("gyro_noise", "gyroscope_noise_density"),
    "gyro_walk": ("gyro_walk", "gyroscope_random_walk"),
    "accel": ("accel_noise", "accelerometer_noise_density"),
    "accel_walk": ("accel_walk", "accelerometer_random_walk"),
}


def imu_card_of(data: Any) -> ImuCard | None:
    """The card of a mapping; None where a density is missing or no positive number.

    Kalibr's files hold it under `imu0`.
    """
    if isinstance(data, dict):
        data = data.get("imu0", data)
    if not isinstance(data, dict):
        return None
    found = {
        key: next((data[name] for name in names if name in data), None)
        for key, names in _NAMES.items()
    }
    rate_hz = data.get("rate_hz", data.get("update_rate", 200.0))
    offset_s, factor = data.get("time_offset_s", 0.0), data.get("noise_factor")
    try:
        densities = {key: float(str(value)) for key, value in found.items()}
        card = ImuCard(
            **densities, rate_hz=float(str(rate_hz)), time_offset_s=float(str(offset_s)),
            noise_factor=None if factor is None else float(str(factor)),
        )  # fmt: skip
    except (TypeError, ValueError):
        return None
    is_usable = card.rate_hz > 0.0 and min(densities.values()) >= 0.0
    is_usable &= card.noise_factor is None or card.noise_factor > 0.0
    return card if is_usable else None


def read_imu_card(path: Path) -> ImuCard | None:
    """The card of a YAML file, OpenCV's dialect included; None without the file or its densities.

    Raises:
        DatasetError: the file is there and cannot be read.
    """
    if not path.is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.startswith("%"))
        return imu_card_of(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DatasetError(f"{path}: cannot be read; fetch it again") from error
