"""What the network says of pictures, side by side: one row a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from m2h.types import Prediction, Sample
from mono_hydra.labels import LabelSpace
from mono_hydra.types import F4, U1

HEIGHT_PX, GAP_PX, HEAD_PX = 150, 4, 22
FAR_M, MAX_SIGMA = 6.0, 0.5
COLUMNS = ("picture", "depth, 0 to 6 m", "sigma of ln depth, 0 to .5", "labels", "normals", "edges")
TRUE_COLUMNS = ("true depth", "true labels")


@dataclass(frozen=True, eq=False)
class Row:
    """A picture with its prediction; a sample with truth shows it too."""

    sample: Sample
    prediction: Prediction


def network_sheet(rows: Sequence[Row], space: LabelSpace, *, with_pictures: bool = True) -> U1:
    """(H, W, 3) RGB sheet; without pictures only what was predicted is shown."""
    has_truth = all(r.sample.depth_m is not None and r.sample.labels is not None for r in rows)
    titles = [t for t in COLUMNS if with_pictures or t != "picture"]
    if has_truth:
        titles[2:2], titles[5:5] = TRUE_COLUMNS[:1], TRUE_COLUMNS[1:]
    lines = [np.hstack([_cell(_tile(title, row, space)) for title in titles]) for row in rows]
    widest = max(line.shape[1] for line in lines)
    padded = [_padded(line, widest) for line in lines]
    width = padded[0].shape[1] // len(titles)
    head = np.full((HEAD_PX, widest, 3), 255, np.uint8)
    for k, title in enumerate(titles):
        place = (k * width + 4, HEAD_PX - 7)
        cv2.putText(
            head, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA
        )
    return np.vstack([head, *padded])


def _tile(title: str, row: Row, space: LabelSpace) -> U1:
    sample, seen = row.sample, row.prediction
    if title == "picture":
        return sample.image
    if title in ("true depth", COLUMNS[1]):
        depth_m = seen.depth_m if title == COLUMNS[1] else sample.depth_m
        assert depth_m is not None
        return _heat(depth_m / FAR_M)
    if title == COLUMNS[2]:
        return _heat(seen.depth_sigma / MAX_SIGMA)
    if title in ("labels", "true labels"):
        labels = seen.labels if title == "labels" else sample.labels
        assert labels is not None
        return space.palette[labels]
    if title == "normals":
        return np.asarray(255 * (0.5 + 0.5 * seen.normals), np.uint8)
    return np.repeat(np.asarray(255 * seen.edges, np.uint8)[..., None], 3, axis=2)


def _heat(values: F4) -> U1:
    scaled = np.asarray(255 * np.clip(values, 0.0, 1.0), np.uint8)
    return np.asarray(cv2.applyColorMap(scaled, cv2.COLORMAP_VIRIDIS)[..., ::-1])


def _cell(image: U1) -> U1:
    height, width = image.shape[:2]
    size = (max(1, round(width * HEIGHT_PX / height)), HEIGHT_PX)
    small = np.asarray(
        cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_AREA), np.uint8
    )
    return _bordered(small, GAP_PX, GAP_PX)


def _bordered(image: U1, below: int, right: int) -> U1:
    """White rows below and columns to the right."""
    return np.pad(image, ((0, below), (0, right), (0, 0)), constant_values=255)


def _padded(line: U1, width: int) -> U1:
    missing = width - line.shape[1]
    return _bordered(line, 0, missing)
