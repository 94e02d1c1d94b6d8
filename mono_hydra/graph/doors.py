"""Doors: where two basins of a footprint meet in a narrow or lintelled place."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mono_hydra.graph.footprint import Footprint
from mono_hydra.graph.scene_graph import Door
from mono_hydra.types import F4, I4, Bool

DOOR_HEIGHT_M = 2.05  # when no lintel was seen
APART_M = 1.2  # meetings of the same two rooms nearer than this are one door


@dataclass(frozen=True, eq=False)
class Link:
    """Two basins and the door between them."""

    basins: tuple[int, int]
    door: Door


def door_evidence(footprint: Footprint) -> F4:
    """(X, Y) how much near each cell speaks for a door, 0 nothing .. 1: labels and lintels."""
    marks = (footprint.lintel | (footprint.door >= 3)).astype(np.uint8)
    size = 2 * round(0.4 / footprint.cell_m) + 1
    near = cv2.boxFilter(marks.astype(np.float32), -1, (size, size), normalize=False)
    return np.asarray(np.clip(near / 6.0, 0.0, 1.0), np.float32)


def door_sites(footprint: Footprint) -> Bool:
    """(X, Y) where a passage can be a door: nothing free above, walls beside, not furniture."""
    size = 2 * round(0.6 / footprint.cell_m) + 1
    wall, furniture = (
        cv2.boxFilter(m.astype(np.float32), -1, (size, size), normalize=False)
        for m in (footprint.wall, footprint.furniture)
    )
    tall = cv2.boxFilter(footprint.tall.astype(np.float32), -1, (3, 3)) >= 0.5
    return np.asarray((wall >= 1.5 * furniture) & (wall > 0) & ~tall)


def door_links(footprint: Footprint, label: I4, links: I4) -> list[Link]:
    """Doors from the meeting cells (rows: cell of a basin, cell of the other, meeting cell).

    Rows come from wide to narrow; of meetings near each other the widest is the door.
    """
    flat = label.ravel()
    basins = np.sort(flat[links[:, :2]], axis=1)
    real = (basins[:, 0] >= 0) & (basins[:, 0] != basins[:, 1])
    basins, at = basins[real], links[real, 2]
    cells = np.stack(np.divmod(at, label.shape[1]), axis=1)
    points = footprint.point_of(cells)
    left = np.ones(len(at), bool)
    found: list[Link] = []
    while left.any():
        n = int(left.argmax())
        same = (basins == basins[n]).all(axis=1)
        left &= ~(same & (np.linalg.norm(points - points[n], axis=1) < APART_M))
        i, j = cells[n]
        position = np.append(points[n], footprint.floor_z_m + DOOR_HEIGHT_M / 2)
        width = 2.0 * float(footprint.radius_m[i, j])
        confidence = 0.9 if footprint.lintel[i, j] else 0.6
        pair = (int(basins[n, 0]), int(basins[n, 1]))
        found.append(Link(pair, Door(position, width, DOOR_HEIGHT_M, confidence)))
    return found
