"""Marching cubes over one voxel block, with vertices shared inside the block.

A block owns the 8 x 8 x 8 cells whose lower corner is one of its voxels; samples 0..8 along each
axis come from it and its seven upper neighbours. Vertex positions depend on the two voxels of
their edge alone, so neighbouring blocks produce equal vertices on their border.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1, U2

SIDE = 8
SAMPLES = SIDE + 1


@njit(cache=True, nogil=True)
def gather(slots: I4, sdf_m: F4, weights: F4, min_weight: float, grid: F4) -> bool:
    """Fill grid (9, 9, 9) with signed distances, NaN where unobserved; has it both signs?

    slots (8,): this block and its upper neighbours, index = dx + 2 dy + 4 dz, -1 where absent.
    """
    has_negative = False
    has_positive = False
    enough = np.float32(min_weight)
    unobserved = np.float32(np.nan)
    for i in range(SAMPLES):
        for j in range(SAMPLES):
            which = (i >> 3) + 2 * (j >> 3)
            line = ((i & 7) * SIDE + (j & 7)) * SIDE
            for upper in range(2):
                slot = slots[which + 4 * upper]
                first, n = SIDE * upper, SIDE if upper == 0 else 1
                for k in range(n):
                    value = unobserved
                    if slot >= 0 and weights[slot, line + k] >= enough:
                        value = sdf_m[slot, line + k]
                        if value < 0.0:
                            has_negative = True
                        else:
                            has_positive = True
                    grid[i, j, first + k] = value
    return has_negative and has_positive


@njit(cache=True, nogil=True, inline="always")
def _source(slots: I4, i: int, j: int, k: int) -> int:
    """Slot * 512 + voxel of a sample."""
    slot = np.int64(slots[(i >> 3) + 2 * (j >> 3) + 4 * (k >> 3)])
    return slot * 512 + ((i & 7) * SIDE + (j & 7)) * SIDE + (k & 7)


@njit(cache=True, nogil=True)
def extract(
    slots: I4,
    key_ijk: I8,
    voxel_m: float,
    min_weight: float,
    sdf_m: F4,
    weights: F4,
    rgb_fixed: U2,
    label_ids: U1,
    label_evidence: F4,
    table: I4,
    edges: I4,
    grid: F4,
    vertex_of_edge: I4,
    vertices: F4,
    normals: F4,
    rgb: U1,
    labels: U1,
    confidence: F4,
    faces: I4,
) -> tuple[int, int]:
    """Mesh of one block into preallocated arrays; returns the numbers of vertices and faces.

    vertices, normals (1944, 3), rgb (1944, 3), labels, confidence (1944,), faces (2560, 3);
    grid (9, 9, 9) and vertex_of_edge (3, 9, 9, 9) are scratch.
    """
    if not gather(slots, sdf_m, weights, min_weight, grid):
        return 0, 0
    vertex_of_edge[:] = -1
    n_vertices = 0
    n_faces = 0
    for i in range(SIDE):
        for j in range(SIDE):
            for k in range(SIDE):
                case = 0
                complete = True
                for c in range(8):
                    value = grid[i + (c & 1), j + (c >> 1 & 1), k + (c >> 2 & 1)]
                    if np.isnan(value):
                        complete = False
                        break
                    if value < 0.0:
                        case |= 1 << c
                if not complete or case == 0 or case == 255:
                    continue
                t = 0
                while table[case, t] >= 0:
                    for corner in range(3):
                        e = table[case, t + corner]
                        a = edges[e, 0]
                        axis = e >> 2
                        ia, ja, ka = i + (a & 1), j + (a >> 1 & 1), k + (a >> 2 & 1)
                        vertex = vertex_of_edge[axis, ia, ja, ka]
                        if vertex < 0:
                            vertex = n_vertices
                            n_vertices += 1
                            vertex_of_edge[axis, ia, ja, ka] = vertex
                            b = edges[e, 1]
                            ib, jb, kb = i + (b & 1), j + (b >> 1 & 1), k + (b >> 2 & 1)
                            _vertex(
                                vertex,
                                axis,
                                ia,
                                ja,
                                ka,
                                grid[ia, ja, ka],
                                grid[ib, jb, kb],
                                _source(slots, ia, ja, ka),
                                _source(slots, ib, jb, kb),
                                key_ijk,
                                voxel_m,
                                rgb_fixed,
                                label_ids,
                                label_evidence,
                                vertices,
                                rgb,
                                labels,
                                confidence,
                            )
                            normals[vertex] = 0.0
                        faces[n_faces, corner] = vertex
                    _add_face_normal(faces[n_faces], vertices, normals)
                    n_faces += 1
                    t += 3
    for n in range(n_vertices):
        length = np.sqrt(normals[n, 0] ** 2 + normals[n, 1] ** 2 + normals[n, 2] ** 2)
        if length > 0.0:
            normals[n] /= length
    return n_vertices, n_faces


@njit(cache=True, nogil=True)
def _vertex(
    vertex: int,
    axis: int,
    i: int,
    j: int,
    k: int,
    da: float,
    db: float,
    source_a: int,
    source_b: int,
    key_ijk: I8,
    voxel_m: float,
    rgb_fixed: U2,
    label_ids: U1,
    label_evidence: F4,
    vertices: F4,
    rgb: U1,
    labels: U1,
    confidence: F4,
) -> None:
    t = da / (da - db)
    at = np.empty(3, np.float64)
    at[0], at[1], at[2] = key_ijk[0] * SIDE + i, key_ijk[1] * SIDE + j, key_ijk[2] * SIDE + k
    at[axis] += t
    for c in range(3):
        vertices[vertex, c] = (at[c] + 0.5) * voxel_m
        value = (
            rgb_fixed[source_a // 512, source_a % 512, c] * (1.0 - t)
            + rgb_fixed[source_b // 512, source_b % 512, c] * t
        ) / 256.0
        rgb[vertex, c] = np.uint8(min(max(value, 0.0), 255.0))
    labels[vertex], confidence[vertex] = _best_label(
        source_a, source_b, np.float32(1.0 - t), np.float32(t), label_ids, label_evidence
    )


@njit(cache=True, nogil=True)
def _best_label(
    a: int, b: int, weight_a: float, weight_b: float, label_ids: U1, label_evidence: F4
) -> tuple[int, float]:
    """Strongest label of two voxels together, and its share discounted where evidence is little."""
    best = 0
    top = np.float32(0.0)
    total = np.float32(0.0)
    for side in range(2):
        source, weight = (a, weight_a) if side == 0 else (b, weight_b)
        other, other_weight = (b, weight_b) if side == 0 else (a, weight_a)
        for c in range(label_ids.shape[2]):
            label = label_ids[source // 512, source % 512, c]
            if label == 0:
                break
            e = weight * label_evidence[source // 512, source % 512, c]
            total += e
            for d in range(label_ids.shape[2]):
                if label_ids[other // 512, other % 512, d] == label:
                    e += other_weight * label_evidence[other // 512, other % 512, d]
            if e > top:
                top = e
                best = label
    return best, top / (total + np.float32(1.0))


@njit(cache=True, nogil=True)
def _add_face_normal(face: I4, vertices: F4, normals: F4) -> None:
    a, b, c = vertices[face[0]], vertices[face[1]], vertices[face[2]]
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    for n in range(3):
        normals[face[n], 0] += nx
        normals[face[n], 1] += ny
        normals[face[n], 2] += nz


@njit(cache=True, nogil=True)
def accumulate_normals(faces: I4, vertices: F8, normals: F8) -> None:
    """Area-weighted vertex normals (V, 3), added in the order of the faces."""
    for f in range(faces.shape[0]):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        for n in range(3):
            normals[faces[f, n], 0] += uy * vz - uz * vy
            normals[faces[f, n], 1] += uz * vx - ux * vz
            normals[faces[f, n], 2] += ux * vy - uy * vx
