"""Kernels that look at the evidence grid from above: floors, and maps of one storey."""

from __future__ import annotations

from numba import njit

from mono_hydra.types import F8, I4, I8, U1


@njit(cache=True, nogil=True, error_model="numpy")
def standing_area(state: U1, hits: I4, sums: I4, area: I8, offset: I8) -> None:
    """Columns in which one can stand on each layer, and where in the layer its surface lies.

    state, hits (X, Y, Z), sums (..., 3); area (Z,) counts surface voxels with three free voxels
    above; offset (Z, 2) sums their points' heights (64ths of a voxel from the middle) and counts
    them.
    """
    for i in range(state.shape[0]):
        for j in range(state.shape[1]):
            for k in range(state.shape[2] - 4):
                s = state[i, j, k]
                if s != 2 and s != 4:
                    continue
                if state[i, j, k + 2] == 1 and state[i, j, k + 3] == 1 and state[i, j, k + 4] == 1:
                    area[k] += 1
                    offset[k, 0] += sums[i, j, k, 2]
                    offset[k, 1] += hits[i, j, k]


@njit(cache=True, nogil=True, error_model="numpy")
def storey_maps(
    state: U1,
    hits: I4,
    kinds: I4,
    height_m: F8,
    eye_m: tuple[float, float],
    above_m: tuple[float, float],
    top_m: float,
    free_eye: I4,
    closed_eye: I4,
    wall_eye: I4,
    door_eye: I4,
    free_above: I4,
    wall_above: I4,
    floor: U1,
    top: I4,
) -> None:
    """Count, column by column, what lies at eye height, above doors, at the floor and on top.

    height_m (Z,) of the layers' middles above the floor; eye_m and above_m are ranges of it; all
    results (X, Y), zero before: free and closed voxels, those of wall or door, points labelled
    door, whether something is seen near the floor, layer of the highest surface below top_m.
    """
    for i in range(state.shape[0]):
        for j in range(state.shape[1]):
            for k in range(state.shape[2]):
                s, h = state[i, j, k], height_m[k]
                if s == 0 or h < -0.3 or h > top_m:
                    continue
                if s >= 2:
                    if h < 0.3:
                        floor[i, j] = 1
                    top[i, j] = k
                n = hits[i, j, k]
                is_wall = s >= 2 and n > 0 and 2 * (kinds[i, j, k, 0] + kinds[i, j, k, 1]) >= n
                if eye_m[0] < h < eye_m[1]:
                    free_eye[i, j] += s == 1
                    closed_eye[i, j] += s >= 2
                    wall_eye[i, j] += is_wall
                    door_eye[i, j] += kinds[i, j, k, 1]
                elif above_m[0] < h < above_m[1]:
                    free_above[i, j] += s == 1
                    wall_above[i, j] += is_wall
