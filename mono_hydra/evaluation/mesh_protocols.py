"""Mesh scores as papers report them, for comparison only: after ICP, and from point to point.

`niceslam`: both meshes culled to the union of the view frusta, 200 000 points each, point to point,
after ICP. `gosurf`: the same, and parts hidden from every view are removed from both as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.mesh import LIMITS_M, f_score, sample_count
from mono_hydra.evaluation.summary import summarise
from mono_hydra.evaluation.surface import Surface
from mono_hydra.evaluation.truth import Truth
from mono_hydra.evaluation.view import in_view
from mono_hydra.geometry import se3
from mono_hydra.open3d_import import load_open3d
from mono_hydra.types import F8, Bool

ICP_DISTANCE_M = 0.1
ICP_ITERATIONS = 50
POINTS = 200_000
ICP_POINTS = 50_000
HIDDEN_M = 0.02
EVERY_POSE = 5  # a surface is in sight of several neighbouring poses


def score_after_icp(surface: Surface, truth: Truth) -> dict[str, Any] | None:
    """Accuracy, completeness and F of the mesh after point-to-point ICP."""
    if truth.mesh is None or truth.samples is None or surface.is_empty:
        return None
    moved = Surface(_icp(surface, truth).points(surface.vertices_m), surface.faces)
    n_points = sample_count(float(moved.areas_m2.sum()))
    points, _ = moved.sample(n_points, np.random.default_rng(0))
    points = points[in_view(points, truth.camera, truth.T_world_camera, truth.max_range_m)]
    accuracy_m = truth.mesh.surface.distance(points)
    completeness_m = moved.distance(truth.samples.points_m[truth.samples.is_seen])
    return _summary(accuracy_m, completeness_m)


def score_protocol(
    surface: Surface, truth: Truth, protocol: str, n_points: int = POINTS
) -> dict[str, Any] | None:
    """Scores of a paper's protocol, `niceslam` or `gosurf`."""
    if truth.mesh is None or truth.samples is None or surface.is_empty:
        return None
    moved = Surface(_icp(surface, truth).points(surface.vertices_m), surface.faces)
    clouds = []
    for side in (moved, truth.mesh.surface):
        points, _ = side.sample(2 * n_points, np.random.default_rng(0))
        points = points[in_view(points, truth.camera, truth.T_world_camera, truth.max_range_m)]
        if protocol == "gosurf":
            points = points[_in_sight(points, side, truth)]
        clouds.append(points[:: max(1, len(points) // n_points)][:n_points])
    if min(map(len, clouds)) == 0:
        return None
    estimate, true = clouds
    accuracy_m, _ = cKDTree(true).query(estimate)
    completeness_m, _ = cKDTree(estimate).query(true)
    return {"protocol": protocol, **_summary(accuracy_m, completeness_m)}


def _summary(accuracy_m: F8, completeness_m: F8) -> dict[str, Any]:
    scores: dict[str, Any] = {
        "accuracy_m": summarise(accuracy_m),
        "completeness_m": summarise(completeness_m),
    }
    return scores | {k: f_score(accuracy_m, completeness_m, v) for k, v in LIMITS_M.items()}


def _icp(surface: Surface, truth: Truth) -> Alignment:
    """Rigid motion of the mesh onto the seen true surface."""
    assert truth.samples is not None
    o3d = load_open3d()
    clouds = []
    points, _ = surface.sample(ICP_POINTS, np.random.default_rng(0))
    for cloud_m in (points, truth.samples.points_m[truth.samples.is_seen]):
        cloud = o3d.geometry.PointCloud()
        cloud.points = o3d.utility.Vector3dVector(cloud_m)
        clouds.append(cloud)
    registration = o3d.pipelines.registration
    found = registration.registration_icp(
        *clouds,
        ICP_DISTANCE_M,
        np.eye(4),
        registration.TransformationEstimationPointToPoint(),
        registration.ICPConvergenceCriteria(max_iteration=ICP_ITERATIONS),
    )
    T = np.asarray(found.transformation)
    return Alignment(T[:3, :3], T[:3, 3])


def _in_sight(points_m: F8, surface: Surface, truth: Truth) -> Bool:
    """(N,) bool: is the point in the image of a true pose with nothing of the surface before it."""
    camera = truth.camera
    visible = np.zeros(len(points_m), bool)
    for T_world_camera in truth.T_world_camera[::EVERY_POSE]:
        rest = np.flatnonzero(~visible)
        pose = T_world_camera[None]
        rest = rest[in_view(points_m[rest], camera, pose, truth.max_range_m)]
        local = se3.transform(se3.inverse(T_world_camera), points_m[rest])
        distance = np.linalg.norm(local, axis=1)
        start = np.repeat(T_world_camera[None, :3, 3], len(rest), axis=0)
        direction = (points_m[rest] - start) / np.maximum(distance, 1e-9)[:, None]
        hit_m, _ = surface.first_hit(start, direction)
        visible[rest] = hit_m >= distance - HIDDEN_M
    return visible
