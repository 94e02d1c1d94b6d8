"""Cityscapes: streets from a car with stereo disparity.

Source: Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016.

    DIR/leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png
    DIR/disparity/SPLIT/CITY/NAME_disparity.png     16 bit: pixels = (value - 1) / 256, 0 = none
    DIR/camera/SPLIT/CITY/NAME_camera.json          intrinsic fx fy u0 v0, extrinsic baseline

Depth = fx baseline / disparity. Labels are left out: these classes are not NYU40.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from m2h.data.pictures import read_plane, read_rgb, same_size
from m2h.errors import DataError
from m2h.types import F4, Intrinsics, Sample

IMAGE_ENDING = "_leftImg8bit.png"


class Cityscapes:
    """Frames of one split."""

    def __init__(self, folder: Path | str, split: str = "val") -> None:
        """List the frames.

        Raises:
            DataError: the split's folder is missing or empty.
        """
        self.folder = Path(folder)
        images = self.folder / "leftImg8bit" / split
        self._names = sorted(
            str(p.relative_to(images))[: -len(IMAGE_ENDING)]
            for p in images.glob(f"*/*{IMAGE_ENDING}")
        )
        self.split = split
        if not self._names:
            raise DataError(f"{images}: holds no CITY/*{IMAGE_ENDING}; unpack leftImg8bit there")

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> Sample:
        """One frame with depth.

        Raises:
            DataError: a file is missing or damaged.
        """
        name = self._names[index]
        image = read_rgb(self._path("leftImg8bit", name, IMAGE_ENDING))
        disparity = self._path("disparity", name, "_disparity.png")
        intrinsics, baseline_m = _camera(self._path("camera", name, "_camera.json"))
        stored = same_size(disparity, image, read_plane(disparity))
        return Sample(
            source="cityscapes",
            name=name,
            image=image,
            intrinsics=intrinsics,
            depth_m=depth_of_disparity(stored, intrinsics.fx * baseline_m),
        )

    def _path(self, kind: str, name: str, ending: str) -> Path:
        return self.folder / kind / self.split / f"{name}{ending}"


def depth_of_disparity(stored: Any, focal_baseline_px_m: float) -> F4:
    """Metres (H, W) of stored disparities (H, W) uint16; 0 where there is none."""
    disparity_px = (stored.astype(np.float32) - 1.0) / np.float32(256.0)
    depth_m = np.float32(focal_baseline_px_m) / np.maximum(disparity_px, np.float32(1e-6))
    return np.where(disparity_px > 0.0, depth_m, 0.0).astype(np.float32)


def _camera(path: Path) -> tuple[Intrinsics, float]:
    try:
        card = json.loads(path.read_text())
        k = card["intrinsic"]
        baseline_m = float(card["extrinsic"]["baseline"])
        return Intrinsics(k["fx"], k["fy"], k["u0"], k["v0"]), baseline_m
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; unpack the camera package") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: is no camera file of Cityscapes; unpack it again") from error
