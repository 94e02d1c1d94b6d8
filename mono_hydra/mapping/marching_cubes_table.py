"""The triangle table of marching cubes, derived instead of listed.

Lorensen and Cline (1987). For each of the 256 corner sign patterns the surface is traced face by
face; on an ambiguous face the negative corners are kept apart. The rule looks at that face alone,
so neighbouring cubes agree and the surface has no cracks.

Corner c has the offset (c & 1, c >> 1 & 1, c >> 2 & 1); edge e joins EDGES[e].
"""

from __future__ import annotations

import numpy as np

from mono_hydra.types import I4

# edges along x, then y, then z; each from the lower to the higher corner
EDGES: list[tuple[int, int]] = [
    (0, 1),
    (2, 3),
    (4, 5),
    (6, 7),
    (0, 2),
    (1, 3),
    (4, 6),
    (5, 7),
    (0, 4),
    (1, 5),
    (2, 6),
    (3, 7),
]
_EDGE_OF = {frozenset(e): i for i, e in enumerate(EDGES)}
# corners of each face, counter-clockwise seen from outside the cube
_FACES = [(0, 4, 6, 2), (1, 3, 7, 5), (0, 1, 5, 4), (2, 6, 7, 3), (0, 2, 3, 1), (4, 5, 7, 6)]


def _face_segments(face: tuple[int, ...], inside: list[bool]) -> list[tuple[int, int]]:
    """Directed segments (edge, edge) on one face; each cuts off one run of inside corners."""
    segments = []
    for n in range(4):
        if inside[face[n]] and not inside[face[n - 1]]:  # a run of inside corners starts here
            end = n
            while inside[face[(end + 1) % 4]]:
                end += 1
            entry = _EDGE_OF[frozenset((face[n - 1], face[n]))]
            leave = _EDGE_OF[frozenset((face[end % 4], face[(end + 1) % 4]))]
            segments.append((leave, entry))
    return segments


def _loops(segments: list[tuple[int, int]]) -> list[list[int]]:
    following = dict(segments)
    assert len(following) == len(segments)
    loops = []
    while following:
        start = min(following)
        loop = [start]
        while (after := following.pop(loop[-1])) != start:
            loop.append(after)
        loops.append(loop)
    return loops


def triangle_table() -> I4:
    """(256, 16) edges of up to five triangles, -1 ends; front towards positive corners."""
    table = np.full((256, 16), -1, np.int32)
    for case in range(256):
        inside = [bool(case >> c & 1) for c in range(8)]
        segments = [s for face in _FACES for s in _face_segments(face, inside)]
        edges = [
            corner
            for loop in _loops(segments)
            for i in range(1, len(loop) - 1)
            for corner in (loop[0], loop[i + 1], loop[i])
        ]
        table[case, : len(edges)] = edges
    return table
