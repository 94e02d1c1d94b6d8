"""Where light is stored: a small lattice on every triangle, its nodes shared where they coincide.

Each triangle is read from its widest corner: `cells[t] = (n_a, n_b)` along the two edges that leave
it, (n_a + 1) (n_b + 1) nodes. Both halves of a rectangle thus have the same grid. Nodes that
lie at one place with one normal share one *sample*, so light has no seams across triangles, and
small details cost few samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation import light_kernels
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F4, F8, I4, I8, U1

CREASE_COSINE = 0.75  # edges flatter than 41 degrees are shaded as round
MAX_CELLS = 250
PULL_M = 0.012  # nodes stay that far from the triangle's rim: off the neighbouring wall
MERGE_M = 0.035  # nodes nearer than about this with one normal share a sample


@dataclass(frozen=True, eq=False)
class Lattice:
    """Nodes of all triangles and the samples behind them."""

    corner: U1  # (T,) the corner the lattice starts at
    cells: I4  # (T, 2) n_a, n_b
    node_start: I8  # (T,) first node; rows of n_a + 1 nodes, b by b
    sample_of_node: I4  # (N,)
    points_m: F4  # (S, 3) sample positions, on the surface
    normals: F4  # (S, 3)
    triangle: I4  # (S,) a triangle the sample lies on


def build_lattice(scene: HouseScene, cell_m: float) -> Lattice:
    """Lattices of about `cell_m` for all triangles of a scene."""
    corners = scene.vertices_m[scene.triangles]  # (T, 3, 3)
    corner = _widest_corner(corners)
    order = (corner[:, None] + np.arange(3)) % 3
    turned = np.take_along_axis(corners, order[:, :, None], axis=1)
    edge_a, edge_b = turned[:, 1] - turned[:, 0], turned[:, 2] - turned[:, 0]
    lengths = np.stack([np.linalg.norm(edge_a, axis=1), np.linalg.norm(edge_b, axis=1)], axis=1)
    cells = np.clip(np.ceil(lengths / cell_m), 1, MAX_CELLS).astype(np.int32)
    counts = (cells[:, 0] + 1).astype(np.int64) * (cells[:, 1] + 1)
    node_start = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    smooth = _corner_normals(scene)
    smooth = np.take_along_axis(smooth, order[:, :, None], axis=1)
    continues = _rectangle_halves(scene, order)
    n_nodes = int(counts.sum())
    points, pulled = np.empty((n_nodes, 3), np.float32), np.empty((n_nodes, 3), np.float32)
    normals = np.empty((n_nodes, 3), np.float32)
    light_kernels.place_nodes(
        turned, smooth, scene.normal, cells, node_start, continues, PULL_M, points, pulled, normals
    )
    sample_of_node, first = _merge(points, normals)
    owner = np.repeat(np.arange(len(cells)), counts)[first]
    return Lattice(
        corner=corner,
        cells=cells,
        node_start=node_start,
        sample_of_node=sample_of_node,
        points_m=pulled[first],
        normals=normals[first],
        triangle=owner.astype(np.int32),
    )


def _widest_corner(corners: F4) -> U1:
    """(T,) corner opposite to the longest edge."""
    opposite = np.stack(
        [
            np.linalg.norm(corners[:, (k + 2) % 3] - corners[:, (k + 1) % 3], axis=1)
            for k in range(3)
        ],
        axis=1,
    )
    return np.asarray(np.argmax(np.round(opposite, 5), axis=1), np.uint8)


def _corner_normals(scene: HouseScene) -> F4:
    """(T, 3, 3) normals of the corners, averaged over neighbours within the crease angle."""
    place = _welded(scene)
    flat = place[scene.triangles].ravel()
    order = np.argsort(flat, kind="stable")
    start = np.searchsorted(flat[order], np.arange(int(flat.max()) + 2))
    weighted = (scene.normal * scene.area_m2[:, None]).astype(np.float32)
    result = np.empty((len(scene.triangles), 3, 3), np.float32)
    light_kernels.smooth_normals(
        flat.astype(np.int64),
        order.astype(np.int64),
        start.astype(np.int64),
        scene.normal,
        weighted,
        scene.part,
        CREASE_COSINE,
        result,
    )
    return result


def _welded(scene: HouseScene) -> I8:
    """(V,) id of the place of each vertex, a tenth of a millimetre apart."""
    keys = np.round(scene.vertices_m.astype(np.float64) * 1e4).astype(np.int64)
    return _ranks(_packed(keys))


def _packed(keys: I8) -> I8:
    """(N,) one number per row of small whole numbers."""
    packed = np.zeros(len(keys), np.int64)
    for column in keys.T:
        low = int(column.min())
        packed = packed * (int(column.max()) - low + 1) + (column - low)
        packed = _ranks(packed)
    return packed


def _ranks(values: I8) -> I8:
    return np.unique(values, return_inverse=True)[1].astype(np.int64).reshape(-1)


def _rectangle_halves(scene: HouseScene, order: I8) -> U1:
    """(T,) whether the long edge is shared with a triangle of the same plane."""
    place = _welded(scene)
    turned = place[np.take_along_axis(scene.triangles, order, axis=1)]
    ends = np.sort(turned[:, 1:], axis=1)
    edge = ends[:, 0] * (int(place.max()) + 1) + ends[:, 1]
    by_edge = np.lexsort((np.arange(len(edge)), edge))
    here, there = by_edge[:-1], by_edge[1:]
    flat = np.einsum("tk,tk->t", scene.normal[here], scene.normal[there]) > 0.9999
    pair = (edge[here] == edge[there]) & flat
    result = np.zeros(len(edge), np.uint8)
    result[here[pair]] = 1
    result[there[pair]] = 1
    return result


def _merge(points: F4, normals: F4) -> tuple[I4, I8]:
    """Sample id of each node, and the first node of each sample."""
    cell = np.floor(points.astype(np.float64) / MERGE_M + 0.37).astype(np.int64)
    facing = np.rint(normals * 2.5).astype(np.int64)
    keys = _packed(np.concatenate([cell, facing], axis=1))
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return inverse.astype(np.int32).reshape(-1), first.astype(np.int64)


def neighbours(lattice: Lattice) -> tuple[I8, I8]:
    """(E,) pairs of different samples that are lattice neighbours, each pair once."""
    ends = light_kernels.lattice_edges(lattice.cells, lattice.node_start)
    a, b = lattice.sample_of_node[ends[:, 0]], lattice.sample_of_node[ends[:, 1]]
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    facing = np.einsum("sk,sk->s", lattice.normals[low], lattice.normals[high]) > 0.7
    keep = (low != high) & facing
    n = len(lattice.points_m)
    keys = np.unique(low[keep] * n + high[keep])
    return keys // n, keys % n


def node_values(lattice: Lattice, samples: F4) -> F4:
    """(N, 3) values of the samples at every node."""
    return np.ascontiguousarray(samples[lattice.sample_of_node])


def area_of_samples(scene: HouseScene, lattice: Lattice) -> F8:
    """(S,) surface that each sample stands for."""
    counts = (lattice.cells[:, 0] + 1).astype(np.int64) * (lattice.cells[:, 1] + 1)
    share = np.repeat(scene.area_m2 / counts, counts)
    area = np.bincount(lattice.sample_of_node, share, minlength=len(lattice.points_m))
    return np.asarray(area, np.float64)
