"""Doors: where two basins of a footprint meet in a narrow or lintelled place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.graph.footprint import Footprint
from mono_hydra.graph.scene_graph import Door
from mono_hydra.types import F4, I4

DOOR_HEIGHT_M = 2.05  # when no lintel was seen
APART_M = 1.2  # meetings of the same two rooms nearer than this are one door


@dataclass(frozen=True, eq=False)
class Link:
    """Two basins and the door between them."""

    basins: tuple[int, int]
    door: Door


def door_evidence(footprint: Footprint) -> F4:
    """(X, Y) how much near each cell speaks for a door, 0 nothing .. 1: labels and lintels."""
    import cv2

    marks = (footprint.lintel | (footprint.door >= 3)).astype(np.uint8)
    size = 2 * round(0.4 / footprint.cell_m) + 1
    near = cv2.boxFilter(marks.astype(np.float32), -1, (size, size), normalize=False)
    return np.clip(near / 6.0, 0.0, 1.0).astype(np.float32)


def door_links(footprint: Footprint, label: I4, links: I4) -> list[Link]:
    """Doors from the meeting cells (rows: cell of a basin, cell of the other, meeting cell)."""
    n_y = label.shape[1]
    flat = label.ravel()
    found: list[Link] = []
    for first, second, at in links.tolist():
        a, b = sorted((int(flat[first]), int(flat[second])))
        if a == b or a < 0:
            continue
        cell = np.array([[at // n_y, at % n_y]])
        position = np.append(footprint.point_of(cell)[0], footprint.floor_z_m + DOOR_HEIGHT_M / 2)
        if any(
            k.basins == (a, b) and np.linalg.norm(k.door.position_m - position) < APART_M
            for k in found
        ):
            continue
        i, j = int(cell[0, 0]), int(cell[0, 1])
        width = 2.0 * float(footprint.radius_m[i, j])
        confidence = 0.9 if footprint.lintel[i, j] else 0.6
        found.append(Link((a, b), Door(position, width, DOOR_HEIGHT_M, confidence)))
    return found
