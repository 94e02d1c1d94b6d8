"""Training views on disk: one uncompressed npz a house, pictures compressed one by one.

`house_<seed>.npz` holds, for N views of one size:

    version     ()          1
    seed        ()          of the house
    intrinsics  (N, 4) f8   fx, fy, cx, cy in pixels, pixel centres at integers
    starts      (N, 6) i8   view n's streams are stream[starts[n, k] : starts[n, k + 1]], k = 0..4
    stream      (bytes) u1  k = 0 JPEG of the picture, then PNGs: 1 depth (16 bit, step
                            `DEPTH_STEP_M`, 0 = nothing), 2 labels (8 bit), 3 normals (8 bit, three
                            channels x, y, z in file order R, G, B: 127 n + 128; all 0 = nothing),
                            4 edges (1 bit)

`stream` is stored without compression, so a reader can seek to one view.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mono_hydra.files.atomic import writing
from mono_hydra.simulation.training_views import TrainingView, views
from mono_hydra.types import U1

VERSION = 1
DEPTH_STEP_M = 0.0005
PNG_EFFORT = 3


def shard_path(seed: int, folder: Path | str) -> Path:
    """File of one house."""
    return Path(folder) / f"house_{seed}.npz"


def write_shard(seed: int, folder: Path | str, n_views: int = 80) -> Path:
    """Render the training house of a seed and write its file, whole or not at all.

    Raises:
        SimulationError: no such house. OutputError: the folder cannot be written.
    """
    path = shard_path(seed, folder)
    write_views(path, seed, views(seed, n_views))
    return path


def write_views(path: Path, seed: int, pictures: Iterable[TrainingView]) -> None:
    """Write views to one file.

    Raises:
        OutputError: the file cannot be written.
    """
    streams: list[list[U1]] = []
    intrinsics: list[tuple[float, ...]] = []
    for view in pictures:
        streams.append(encode_view(view))
        c = view.camera
        intrinsics.append((c.fx, c.fy, c.cx, c.cy))
    lengths = np.array([[len(s) for s in view] for view in streams], np.int64).reshape(-1, 5)
    ends = lengths.ravel().cumsum().reshape(-1, 5)
    starts = np.column_stack([ends[:, 0] - lengths[:, 0], ends])
    flat = [s for view in streams for s in view]
    arrays: dict[str, Any] = {
        "version": np.int64(VERSION),
        "seed": np.int64(seed),
        "intrinsics": np.array(intrinsics, np.float64).reshape(-1, 4),
        "starts": starts,
        "stream": np.concatenate(flat) if flat else np.zeros(0, np.uint8),
    }
    with writing(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)


def encode_view(view: TrainingView) -> list[U1]:
    """The five compressed images of a view, as bytes."""
    steps = np.round(view.depth_m / DEPTH_STEP_M)
    steps = np.where(steps > 65535, 0, steps).astype(np.uint16)
    normals = np.where(
        (view.normals != 0.0).any(axis=-1, keepdims=True), np.round(127.0 * view.normals) + 128, 0
    ).astype(np.uint8)
    effort = [cv2.IMWRITE_PNG_COMPRESSION, PNG_EFFORT]
    return [
        _encoded(".jpg", view.rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, view.jpeg_quality]),
        _encoded(".png", steps, effort),
        _encoded(".png", view.labels, effort),
        _encoded(".png", normals[..., ::-1], effort),
        _encoded(".png", view.edges * 255, [cv2.IMWRITE_PNG_BILEVEL, 1]),
    ]


def _encoded(ending: str, image: Any, options: list[int]) -> U1:
    _, data = cv2.imencode(ending, np.ascontiguousarray(image), options)
    return np.asarray(data, np.uint8).ravel()
