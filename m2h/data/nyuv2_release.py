"""NYU Depth v2 as multi-task papers pass it on (795 training, 654 test frames).

    DIR/gt_sets/train.txt, val.txt      names, one a line
    DIR/images or image/NAME.png|jpg    RGB
    DIR/segmentation/NAME.png           NYU40 class, 0 = unknown
    DIR/depth/NAME.npy                  metres
    DIR/normals or normal/NAME.png|npy  png: 2 v / 255 - 1
    DIR/edge/NAME.png|npy               png: 255 = edge

Two releases are about, which differ in the endings. Neither documents the axes of the normals:
they are found once, as the signed permutation that best fits the normals of the first frames' own
depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from m2h.data.derive import axes_of, normals_of_depth
from m2h.data.nyuv2 import intrinsics_of
from m2h.data.pictures import read_plane, read_rgb, same_size
from m2h.errors import DataError
from m2h.types import F4, F8, U1, Sample

SPLIT_FILES = {"train": "train.txt", "test": "val.txt"}
FRAMES_FOR_AXES = 3
EDGE_FROM = 0.5


@dataclass(frozen=True)
class _Place:
    folder: Path
    ending: str

    def of(self, name: str) -> Path:
        return self.folder / f"{name}{self.ending}"


class NyuRelease:
    """One split of a multi-task release of NYU Depth v2."""

    def __init__(self, folder: Path | str, split: Literal["train", "test"] = "train") -> None:
        """List the frames and find out how normals are written.

        Raises:
            DataError: the list, a folder or a file is missing.
        """
        root = Path(folder)
        self.names = _names(root / "gt_sets" / SPLIT_FILES[split])
        first = self.names[0]
        self._image = _place(root, ("images", "image"), (".png", ".jpg"), first)
        self._labels = _place(root, ("segmentation",), (".png",), first)
        self._depth = _place(root, ("depth",), (".npy",), first)
        self._normals = _place(root, ("normals", "normal"), (".png", ".npy"), first)
        self._edges = _place(root, ("edge",), (".png", ".npy"), first)
        self._axes = self._find_axes()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """One frame with all its truth, normals in the camera's frame.

        Raises:
            DataError: a file is missing, damaged or of another size.
        """
        name = self.names[index]
        image = read_rgb(self._image.of(name))
        paths = [place.of(name) for place in (self._labels, self._depth, self._edges)]
        labels, depth_m, edges = (same_size(p, image, _values(p)) for p in paths)
        normals = _unit(same_size(self._normals.of(name), image, self._stored_normals(name)))
        return Sample(
            source="nyuv2",
            name=name,
            image=image,
            intrinsics=intrinsics_of(image),
            depth_m=np.nan_to_num(depth_m.astype(np.float32)),
            labels=labels.astype(np.uint8),
            normals=(normals @ self._axes.T).astype(np.float32),
            edges=_is_edge(edges),
        )

    def _stored_normals(self, name: str) -> F4:
        path = self._normals.of(name)
        if path.suffix == ".npy":
            return np.asarray(_values(path), np.float32)
        stored = read_rgb(path)
        known = stored.any(axis=-1, keepdims=True)
        return np.asarray((2.0 * stored.astype(np.float32) / 255.0 - 1.0) * known, np.float32)

    def _find_axes(self) -> F8:
        """(3, 3) stored normals to camera frame, from the first frames together."""
        stored, derived = [], []
        for name in self.names[:FRAMES_FOR_AXES]:
            depth_m = np.nan_to_num(_values(self._depth.of(name)).astype(np.float32))
            stored.append(_unit(self._stored_normals(name)).reshape(-1, 3))
            derived.append(normals_of_depth(depth_m, intrinsics_of(depth_m)).reshape(-1, 3))
        return axes_of(np.concatenate(stored), np.concatenate(derived))


def _names(path: Path) -> list[str]:
    if not path.is_file():
        raise DataError(f"{path}: no such file; name the folder that holds gt_sets")
    names = path.read_text().split()
    if not names:
        raise DataError(f"{path}: names no frame; copy the list again")
    return names


def _place(root: Path, folders: tuple[str, ...], endings: tuple[str, ...], name: str) -> _Place:
    for folder in folders:
        for ending in endings:
            place = _Place(root / folder, ending)
            if place.of(name).is_file():
                return place
    raise DataError(
        f"{root / folders[0]}: holds no {name}{' or '.join(endings)}; the release is not complete"
    )


def _values(path: Path) -> Any:
    """An .npy array or an image of one channel."""
    if path.suffix != ".npy":
        return read_plane(path)
    try:
        return np.load(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as an array; copy it again") from error


def _is_edge(stored: Any) -> U1:
    plane = np.asarray(stored, np.float32)
    return (plane > EDGE_FROM * max(float(plane.max()), 1.0)).astype(np.uint8)


def _unit(normals: F4) -> F4:
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    unit = normals / np.maximum(length, 1e-6)
    return np.where(length > 0.5, unit, 0.0).astype(np.float32)
