"""The mesh, block by block, made anew only where the volume changed."""

from __future__ import annotations

import numpy as np

from mono_hydra.mapping import mesh_kernels as kernels
from mono_hydra.mapping.marching_cubes_table import EDGES, triangle_table
from mono_hydra.mapping.volume import BlockIndex, Volume
from mono_hydra.mapping.volume_kernels import pack_all, unpack
from mono_hydra.types import F4, I4, I8, MeshBlock

_BUFFER_BLOCKS = 24  # whole blocks of the densest kind that fit into the buffer of one call


class MeshBuilder:
    """Keeps one `MeshBlock` per voxel block that holds a surface."""

    def __init__(self) -> None:
        self.blocks: dict[BlockIndex, MeshBlock] = {}
        self._table = triangle_table()
        self._edges = np.array(EDGES, np.int32)
        n = _BUFFER_BLOCKS * kernels.MAX_VERTICES
        self._out = (
            np.empty((n, 3), np.float32),
            np.empty((n, 3), np.float32),
            np.empty((n, 3), np.uint8),
            np.empty(n, np.uint8),
            np.empty(n, np.float32),
            np.empty((_BUFFER_BLOCKS * kernels.MAX_FACES, 3), np.int32),
        )

    def step(self, volume: Volume, changed_keys: I8) -> dict[BlockIndex, MeshBlock | None]:
        """Make anew the blocks that use a changed one; None where no surface is left."""
        changed: dict[BlockIndex, MeshBlock | None] = {}
        keys = _with_lower_neighbours(changed_keys)
        ijk = unpack(keys)
        slots = volume.blocks.find(_upper_neighbours(keys)).reshape(-1, 8)
        first_vertex, first_face = np.zeros((2, len(keys) + 1), np.int64)
        done = 0
        while done < len(keys):
            start, done = done, self._extract(volume, done, slots, ijk, first_vertex, first_face)
            for n, index in enumerate(map(tuple, ijk[start:done].tolist()), start):
                v, f = slice(*first_vertex[n : n + 2]), slice(*first_face[n : n + 2])
                if f.start < f.stop:
                    block = self._block(index, v, f)
                    self.blocks[index] = changed[index] = block
                elif index in self.blocks:
                    del self.blocks[index]
                    changed[index] = None
        return changed

    def _block(self, index: BlockIndex, v: slice, f: slice) -> MeshBlock:
        vertices, normals, rgb, labels, confidence, faces = self._out
        return MeshBlock(
            index,
            vertices[v].copy(),
            normals[v].copy(),
            rgb[v].copy(),
            labels[v].copy(),
            confidence[v].copy(),
            faces[f].copy(),
        )

    def _extract(
        self, volume: Volume, start: int, slots: I4, ijk: I8, first_vertex: I8, first_face: I8
    ) -> int:
        """Mesh blocks from `start` on into the buffer; the first one that did not fit any more."""
        b, c = volume.blocks, volume.config
        done: int = kernels.extract(
            start, slots, ijk, c.voxel_size_m, c.min_weight, b.sdf_m, b.weights, b.rgb_fixed,
            b.label_ids, b.label_evidence, self._table, self._edges, first_vertex, first_face,
            *self._out,
        )  # fmt: skip
        return done

    def merged(self) -> MeshBlock:
        """All blocks as one mesh: equal border vertices joined, normals smooth across borders."""
        return merge_blocks([self.blocks[index] for index in sorted(self.blocks)])


def merge_blocks(blocks: list[MeshBlock]) -> MeshBlock:
    """Join blocks; equal vertices become one, faces without area are dropped.

    A border vertex is computed from the same two voxels in both blocks, so it is equal to the bit.
    """
    if not blocks:
        empty = np.zeros((0, 3), np.float32)
        return MeshBlock(
            (0, 0, 0),
            empty,
            empty,
            np.zeros((0, 3), np.uint8),
            np.zeros(0, np.uint8),
            np.zeros(0, np.float32),
            np.zeros((0, 3), np.int32),
        )
    vertices = np.concatenate([b.vertices_m for b in blocks])
    counts = np.cumsum([0] + [len(b.vertices_m) for b in blocks[:-1]])
    faces = np.concatenate([b.faces + np.int32(n) for b, n in zip(blocks, counts, strict=True)])
    chosen, joined_as = _first_of_equal(vertices)
    faces = joined_as[faces]
    keep = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    faces = np.ascontiguousarray(faces[keep])
    joined = vertices[chosen]
    return MeshBlock(
        (0, 0, 0),
        joined,
        _vertex_normals(joined, faces),
        np.concatenate([b.rgb for b in blocks])[chosen],
        np.concatenate([b.labels for b in blocks])[chosen],
        np.concatenate([b.confidence for b in blocks])[chosen],
        faces,
    )


def _first_of_equal(points_m: F4) -> tuple[I8, I4]:
    """Rows (M,), ascending, of the first of equal points (N, 3), and each point's number (N,)."""
    order = np.lexsort(points_m.T)
    ordered = points_m[order]
    starts = np.ones(len(order), np.bool_)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    group = np.cumsum(starts, dtype=np.int32) - np.int32(1)
    first = order[starts]  # the sort is stable: the first of each group has the lowest row
    rank = np.empty(len(first), np.int32)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first), dtype=np.int32)
    number = np.empty(len(order), np.int32)
    number[order] = rank[group]
    return np.sort(first), number


def _vertex_normals(vertices_m: F4, faces: I4) -> F4:
    normals = np.zeros(vertices_m.shape, np.float64)
    kernels.accumulate_normals(faces, vertices_m, normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    smooth: F4 = normals.astype(np.float32)
    return smooth


_CUBE = np.array([[d & 1, d >> 1 & 1, d >> 2 & 1] for d in range(8)], np.int64)


def _upper_neighbours(keys: I8) -> I8:
    """(N * 8,) keys of each block and its seven upper neighbours."""
    return pack_all((unpack(keys)[:, None, :] + _CUBE[None]).reshape(-1, 3))


def _with_lower_neighbours(keys: I8) -> I8:
    """Keys of the blocks and of all that sample them, ascending."""
    return np.unique(pack_all((unpack(keys)[:, None, :] - _CUBE[None]).reshape(-1, 3)))
