"""The mesh, block by block, made anew only where the volume changed."""

from __future__ import annotations

import numpy as np

from mono_hydra.mapping import mesh_kernels as kernels
from mono_hydra.mapping.marching_cubes_table import EDGES, triangle_table
from mono_hydra.mapping.volume import BlockIndex, Volume
from mono_hydra.mapping.volume_kernels import pack_all, unpack
from mono_hydra.types import F4, F8, I4, I8, MeshBlock

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
    """Join blocks; vertices equal to 0.01 mm become one, faces without area are dropped."""
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
    faces = np.concatenate([b.faces + n for b, n in zip(blocks, counts, strict=True)])
    quantised = np.round(vertices.astype(np.float64) * 1e5).astype(np.int64)
    _, first, merged = np.unique(quantised, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")  # keep the order of first appearance
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    faces = rank[merged.reshape(-1)][faces]
    keep = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    faces = np.ascontiguousarray(faces[keep], np.int32)
    chosen = first[order]
    joined = vertices[chosen]
    normals = _vertex_normals(joined.astype(np.float64), faces)
    return MeshBlock(
        (0, 0, 0),
        joined,
        normals,
        np.concatenate([b.rgb for b in blocks])[chosen],
        np.concatenate([b.labels for b in blocks])[chosen],
        np.concatenate([b.confidence for b in blocks])[chosen],
        faces,
    )


def _vertex_normals(vertices_m: F8, faces: I4) -> F4:
    normals = np.zeros_like(vertices_m)
    kernels.accumulate_normals(faces, vertices_m, normals)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    smooth: F4 = (normals / np.maximum(length, 1e-12)).astype(np.float32)
    return smooth


_CUBE = np.array([[d & 1, d >> 1 & 1, d >> 2 & 1] for d in range(8)], np.int64)


def _upper_neighbours(keys: I8) -> I8:
    """(N * 8,) keys of each block and its seven upper neighbours."""
    return pack_all((unpack(keys)[:, None, :] + _CUBE[None]).reshape(-1, 3))


def _with_lower_neighbours(keys: I8) -> I8:
    """Keys of the blocks and of all that sample them, ascending."""
    return np.unique(pack_all((unpack(keys)[:, None, :] - _CUBE[None]).reshape(-1, 3)))
