"""NYU Depth v2 from its original MATLAB file of 1449 labelled frames.

Source: Silberman et al., "Indoor Segmentation and Support Inference from RGBD Images", ECCV 2012.

    DIR/nyu_depth_v2_labeled.mat    images, depths (in-painted, metres), labels (894 raw classes)
    DIR/splits.mat                  trainNdxs (795), testNdxs (654), counted from 1

Needs h5py. Depth has full precision here, so normals follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from m2h.data.derive import edges_of_labels, normals_of_depth
from m2h.data.nyu894 import nyu40_of_raw
from m2h.data.nyuv2 import intrinsics_of, without_frame
from m2h.errors import DataError
from m2h.types import Sample

FILE, SPLITS = "nyu_depth_v2_labeled.mat", "splits.mat"
SPLIT_KEYS = {"train": "trainNdxs", "test": "testNdxs"}


class NyuMat:
    """One split of the original file."""

    def __init__(
        self,
        folder: Path | str,
        split: Literal["train", "test"] = "train",
        *,
        crop_frame: bool = True,
    ) -> None:
        """Open the file.

        Args:
            folder: with both files.
            split: the official one.
            crop_frame: take the white frame off; benchmarks crop by themselves.

        Raises:
            DataError: h5py or a file is missing, or the file is another one.
        """
        self._open = _opener()
        self.path = Path(folder) / FILE
        self.numbers = _split_numbers(Path(folder) / SPLITS, split)
        self.crop_frame = crop_frame
        self._table = nyu40_of_raw()
        if not self.path.is_file():
            raise DataError(f"{self.path}: no such file; download it from the data set's page")
        try:
            with self._open(self.path, "r") as file:
                n_frames = min(len(file[key]) for key in ("images", "depths", "labels"))
        except (OSError, KeyError) as error:
            raise DataError(f"{self.path}: is not the labelled set; download it again") from error
        if self.numbers.max() > n_frames:
            raise DataError(f"{self.path}: has {n_frames} frames, {SPLITS} names more; take both "
                            "from one source")  # fmt: skip

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Sample:
        """One frame with depth, labels, normals and outlines."""
        number = int(self.numbers[index])
        with self._open(self.path, "r") as file:
            # MATLAB's order: every image lies transposed, (channels, width, height)
            image = np.ascontiguousarray(file["images"][number - 1].transpose(2, 1, 0))
            depth_m = np.ascontiguousarray(file["depths"][number - 1].T, np.float32)
            labels = self._table[file["labels"][number - 1].T]
        intrinsics = intrinsics_of(image)
        sample = Sample(
            source="nyuv2",
            name=f"{number:04d}",
            image=image,
            intrinsics=intrinsics,
            depth_m=depth_m,
            labels=labels,
            normals=normals_of_depth(depth_m, intrinsics),
            edges=edges_of_labels(labels, depth_m),
        )
        return without_frame(sample) if self.crop_frame else sample


def _opener() -> Callable[..., Any]:
    try:
        import h5py
    except ImportError as error:
        raise DataError("NYUv2's .mat file needs the package h5py; pip install h5py") from error
    return h5py.File  # type: ignore[no-any-return]


def _split_numbers(path: Path, split: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    from scipy.io import loadmat

    if split not in SPLIT_KEYS:
        raise DataError(f"NYUv2: no split {split!r}; choose one of {', '.join(SPLIT_KEYS)}")
    if not path.is_file():
        raise DataError(f"{path}: no such file; download the official split beside the .mat file")
    try:
        numbers = loadmat(path)[SPLIT_KEYS[split]]
    except (ValueError, KeyError, NotImplementedError) as error:
        raise DataError(f"{path}: is not the official split; download it again") from error
    return np.asarray(numbers, np.int64).ravel()
