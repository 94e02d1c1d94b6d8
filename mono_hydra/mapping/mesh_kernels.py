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
MAX_VERTICES, MAX_FACES = 3 * 9 * 9 * 8, 5 * 512  # of one block


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _source(slots: I4, i: int, j: int, k: int) -> int:
    """Slot * 512 + voxel of a sample."""
    slot = np.int64(slots[(i >> 3) + 2 * (j >> 3) + 4 * (k >> 3)])
    return slot * 512 + ((i & 7) * SIDE + (j & 7)) * SIDE + (k & 7)


@njit(cache=True, nogil=True, error_model="numpy")
def extract(
    start: int,
    slots: I4,
    ijk: I8,
    voxel_m: float,
    min_weight: float,
    sdf_m: F4,
    weights: F4,
    rgb_fixed: U2,
    label_ids: U1,
    label_evidence: F4,
    table: I4,
    edges: I4,
    first_vertex: I8,
    first_face: I8,
    vertices: F4,
    normals: F4,
    rgb: U1,
    labels: U1,
    confidence: F4,
    faces: I4,
) -> int:
    """Meshes of blocks ijk (N, 3) from `start` on, one after the other, into preallocated arrays.

    slots (N, 8) as `gather` takes them, -1 where the block itself is absent: no mesh. Block n gets
    the vertices first_vertex[n]:first_vertex[n + 1] and the faces likewise, counted from its first
    vertex. vertices, normals (V, 3), rgb (V, 3), labels, confidence (V,), faces (F, 3). Returns the
    first block that was not done for want of room.
    """
    grid = np.empty((SAMPLES, SAMPLES, SAMPLES), np.float32)
    vertex_of_edge = np.empty((3, SAMPLES, SAMPLES, SAMPLES), np.int32)
    n_vertices, n_faces = 0, 0
    for n in range(start, slots.shape[0]):
        if n_vertices + MAX_VERTICES > vertices.shape[0] or n_faces + MAX_FACES > faces.shape[0]:
            return n
        first_vertex[n], first_face[n] = n_vertices, n_faces
        if slots[n, 0] >= 0 and gather(slots[n], sdf_m, weights, min_weight, grid):
            added_vertices, added_faces = _extract_block(
                slots[n], ijk[n], voxel_m, rgb_fixed, label_ids, label_evidence, table, edges,
                grid, vertex_of_edge, vertices[n_vertices:], normals[n_vertices:],
                rgb[n_vertices:], labels[n_vertices:], confidence[n_vertices:], faces[n_faces:],
            )  # fmt: skip
            n_vertices += added_vertices
            n_faces += added_faces
        first_vertex[n + 1], first_face[n + 1] = n_vertices, n_faces
    return slots.shape[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _cases(grid: F4, i: int, j: int, cases: I4) -> bool:
    """Case of each cell (8,) of a column, 0 where a sample is unobserved; is there any other?

    Four samples of one height make a nibble, two nibbles a case.
    """
    has_surface = False
    below = 0
    for k in range(SAMPLES):
        a, b = grid[i, j, k], grid[i + 1, j, k]
        c, d = grid[i, j + 1, k], grid[i + 1, j + 1, k]
        nibble = -1
        if not np.isnan(a + b + c + d):
            nibble = int(a < 0.0) | int(b < 0.0) << 1 | int(c < 0.0) << 2 | int(d < 0.0) << 3
        if k > 0:
            case = 0 if below < 0 or nibble < 0 else below | nibble << 4
            cases[k - 1] = 0 if case == 255 else case
            has_surface |= cases[k - 1] != 0
        below = nibble
    return has_surface


@njit(cache=True, nogil=True, error_model="numpy")
def _extract_block(
    slots: I4,
    key_ijk: I8,
    voxel_m: float,
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
    """Mesh of one block at the start of the arrays; the numbers of its vertices and faces.

    grid (9, 9, 9) holds the block's samples; vertex_of_edge (3, 9, 9, 9) is scratch.
    """
    vertex_of_edge[:] = -1
    cases = np.empty(SIDE, np.int32)
    n_vertices, n_faces = 0, 0
    for i in range(SIDE):
        for j in range(SIDE):
            if not _cases(grid, i, j, cases):
                continue
            for k in range(SIDE):
                case = cases[k]
                t = 0
                while case > 0 and table[case, t] >= 0:
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


@njit(cache=True, nogil=True, error_model="numpy")
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
    vertices[vertex, 0] = (key_ijk[0] * SIDE + i + 0.5) * voxel_m
    vertices[vertex, 1] = (key_ijk[1] * SIDE + j + 0.5) * voxel_m
    vertices[vertex, 2] = (key_ijk[2] * SIDE + k + 0.5) * voxel_m
    along = (i, j, k)[axis]
    vertices[vertex, axis] = (key_ijk[axis] * SIDE + along + t + 0.5) * voxel_m
    for c in range(3):
        value = (
            rgb_fixed[source_a // 512, source_a % 512, c] * (1.0 - t)
            + rgb_fixed[source_b // 512, source_b % 512, c] * t
        ) / 256.0
        rgb[vertex, c] = np.uint8(min(max(value, 0.0), 255.0))
    labels[vertex], confidence[vertex] = _best_label(
        source_a, source_b, np.float32(1.0 - t), np.float32(t), label_ids, label_evidence
    )


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
def _add_face_normal(face: I4, vertices: F4, normals: F4) -> None:
    a, b, c = vertices[face[0]], vertices[face[1]], vertices[face[2]]
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    for n in range(3):
        normals[face[n], 0] += nx
        normals[face[n], 1] += ny
        normals[face[n], 2] += nz


@njit(cache=True, nogil=True, error_model="numpy")
def accumulate_normals(faces: I4, vertices: F4, normals: F8) -> None:
    """Area-weighted vertex normals (V, 3), added in the order of the faces."""
    for f in range(faces.shape[0]):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        for n in range(3):
            normals[faces[f, n], 0] += uy * vz - uz * vy
            normals[faces[f, n], 1] += uz * vx - ux * vz
            normals[faces[f, n], 2] += ux * vy - uy * vx
