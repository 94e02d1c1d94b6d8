"""Doubled and displaced walls: what a ray through a true structure surface crosses in the estimate.

From free space ahead of a true surface point a ray goes back through it, over the free distance
ahead and the thickness behind. One crossing is a wall, two that lie apart are a ghost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.evaluation.surface import OFF_SURFACE_M, Surface
from mono_hydra.evaluation.truth import Samples, TrueLabel
from mono_hydra.types import F8, I8

MAX_RAYS = 50_000
REACH_M = 0.40
MARGIN_M = 0.05
MIN_AHEAD_M = 0.10
MIN_BEHIND_M = 0.02
SAME_SURFACE_M = 0.03
GHOST_M = 0.06
MIN_COSINE = 0.5
FACES = ("wall", "floor", "ceiling")
MIN_FACE_M2 = 1.0


@dataclass(frozen=True, eq=False)
class _Probes:
    """Structure samples that a ray was cast through."""

    index: I8  # (N,) into the samples
    origin_m: F8  # (N, 3)
    direction: F8  # (N, 3), against the surface normal
    ahead_m: F8  # (N,)
    reach_m: F8  # (N,) ahead + behind


def score_walls(
    estimate: Surface, true: Surface, samples: Samples, labels: dict[int, TrueLabel]
) -> dict[str, Any]:
    """Ghost share, spread, offset and flatness of the estimated structure."""
    structure = [label.id for label in labels.values() if label.kind == "structure"]
    all_seen = np.flatnonzero(samples.is_seen & np.isin(samples.label, structure))
    probes = _probes(true, samples, _evenly(all_seen, MAX_RAYS))
    n = len(probes.index)
    first, last, nearest = _crossing_distances(estimate, probes)
    covered = np.isfinite(first)
    spread = (last - first)[covered]
    spread[spread <= SAME_SURFACE_M] = 0.0
    offset = (probes.ahead_m - nearest)[covered]
    any_covered = bool(covered.any())
    m2_per_probe = true.areas_m2.sum() / max(len(samples.points_m), 1)
    m2_per_probe *= len(all_seen) / max(min(len(all_seen), MAX_RAYS), 1)
    return {
        "cast": n,
        "covered": float(covered.mean()) if n else None,
        "ghost_share": float(np.mean(spread >= GHOST_M)) if any_covered else None,
        "spread_p95_m": float(np.percentile(spread, 95)) if any_covered else None,
        "offset_median_m": float(np.median(offset)) if any_covered else None,
        "flatness_m": _flatness(samples, probes.index[covered], offset, labels, m2_per_probe),
    }


def _evenly(index: I8, at_most: int) -> I8:
    if len(index) <= at_most:
        return index
    return np.asarray(index[np.arange(at_most) * len(index) // at_most])


def _probes(true: Surface, samples: Samples, index: I8) -> _Probes:
    """Rays with room ahead; they stop before the next true surface in front and behind."""
    q, n = samples.points_m[index], samples.normals[index]
    clear_m = true.first_hit(q + OFF_SURFACE_M * n, n)[0] + OFF_SURFACE_M
    thick_m = true.first_hit(q - OFF_SURFACE_M * n, -n)[0] + OFF_SURFACE_M
    ahead_m = np.minimum(REACH_M, clear_m - MARGIN_M)
    behind_m = np.maximum(MIN_BEHIND_M, np.minimum(REACH_M, thick_m - MARGIN_M))
    room = ahead_m >= MIN_AHEAD_M
    q, n, ahead_m, behind_m = q[room], n[room], ahead_m[room], behind_m[room]
    return _Probes(index[room], q + ahead_m[:, None] * n, -n, ahead_m, ahead_m + behind_m)


def _crossing_distances(estimate: Surface, probes: _Probes) -> tuple[F8, F8, F8]:
    """First, last and nearest-to-the-truth crossing (N,) of each probe, infinite where none."""
    found = estimate.crossings(probes.origin_m, probes.direction, probes.reach_m)
    n = len(probes.index)
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    cosine = -np.sum(estimate.normals[found.triangle] * probes.direction[found.ray], axis=1)
    facing = cosine > MIN_COSINE
    ray, t_m = found.ray[facing], found.t_m[facing]
    np.minimum.at(first, ray, t_m)
    np.maximum.at(last, ray, t_m)
    nearest = np.full(n, np.inf)
    order = np.lexsort((t_m, np.abs(t_m - probes.ahead_m[ray]), ray))
    ray, t_m = ray[order], t_m[order]
    ids, start = np.unique(ray, return_index=True)
    nearest[ids] = t_m[start]
    return first, last, nearest


def _flatness(
    samples: Samples, index: I8, offset_m: F8, labels: dict[int, TrueLabel], m2_per_probe: float
) -> float | None:
    """Median over true room faces of the robust deviation of the estimate from a parallel plane."""
    deviations = []
    for face in _faces(samples, index, labels):
        if len(face) * m2_per_probe >= MIN_FACE_M2:
            around = np.abs(offset_m[face] - np.median(offset_m[face]))
            deviations.append(1.4826 * np.median(around))
    return float(np.median(deviations)) if deviations else None


def _faces(samples: Samples, index: I8, labels: dict[int, TrueLabel]) -> list[I8]:
    """Groups of positions in `index` of one wall, floor or ceiling and one plane."""
    flat = [label.id for label in labels.values() if label.name in FACES]
    chosen = np.flatnonzero(np.isin(samples.label[index], flat) & (samples.room[index] > 0))
    kept = index[chosen]
    normal = np.round(samples.normals[kept], 1) + 0.0
    keys = np.column_stack([samples.room[kept], samples.label[kept], normal])
    height = np.sum(samples.normals[kept] * samples.points_m[kept], axis=1)
    groups: list[I8] = []
    if len(kept) == 0:
        return groups
    _, group_of = np.unique(keys, axis=0, return_inverse=True)
    group_of = group_of.ravel()
    for group in range(group_of.max() + 1):
        members = np.flatnonzero(group_of == group)
        members = members[np.argsort(height[members], kind="stable")]
        steps = np.flatnonzero(np.diff(height[members]) > 0.02) + 1  # planes are further apart
        groups += [chosen[part] for part in np.split(members, steps)]
    return groups
