"""Compiled reading of one mesh block: where its floor lies, and its walls with their directions."""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, I8, U1, Bool


@njit(cache=True, nogil=True, error_model="numpy")
def read_block(
    vertices_m: F4,
    normals: F4,
    labels: U1,
    is_floor: Bool,
    is_structure: Bool,
    upright: float,
    walls: F4,
    yaw_votes: I8,
) -> tuple[float, int, int]:
    """Median height of the floor, numbers of floor and of wall vertices.

    vertices_m, normals (N, 3) and labels (N,) of the block;
    is_floor, is_structure (256,): kinds of labels; upright: least height of a floor's normal.
    Writes walls (N, 5) position and normal in plan, and adds the walls' directions modulo 90
    degrees to yaw_votes (90,).
    """
    heights_m = np.empty(labels.shape[0], np.float32)
    n_floor, n_walls = 0, 0
    for i in range(labels.shape[0]):
        label, up = labels[i], normals[i, 2]
        if is_floor[label] and up > upright:
            heights_m[n_floor] = vertices_m[i, 2]
            n_floor += 1
        if is_structure[label] and abs(up) < 0.4:
            for k in range(3):
                walls[n_walls, k] = vertices_m[i, k]
            walls[n_walls, 3], walls[n_walls, 4] = normals[i, 0], normals[i, 1]
            yaw = np.degrees(np.arctan2(normals[i, 1], normals[i, 0])) % 90.0
            yaw_votes[int(np.round(yaw)) % 90] += 1
            n_walls += 1
    height_m = np.median(heights_m[:n_floor]) if n_floor > 0 else 0.0
    return height_m, n_floor, n_walls
