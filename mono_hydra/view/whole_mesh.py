"""The mesh of a run as observers keep it: changed blocks in, one mesh out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mono_hydra.types import MeshBlock
from mono_hydra.view.observer import BlockIndex


class WholeMesh:
    """The newest version of every block."""

    def __init__(self) -> None:
        self.blocks: dict[BlockIndex, MeshBlock] = {}

    def update(self, changed: dict[BlockIndex, MeshBlock | None]) -> None:
        """Take changed blocks; None removes one."""
        for index, block in changed.items():
            if block is None:
                self.blocks.pop(index, None)
            else:
                self.blocks[index] = block

    def joined(self) -> MeshBlock:
        """All blocks as one mesh, in the order of their indices."""
        return join_blocks(self.blocks[index] for index in sorted(self.blocks))


def join_blocks(blocks: Iterable[MeshBlock]) -> MeshBlock:
    """Blocks one after the other as one mesh; vertices on shared borders stay doubled."""
    parts = list(blocks)
    offsets = np.cumsum([0] + [len(b.vertices_m) for b in parts])
    empty3, empty1 = np.zeros((0, 3)), np.zeros(0)

    def stacked(arrays: list[np.ndarray], empty: np.ndarray, kind: type) -> np.ndarray:
        return np.concatenate([empty.astype(kind), *arrays]).astype(kind)

    return MeshBlock(
        (0, 0, 0),
        stacked([b.vertices_m for b in parts], empty3, np.float32),
        stacked([b.normals for b in parts], empty3, np.float32),
        stacked([b.rgb for b in parts], empty3, np.uint8),
        stacked([b.labels for b in parts], empty1, np.uint8),
        stacked([b.confidence for b in parts], empty1, np.float32),
        stacked([b.faces + k for b, k in zip(parts, offsets, strict=False)], empty3, np.int32),
    )
