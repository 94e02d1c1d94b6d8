"""Image files of data sets, read whole or refused in one line that names the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from m2h.errors import DataError
from m2h.types import U1

RGB_ENDINGS = (".jpg", ".jpeg", ".png")


def read_rgb(path: Path) -> U1:
    """(H, W, 3) RGB of an image file.

    Raises:
        DataError: the file is missing or no image.
    """
    import cv2

    image = _read(path, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(image[..., ::-1])


def read_plane(path: Path) -> Any:
    """(H, W) values of an 8 or 16 bit image file, as they are stored.

    Raises:
        DataError: the file is missing, no image, or has more than one channel.
    """
    import cv2

    image = _read(path, cv2.IMREAD_UNCHANGED)
    if image.ndim != 2:
        raise DataError(f"{path}: has {image.shape[-1]} channels; an image of one channel is due")
    return image


def decoded(stream: U1, where: str) -> Any:
    """Image of an encoded byte stream, channels as stored in the file (R, G, B).

    Raises:
        DataError: the stream is no image; `where` says whose it is.
    """
    import cv2

    image = cv2.imdecode(stream, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise DataError(f"{where}: an image cannot be decoded; make the file anew")
    return np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image


def files_by_stem(folder: Path, endings: tuple[str, ...] = RGB_ENDINGS) -> dict[str, Path]:
    """Files of a folder by name without ending, sorted.

    Raises:
        DataError: no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name the folder that the data set lies in")
    found = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in endings}
    if not found:
        raise DataError(f"{folder}: holds no {' or '.join(endings)} files; check the folder")
    return found


def same_size(path: Path, image: U1, plane: Any) -> Any:
    """`plane` (H, W, ...), if it has the image's size.

    Raises:
        DataError: it has another.
    """
    if plane.shape[:2] != image.shape[:2]:
        raise DataError(
            f"{path}: is {plane.shape[1]}x{plane.shape[0]}, its image "
            f"{image.shape[1]}x{image.shape[0]}; the files do not belong together"
        )
    return plane


def _read(path: Path, flags: int) -> Any:
    import cv2

    if not path.is_file():
        raise DataError(f"{path}: no such file; the data set is not complete")
    image = cv2.imdecode(np.fromfile(path, np.uint8), flags) if path.stat().st_size else None
    if image is None:
        raise DataError(f"{path}: cannot be read as an image; copy it again")
    return image
