"""How far an exported network's answers are from those of the network in torch.

Compared are the outputs of the engines at the network's own size, before anything is resized. What
float32 exports promise: depth within `MAX_DEPTH_DIFFERENCE` (relative, at every pixel) and at least
`MIN_LABEL_AGREEMENT` of the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from m2h.backends import Engine
from m2h.errors import DataError
from m2h.letterbox import ASSUMED_VIEW, as_rgb, fit
from m2h.metrics.normals import angles_deg
from m2h.recipe import recipe_image
from m2h.types import F4, U1

MAX_DEPTH_DIFFERENCE = 1e-3
MIN_LABEL_AGREEMENT = 0.995
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


@dataclass(frozen=True)
class Agreement:
    """The largest differences over some images; None for outputs that the network lacks."""

    n_images: int
    max_relative_depth_difference: float | None
    mean_relative_depth_difference: float | None
    label_agreement: float | None  # share of all pixels
    max_normal_difference_deg: float | None
    max_edge_difference: float | None  # of the probability

    @property
    def is_met(self) -> bool:
        """Whether depth and labels keep what float32 exports promise."""
        depth, labels = self.max_relative_depth_difference, self.label_agreement
        return (depth is None or depth <= MAX_DEPTH_DIFFERENCE) and (
            labels is None or labels >= MIN_LABEL_AGREEMENT
        )

    def record(self) -> dict[str, Any]:
        """Plain values for JSON, without those that are None."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def compare_engines(reference: Engine, other: Engine, images: Iterable[U1]) -> Agreement:
    """Run both on every image.

    Args:
        reference: the network in torch, float32.
        other: what is judged.
        images: (h, w, 3) RGB of the engines' size.

    Raises:
        DataError: there is no image.
    """
    depth_max, depth_mean, agreeing, normal_deg, edges = [], [], [], [], []
    n_images, view = 0, np.array(ASSUMED_VIEW, np.float32)
    for image in images:
        expected = {name: x.copy() for name, x in reference(image, view).items()}
        found = other(image, view)
        n_images += 1
        if "depth" in expected:
            difference = np.abs(found["depth"] / expected["depth"] - 1)
            depth_max.append(float(difference.max()))
            depth_mean.append(float(difference.mean()))
        if "log_probability" in expected:
            agreeing.append(_equal_share(found["log_probability"], expected["log_probability"]))
        if "normals" in expected:
            normal_deg.append(_largest_angle_deg(found["normals"], expected["normals"]))
        if "edges" in expected:
            edges.append(float(np.abs(found["edges"] - expected["edges"]).max()))
    if not n_images:
        raise DataError("export check: there is no image to compare on; give a folder with some")
    return Agreement(
        n_images,
        max(depth_max, default=None),
        float(np.mean(depth_mean)) if depth_mean else None,
        float(np.mean(agreeing)) if agreeing else None,
        max(normal_deg, default=None),
        max(edges, default=None),
    )


def built_in_images(size: tuple[int, int]) -> list[U1]:
    """Four patterns of gradients, discs, blocks and noise, (height, width, 3)."""
    image = recipe_image(*size)
    return [image, image[:, ::-1].copy(), 255 - image, (image // 3).astype(np.uint8)]


def folder_images(folder: Path, size: tuple[int, int], most: int) -> list[U1]:
    """Up to `most` images of a folder, spread over it, framed to the network's size.

    Raises:
        DataError: it is no folder or holds no image. ImageError: one cannot be used.
    """
    from m2h.data.pictures import read_rgb

    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not paths:
        raise DataError(f"{folder}: holds no image ({', '.join(_SUFFIXES)}); name another folder")
    chosen = [paths[k * len(paths) // min(most, len(paths))] for k in range(min(most, len(paths)))]
    return [framed(read_rgb(path), size) for path in chosen]


def framed(image: U1, size: tuple[int, int]) -> U1:
    """An image as the engines take it."""
    rgb = as_rgb(image)
    return fit((rgb.shape[0], rgb.shape[1]), size).apply(rgb)


def _equal_share(found: F4, expected: F4) -> float:
    return float((found.argmax(-1) == expected.argmax(-1)).mean())


def _largest_angle_deg(found: F4, expected: F4) -> float:
    rows: Sequence[F4] = [x.reshape(3, -1).T for x in (found, expected)]
    return float(angles_deg(rows[0], rows[1]).max())
