"""Read pictures from files or bytes; one that is missing or cut off is None, never half grey."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_hydra.types import F4, U1

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
)
MAX_PIXEL_VALUE = 65535  # depth sensors use the largest value for "no reading"


def read_rgb(source: Path | bytes) -> U1 | None:
    """(H, W, 3) uint8 RGB, None if the picture cannot be read in full."""
    image = _decode(source, cv2.IMREAD_COLOR)
    return None if image is None else np.ascontiguousarray(image[:, :, ::-1])


def read_depth(source: Path | bytes, units_per_metre: float) -> F4 | None:
    """(H, W) float32 metres of a 16-bit picture; 0 where it holds 0 or 65535."""
    raw = _decode(source, cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 2 or raw.dtype != np.uint16:
        return None
    return depth_from_raw(raw.astype(np.uint16, copy=False), units_per_metre)


def depth_from_raw(raw: NDArray[np.uint16], units_per_metre: float) -> F4:
    """Sensor units to metres, 0 where the sensor had no reading."""
    depth_m = raw.astype(np.float32) / np.float32(units_per_metre)
    depth_m[raw == MAX_PIXEL_VALUE] = 0.0
    return depth_m


def read_ids(source: Path | bytes) -> NDArray[np.uint16] | None:
    """(H, W) uint16 ids of an 8- or 16-bit single-channel picture."""
    raw = _decode(source, cv2.IMREAD_UNCHANGED)
    return None if raw is None or raw.ndim != 2 else raw.astype(np.uint16)


def image_size(source: Path | bytes) -> tuple[int, int] | None:
    """Width and height of a picture, None if it cannot be read."""
    image = _decode(source, cv2.IMREAD_UNCHANGED)
    return None if image is None else (image.shape[1], image.shape[0])


def _decode(source: Path | bytes, flags: int) -> NDArray[np.generic] | None:
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
    except OSError:
        return None
    if not data or _is_cut_off(data):
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return image


def _is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end; decoders fill the rest with grey and say nothing."""
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in data[-64:]  # some cameras pad after the end marker
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-64:]
    return False
