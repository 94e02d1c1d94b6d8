"""NYU Depth v2 as folders of images: the training split at 320x240 and frames at 640x480.

Source: Silberman et al., "Indoor Segmentation and Support Inference from RGBD Images", ECCV 2012.

    DIR/rgb/NNNN.jpg        NNNN = index in the labelled set, from 1
    DIR/depth/NNNN.png      8 bit: (value + 0.5) * 10 / 255 metres, 0 = none; 16 bit: millimetres
    DIR/label40/NNNN.png    8 bit: NYU40 class, 0 = unknown

The copies that are about have depth of 8 bit (also where it is stored in millimetres): steps of
39 mm, from which no normals follow. Pictures carry a white frame; `crop_frame` takes it off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from m2h.data.derive import edges_of_labels
from m2h.data.pictures import files_by_stem, read_plane, read_rgb, same_size
from m2h.errors import DataError
from m2h.types import F4, Intrinsics, Sample

DEPTH_STEP_M = 10.0 / 255.0
FULL_SIZE = Intrinsics(518.86, 519.47, 325.58, 253.74)  # of 640x480
FULL_WIDTH, FULL_HEIGHT = 640, 480
FRAME = (46, 470, 42, 600)  # first row, last row (excluded), first and last column of 640x480
N_CLASSES = 40


class NyuFolder:
    """Frames of NYU Depth v2 in the layout above."""

    def __init__(self, folder: Path | str, *, crop_frame: bool = True) -> None:
        """List the frames.

        Args:
            folder: with rgb, depth and label40.
            crop_frame: take the white frame off; benchmarks crop by themselves.

        Raises:
            DataError: a folder is missing or empty.
        """
        self.folder = Path(folder)
        self._images = files_by_stem(self.folder / "rgb")
        self.names = list(self._images)
        self.crop_frame = crop_frame

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """One frame with depth, labels and the outlines that follow from both.

        Raises:
            DataError: a file is missing, damaged or of another size.
        """
        name = self.names[index]
        image = read_rgb(self._images[name])
        depth_path = self.folder / "depth" / f"{name}.png"
        label_path = self.folder / "label40" / f"{name}.png"
        depth_m = metres(same_size(depth_path, image, read_plane(depth_path)))
        labels = same_size(label_path, image, read_plane(label_path)).astype(np.uint8)
        if labels.max() > N_CLASSES:
            raise DataError(f"{label_path}: has class {labels.max()}; NYU40 ids 0..40 are due")
        sample = Sample(
            source="nyuv2",
            name=name,
            image=image,
            intrinsics=intrinsics_of(image),
            depth_m=depth_m,
            depth_step_m=DEPTH_STEP_M,
            labels=labels,
            edges=edges_of_labels(labels, depth_m, DEPTH_STEP_M),
        )
        return without_frame(sample) if self.crop_frame else sample


def metres(stored: Any) -> F4:
    """Depth (H, W) in metres of an 8 or 16 bit image."""
    if stored.dtype == np.uint8:
        depth_m = (stored.astype(np.float32) + 0.5) * np.float32(DEPTH_STEP_M)
    else:
        depth_m = stored.astype(np.float32) / np.float32(1000.0)
    return np.where(stored > 0, depth_m, 0.0).astype(np.float32)


def intrinsics_of(image: Any) -> Intrinsics:
    """The nominal colour camera at the size of an uncropped image."""
    s = image.shape[1] / FULL_WIDTH
    f = FULL_SIZE
    # pixel centres are integers: the corner of the image lies at -0.5 in both sizes
    return Intrinsics(f.fx * s, f.fy * s, (f.cx + 0.5) * s - 0.5, (f.cy + 0.5) * s - 0.5)


def without_frame(sample: Sample) -> Sample:
    """The sample cropped to what lies inside the white frame."""
    from m2h.data.geometry import cropped

    s = sample.image.shape[1] / FULL_WIDTH
    top, bottom, left, right = (round(edge * s) for edge in FRAME)
    return cropped(sample, top, left, bottom - top, right - left)
