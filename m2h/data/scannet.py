"""ScanNet scenes as exported frames.

Source: Dai et al., "ScanNet: Richly-annotated 3D Reconstructions of Indoor Scenes", CVPR 2017.

    DIR or DIR/sceneXXXX_YY/color/N.jpg
    .../depth/N.png                         16 bit millimetres, 0 = none
    .../label/N.png                         8 bit NYU40 ids (the 25k frame subset), or
    .../label-filt/N.png                    16 bit raw ids, with scannetv2-labels.combined.tsv in
                                            DIR or in the scene
    .../intrinsic/intrinsic_color.txt       4x4, or intrinsics_color.txt in the scene

Colour is scaled to the size of the depth image. Without either label folder labels are unknown.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2h.data.derive import edges_of_labels, normals_of_depth
from m2h.data.pictures import files_by_stem, read_plane, read_rgb
from m2h.errors import DataError
from m2h.types import U1, Intrinsics, Sample

LABEL_MAP = "scannetv2-labels.combined.tsv"
CAMERA_FILES = ("intrinsic/intrinsic_color.txt", "intrinsics_color.txt")


@dataclass(frozen=True)
class _Frame:
    scene: Path
    image: Path


class ScanNetFrames:
    """Frames of one scene or of a folder of scenes."""

    def __init__(self, folder: Path | str, every: int = 1) -> None:
        """List the frames.

        Args:
            folder: a scene, or a folder of scenes.
            every: take each so manieth frame of a scene.

        Raises:
            DataError: no scene is there.
        """
        self.folder = Path(folder)
        scenes = [self.folder] if (self.folder / "color").is_dir() else _scenes(self.folder)
        if not scenes:
            raise DataError(f"{folder}: holds no scene with a color folder; export frames first")
        self._frames = [_Frame(s, p) for s in scenes for p in _in_order(s / "color")[::every]]
        self._cameras = {s: _intrinsics(s) for s in scenes}
        self._raw: U1 | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        """One frame with depth, its normals, labels if there are any, and outlines.

        Raises:
            DataError: a file is missing or damaged.
        """
        import cv2

        frame = self._frames[index]
        name = frame.image.stem
        colour = read_rgb(frame.image)
        depth_m = read_plane(frame.scene / "depth" / f"{name}.png").astype(np.float32) / 1000.0
        height, width = depth_m.shape
        sx, sy = width / colour.shape[1], height / colour.shape[0]
        image = cv2.resize(colour, (width, height), interpolation=cv2.INTER_AREA)
        k = self._cameras[frame.scene]
        intrinsics = Intrinsics(
            k.fx * sx, k.fy * sy, (k.cx + 0.5) * sx - 0.5, (k.cy + 0.5) * sy - 0.5
        )
        labels = self._labels(frame.scene, name, (width, height))
        return Sample(
            source="scannet",
            name=f"{frame.scene.name}/{name}",
            image=np.asarray(image, np.uint8),
            intrinsics=intrinsics,
            depth_m=depth_m,
            labels=labels,
            normals=normals_of_depth(depth_m, intrinsics),
            edges=None if labels is None else edges_of_labels(labels, depth_m),
        )

    def _labels(self, scene: Path, name: str, size: tuple[int, int]) -> U1 | None:
        import cv2

        nyu40, raw = scene / "label" / f"{name}.png", scene / "label-filt" / f"{name}.png"
        if nyu40.is_file():
            plane = read_plane(nyu40)
            plane = np.where(plane <= 40, plane, 0)
        elif raw.is_file():
            if self._raw is None:
                self._raw = _nyu40_of_raw(self.folder, scene)
            plane = self._raw[read_plane(raw)]
        else:
            return None
        plane = plane.astype(np.uint8)
        return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _scenes(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("scene*") if (p / "color").is_dir())


def _in_order(folder: Path) -> list[Path]:
    """Files by number where their names are numbers."""
    files = files_by_stem(folder).values()
    return sorted(files, key=lambda p: (int(p.stem) if p.stem.isdigit() else -1, p.stem))


def _intrinsics(scene: Path) -> Intrinsics:
    for name in CAMERA_FILES:
        path = scene / name
        if path.is_file():
            try:
                K = np.loadtxt(path).reshape(4, 4)
            except ValueError as error:
                raise DataError(f"{path}: is no 4x4 matrix; export the scene again") from error
            return Intrinsics(float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
    raise DataError(f"{scene / CAMERA_FILES[0]}: no such file; export the scene's intrinsics")


def _nyu40_of_raw(folder: Path, scene: Path) -> U1:
    """(65536,) NYU40 id of each raw id."""
    path = next((d / LABEL_MAP for d in (scene, folder) if (d / LABEL_MAP).is_file()), None)
    if path is None:
        raise DataError(f"{folder / LABEL_MAP}: no such file; copy ScanNet's label map there")
    table = np.zeros(1 << 16, np.uint8)
    with path.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            table[int(row["id"])] = int(row["nyu40id"])
    return table
