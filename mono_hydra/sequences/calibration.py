"""Read a camera's calibration in the spellings that recordings use.

Understood: a text file with a 3x3 or 4x4 matrix or with `fx fy cx cy [width height]`; YAML or JSON
with `fx fy cx cy`, `intrinsics`, `camera_matrix` or `K` (OpenCV's dialect and Kalibr's included),
`resolution` or `width height` or `image_width image_height`, `distortion_model`,
`distortion_coefficients` or `distortion`, `T_BS` or `T_cam_imu`, `depth_units_per_metre`, `up`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mono_hydra.errors import DatasetError
from mono_hydra.geometry import se3
from mono_hydra.types import F8, Camera, CameraModel

_MODELS: dict[str, CameraModel] = {
    "": "pinhole",
    "none": "pinhole",
    "pinhole": "pinhole",
    "radtan": "radtan",
    "radial-tangential": "radtan",
    "plumb_bob": "radtan",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
    "kannala_brandt": "fisheye",
}


@dataclass(frozen=True)
class Calibration:
    """What a calibration file says; the image size may have to come from the images."""

    fx: float
    fy: float
    cx: float
    cy: float
    size: tuple[int, int] | None = None  # width, height
    model: CameraModel = "pinhole"
    distortion: tuple[float, ...] = ()
    T_body_camera: F8 | None = None
    depth_units_per_metre: float | None = None
    up: str | None = None

    def camera(self, width: int, height: int) -> Camera:
        """The camera of images of this size; a calibration of another size is scaled to it."""
        calibrated = self.size or (width, height)
        camera = Camera(
            *calibrated, self.fx, self.fy, self.cx, self.cy, self.model, self.distortion
        )
        if abs(width * calibrated[1] - height * calibrated[0]) > 0.02 * width * calibrated[1]:
            raise DatasetError(
                f"calibration for {calibrated[0]}x{calibrated[1]} does not fit images of "
                f"{width}x{height}; give the calibration of these images"
            )
        return camera if calibrated == (width, height) else camera.resized(width, height)


def read_calibration(path: Path) -> Calibration:
    """Read one calibration file.

    Raises:
        DatasetError: unreadable file, no intrinsics in it, unknown distortion model.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as text; give a calibration file") from error
    if path.suffix.lower() in {".yaml", ".yml", ".json"}:
        return _from_mapping(path, load_yaml(path, text))
    return _from_numbers(path, text)


def load_yaml(path: Path, text: str) -> dict[str, Any]:
    """YAML or JSON as a mapping; the `%YAML:1.0` line of OpenCV's dialect is dropped.

    Raises:
        DatasetError: if it is neither.
    """
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    try:
        data = yaml.safe_load("\n".join(lines).replace("!!opencv-matrix", ""))
    except yaml.YAMLError as error:
        raise DatasetError(f"{path}: not valid YAML; check the file") from error
    if not isinstance(data, dict):
        raise DatasetError(f"{path}: holds no keys; a calibration needs fx, fy, cx, cy")
    return data


def _from_numbers(path: Path, text: str) -> Calibration:
    words = text.replace(",", " ").split()
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise DatasetError(f"{path}: not a list of numbers; write fx fy cx cy, or 3x3") from error
    if len(values) in (9, 16):
        K = np.array(values).reshape(3, 3) if len(values) == 9 else np.array(values).reshape(4, 4)
        return _checked(path, Calibration(*_of_matrix(K)))
    if len(values) == 4:
        fx, fy, cx, cy = values
        return _checked(path, Calibration(fx, fy, cx, cy))
    if len(values) == 6:
        fx, fy, cx, cy, width, height = values
        return _checked(path, Calibration(fx, fy, cx, cy, (int(width), int(height))))
    raise DatasetError(f"{path}: {len(values)} numbers; a calibration has 4, 6, 9 or 16")


def _from_mapping(path: Path, data: dict[str, Any]) -> Calibration:
    if "intrinsics" not in data and isinstance(data.get("cam0"), dict):  # Kalibr's camchain
        data = data["cam0"]
    try:
        fx, fy, cx, cy = _intrinsics(data)
        size = _size(data)
        distortion = tuple(float(v) for v in _list(data.get("distortion_coefficients", ())))
        distortion = distortion or tuple(float(v) for v in _list(data.get("distortion", ())))
        name = str(data.get("distortion_model", data.get("model", "radtan" if distortion else "")))
        T_body_camera = _extrinsics(data)
        units = data.get("depth_units_per_metre")
        units = None if units is None else float(units)
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: no intrinsics; write fx, fy, cx, cy as numbers") from error
    model = _MODELS.get(name.strip().lower())
    if model is None:
        raise DatasetError(f"{path}: distortion model {name!r} is unknown; use radtan or fisheye")
    if model == "pinhole" and any(distortion):
        model = "radtan"  # `model: pinhole` beside coefficients names the projection alone
    return _checked(
        path,
        Calibration(fx, fy, cx, cy, size, model, distortion, T_body_camera, units, data.get("up")),
    )


def _intrinsics(data: dict[str, Any]) -> tuple[float, float, float, float]:
    if "fx" in data:
        return float(data["fx"]), float(data["fy"]), float(data["cx"]), float(data["cy"])
    for key in ("camera_matrix", "K"):
        if key in data:
            K = np.array(_list(data[key]), dtype=np.float64).reshape(3, 3)
            return _of_matrix(K)
    fx, fy, cx, cy = (float(v) for v in _list(data["intrinsics"]))
    return fx, fy, cx, cy


def _of_matrix(K: F8) -> tuple[float, float, float, float]:
    return float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])


def _size(data: dict[str, Any]) -> tuple[int, int] | None:
    if "resolution" in data:
        width, height = data["resolution"]
        return int(width), int(height)
    for width_key, height_key in (("width", "height"), ("image_width", "image_height")):
        if width_key in data and height_key in data:
            return int(data[width_key]), int(data[height_key])
    return None


def _extrinsics(data: dict[str, Any]) -> F8 | None:
    for key, inverted in (("T_BS", False), ("T_body_camera", False), ("T_cam_imu", True)):
        if key in data:
            T = np.array(_list(data[key]), dtype=np.float64).reshape(4, 4)
            return se3.inverse(T) if inverted else T
    return None


def _list(value: Any) -> list[Any]:
    """The numbers of a list, a list of lists, or a matrix written as rows, cols, data."""
    return list(value["data"]) if isinstance(value, dict) else list(value)


def _checked(path: Path, calibration: Calibration) -> Calibration:
    values = (calibration.fx, calibration.fy, calibration.cx, calibration.cy)
    if not np.isfinite(values).all() or calibration.fx <= 0.0 or calibration.fy <= 0.0:
        raise DatasetError(f"{path}: focal lengths must be positive numbers of pixels")
    return calibration
