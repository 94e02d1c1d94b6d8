"""Image files: RGB arrays in and out."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from mono_hydra.errors import DatasetError, OutputError
from mono_hydra.files.atomic import write_bytes
from mono_hydra.types import U1


def encode_image(rgb: U1, suffix: str = ".png", quality: int = 85) -> bytes:
    """Bytes of an RGB (H, W, 3) or grey (H, W) image as PNG or JPEG.

    Raises:
        OutputError: the suffix names a format that cannot be written.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix.lower() in {".jpg", ".jpeg"} else []
    image = np.ascontiguousarray(rgb[..., ::-1]) if rgb.ndim == 3 else rgb
    try:
        done, data = cv2.imencode(suffix, image, options)
    except cv2.error:
        done, data = False, np.empty(0, np.uint8)
    if not done:
        raise OutputError(f"image of format {suffix}: cannot be written; use .png or .jpg")
    return bytes(data.tobytes())


def write_image(path: Path | str, rgb: U1, quality: int = 85) -> None:
    """Write an RGB (H, W, 3) or grey (H, W) image as a whole; the suffix chooses the format.

    Raises:
        OutputError: it cannot be written.
    """
    write_bytes(path, encode_image(rgb, Path(path).suffix, quality))


def read_image(path: Path | str) -> U1:
    """RGB (H, W, 3) uint8 of an image file.

    Raises:
        DatasetError: missing or broken file.
    """
    try:
        data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read; check the path") from error
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if image is None:
        raise DatasetError(f"{path}: not a readable image; it may be cut off, copy it again")
    return np.ascontiguousarray(image[..., ::-1]).astype(np.uint8)


def data_uri(data: bytes, kind: str) -> str:
    """An `<img src>` that carries the image itself; `kind` is png, jpeg or svg+xml."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
