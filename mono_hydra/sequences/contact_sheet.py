"""One picture of a recording: a few frames with their depth and labels."""

from __future__ import annotations

import cv2
import numpy as np

from mono_hydra.labels import LabelSpace
from mono_hydra.sequences.check import View
from mono_hydra.types import F4, U1

TILE_WIDTH = 240
N_COLUMNS = 6
BORDER_PX = 4


def contact_sheet(views: list[View], label_space: LabelSpace) -> U1:
    """(H, W, 3) sheet: in each column colour above depth (near red, far blue) above labels."""
    has_depth = any(view.depth_m is not None for view in views)
    has_labels = any(view.labels is not None for view in views)
    columns = []
    for view in views:
        height, width = view.frame.rgb.shape[:2]
        size = (TILE_WIDTH, max(1, round(height * TILE_WIDTH / width)))
        parts = [np.asarray(cv2.resize(view.frame.rgb, size, interpolation=cv2.INTER_AREA))]
        if has_depth:
            parts.append(_depth_tile(view.depth_m, size))
        if has_labels:
            parts.append(_label_tile(view.labels, size, label_space))
        columns.append(_framed(np.vstack(parts).astype(np.uint8)))
    blank = np.full_like(columns[0], 255)
    columns += [blank] * (-len(columns) % min(N_COLUMNS, len(columns)))
    rows = [np.hstack(columns[i : i + N_COLUMNS]) for i in range(0, len(columns), N_COLUMNS)]
    return np.asarray(np.vstack(rows), dtype=np.uint8)


def _depth_tile(depth_m: F4 | None, size: tuple[int, int]) -> U1:
    if depth_m is None:
        return np.full((size[1], size[0], 3), 64, np.uint8)
    depth_m = np.asarray(cv2.resize(depth_m, size, interpolation=cv2.INTER_NEAREST))
    nearness = np.clip(255.0 * (1.0 - depth_m / 6.0), 0.0, 255.0).astype(np.uint8)
    colours = np.asarray(cv2.applyColorMap(nearness, cv2.COLORMAP_TURBO))[..., ::-1]
    return np.where((depth_m > 0.0)[..., None], colours, 0).astype(np.uint8)


def _label_tile(labels: U1 | None, size: tuple[int, int], space: LabelSpace) -> U1:
    if labels is None:
        return np.full((size[1], size[0], 3), 64, np.uint8)
    labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST))
    return np.asarray(space.palette[labels])


def _framed(image: U1) -> U1:
    b = BORDER_PX
    return np.asarray(np.pad(image, ((b, b), (b, b), (0, 0)), constant_values=255))
