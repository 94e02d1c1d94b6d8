"""Hypersim: photorealistic rooms with distance, classes and normals.

Source: Roberts et al., "Hypersim: A Photorealistic Synthetic Dataset for Holistic Indoor Scene
Understanding", ICCV 2021.

    DIR/ai_VVV_NNN/images/scene_cam_XX_final_preview/frame.IIII.tonemap.jpg
    DIR/ai_VVV_NNN/images/scene_cam_XX_geometry_hdf5/frame.IIII.depth_meters.hdf5   along the ray
    DIR/ai_VVV_NNN/images/scene_cam_XX_geometry_hdf5/frame.IIII.semantic.hdf5       NYU40, -1 none
    DIR/ai_VVV_NNN/images/scene_cam_XX_geometry_hdf5/frame.IIII.normal_cam.hdf5     y up, z back
    DIR/metadata_images_split_scene_v1.csv                                          official split

Needs h5py. The stored "depth" is the distance along each ray; samples hold z. The nominal camera
(60 degrees, 886.81 px at width 1024) is taken for all scenes: the few with a shifted lens are off.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from m2h.data.derive import depth_of_distance, edges_of_labels
from m2h.data.pictures import read_rgb
from m2h.errors import DataError
from m2h.types import Intrinsics, Sample

SPLIT_LIST = "metadata_images_split_scene_v1.csv"
FOCAL_PX, FOCAL_WIDTH = 886.81, 1024
SPLITS = ("train", "val", "test")
TO_CAMERA = np.array([1.0, -1.0, -1.0], np.float32)  # y up, z backward -> y down, z forward


@dataclass(frozen=True)
class _Frame:
    scene: str
    camera: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.scene}/{self.camera}/{self.number:04d}"

    def image(self, root: Path) -> Path:
        folder = root / self.scene / "images" / f"scene_{self.camera}_final_preview"
        return folder / f"frame.{self.number:04d}.tonemap.jpg"

    def geometry(self, root: Path, what: str) -> Path:
        folder = root / self.scene / "images" / f"scene_{self.camera}_geometry_hdf5"
        return folder / f"frame.{self.number:04d}.{what}.hdf5"


class Hypersim:
    """Frames of one official split that are on disk."""

    def __init__(self, folder: Path | str, split: Literal["train", "val", "test"] = "test") -> None:
        """Read the split's list; frames of scenes that are not there are left out.

        Raises:
            DataError: the list is missing, h5py is missing, or none of its frames is there.
        """
        self.folder = Path(folder)
        self._h5py = _h5py()
        listed = _listed(self.folder / SPLIT_LIST, split)
        scenes = {p.name for p in self.folder.iterdir() if p.is_dir()}
        present = [f for f in listed if f.scene in scenes]
        self._frames = [f for f in present if f.image(self.folder).is_file()]
        if not self._frames:
            raise DataError(f"{folder}: holds no frame of the {split} split; download its scenes")

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        """One frame with depth z, labels, normals and outlines.

        Raises:
            DataError: a file is missing or damaged.
        """
        frame, root = self._frames[index], self.folder
        image = read_rgb(frame.image(root))
        height, width = image.shape[:2]
        focal_px = FOCAL_PX * width / FOCAL_WIDTH
        intrinsics = Intrinsics(focal_px, focal_px, (width - 1) / 2.0, (height - 1) / 2.0)
        distance_m = self._read(frame.geometry(root, "depth_meters")).astype(np.float32)
        depth_m = depth_of_distance(distance_m, intrinsics)
        labels = self._read(frame.geometry(root, "semantic"))
        labels = np.where(labels > 0, labels, 0).astype(np.uint8)
        normals = self._read(frame.geometry(root, "normal_cam")).astype(np.float32)
        return Sample(
            source="hypersim",
            name=frame.name,
            image=image,
            intrinsics=intrinsics,
            depth_m=depth_m,
            labels=labels,
            normals=np.nan_to_num(normals) * TO_CAMERA,
            edges=edges_of_labels(labels, depth_m),
        )

    def _read(self, path: Path) -> Any:
        try:
            with self._h5py.File(path, "r") as file:
                return file["dataset"][:]
        except (OSError, KeyError) as error:
            raise DataError(f"{path}: missing or damaged; download the scene again") from error


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DataError("Hypersim needs the package h5py; pip install h5py") from error
    return h5py


def _listed(path: Path, split: str) -> list[_Frame]:
    if split not in SPLITS:
        raise DataError(f"Hypersim: no split {split!r}; choose one of {', '.join(SPLITS)}")
    if not path.is_file():
        raise DataError(f"{path}: no such file; download the official split list into the folder")
    try:
        with path.open(newline="") as file:
            return [
                _Frame(row["scene_name"], row["camera_name"], int(row["frame_id"]))
                for row in csv.DictReader(file)
                if row["split_partition_name"] == split
                and row["included_in_public_release"].lower() == "true"
            ]
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}: is not the official split list; download it again") from error
