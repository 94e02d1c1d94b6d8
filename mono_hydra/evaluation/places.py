"""Places scores: clearance, coverage of free space, passages that are none, navigability.

True world, metres. Clearance is the exact distance to the true surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.graph_file import PLACES, ROOMS, GraphFile
from mono_hydra.evaluation.spheres import Spheres
from mono_hydra.evaluation.summary import summarise
from mono_hydra.evaluation.surface import Surface
from mono_hydra.evaluation.truth import FreeSpace, Samples
from mono_hydra.types import F8, I8

STEP_M = 0.05
EDGE_RADIUS_M = 0.10
SOLID_M = 0.2


@dataclass(frozen=True, eq=False)
class PlaceSet:
    """The places graph of a run in the true world."""

    ids: list[int]
    spheres: Spheres
    edges: I8  # (E, 2) positions in `ids`
    edge_weight: F8  # (E,) clearance along the edge as the file states it
    rooms: list[int | None]  # node id of the room above each place

    def __len__(self) -> int:
        """Number of places."""
        return len(self.ids)


def estimated_places(graph: GraphFile, alignment: Alignment) -> PlaceSet:
    """Places with finite position, by id, and the edges between them."""
    nodes = [n for n in graph.layer(PLACES) if np.isfinite(n.position_m).all()]
    position = {n.id: k for k, n in enumerate(nodes)}
    centers = np.array([n.position_m for n in nodes], dtype=np.float64).reshape(-1, 3)
    radii = np.array([float(n.attributes.get("distance") or 0.0) for n in nodes])
    joined = sorted(
        (*sorted((position[e.source], position[e.target])), e.weight)
        for e in graph.edges_of(PLACES)
        if e.source in position and e.target in position
    )
    return PlaceSet(
        [n.id for n in nodes],
        Spheres(np.ascontiguousarray(alignment.points(centers)), alignment.scale * radii),
        np.array([e[:2] for e in joined], dtype=np.int64).reshape(-1, 2),
        np.array([e[2] for e in joined], dtype=np.float64),
        [graph.ancestor(n.id, ROOMS) for n in nodes],
    )


def score_places(
    places: PlaceSet, surface: Surface, samples: Samples, free_space: FreeSpace | None
) -> dict[str, Any]:
    """All scores of places but the routes."""
    centers, radii = places.spheres.centers_m, places.spheres.radii_m
    clearance_m = surface.distance(centers)
    error_m = np.abs(clearance_m - radii)
    nearest_sample = cKDTree(samples.points_m).query(centers)[1] if len(places) else []
    near_seen = samples.is_seen[np.asarray(nearest_sample, dtype=np.int64)]
    into_solid = (radii - clearance_m > SOLID_M) | surface.in_matter(centers)
    edge_clearance_m = segment_clearance(surface, centers, places.edges)
    scores: dict[str, Any] = {
        "places": len(places),
        "edges": len(places.edges),
        "clearance_error_m": summarise(error_m[near_seen]),
        "clearance_error_all_m": summarise(error_m),
        "reaches_into_solid": float(into_solid.mean()) if len(places) else None,
        "components": n_components(len(places), places.edges),
        "wrong_edges": float(np.mean(edge_clearance_m < EDGE_RADIUS_M))
        if len(places.edges)
        else (0.0 if len(places) else None),
    }
    if free_space is not None:
        scores["coverage"] = coverage(places.spheres, free_space)
        voxels = np.argwhere(free_space.gvd)
        scores["gvd_distance_m"] = None
        if len(voxels) and len(places):
            distance_m, _ = cKDTree(free_space.centers(voxels)).query(centers)
            scores["gvd_distance_m"] = summarise(distance_m)
    return scores


def coverage(spheres: Spheres, free_space: FreeSpace) -> float | None:
    """Share of the seen free voxels of rooms that lie in a sphere grown by one voxel."""
    voxels = np.argwhere((free_space.room > 0) & free_space.seen_free)
    if len(voxels) == 0:
        return None
    _, gap_m = spheres.nearest(free_space.centers(voxels))
    return float(np.mean(gap_m <= free_space.voxel_m))


def n_components(n_places: int, edges: I8) -> int:
    """Connected components of the places graph."""
    if n_places == 0:
        return 0
    return int(connected_components(adjacency(n_places, edges, np.ones(len(edges))))[0])


def adjacency(n_places: int, edges: I8, weight: F8) -> Any:
    """Symmetric sparse matrix (P, P) of the edges."""
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    return coo_array((np.tile(weight, 2), (rows, columns)), shape=(n_places, n_places)).tocsr()


def segment_clearance(surface: Surface, points_m: F8, segments: I8) -> F8:
    """Least distance (S,) to the surface along straight segments (S, 2), looked at every 5 cm."""
    starts, ends = points_m[segments[:, 0]], points_m[segments[:, 1]]
    return line_clearance(surface, starts, ends)


def line_clearance(surface: Surface, starts_m: F8, ends_m: F8) -> F8:
    """Least distance (S,) to the surface along straight lines; zero where one crosses it."""
    if len(starts_m) == 0:
        return np.zeros(0)
    length = np.linalg.norm(ends_m - starts_m, axis=1)
    n_steps = np.maximum(np.ceil(length / STEP_M).astype(np.int64), 1)
    of_line = np.repeat(np.arange(len(starts_m)), n_steps + 1)
    step = np.arange(len(of_line)) - np.repeat(np.cumsum(n_steps + 1) - n_steps - 1, n_steps + 1)
    t = (step / n_steps[of_line])[:, None]
    points = (1.0 - t) * starts_m[of_line] + t * ends_m[of_line]
    least = np.full(len(starts_m), np.inf)
    np.minimum.at(least, of_line, surface.distance(points))
    return np.where(surface.blocked(starts_m, ends_m), 0.0, least)
