"""The box of an object whose depth is uncertain, from the outlines it showed in several views.

Errors of a learnt depth belong to the surface and the side it is seen from: averaging views from
one side does not remove them, and points of several sides smear. The outline in the image is exact
to a pixel. So a box is fitted whose outline agrees with those seen; points, usual sizes of the
class and the direction of walls are priors. World frame, z up, metres.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mono_hydra.graph import box_fit_kernels as kernels
from mono_hydra.graph.boxes import rotation_2d
from mono_hydra.graph.class_sizes import ClassSize
from mono_hydra.graph.instance import Instance
from mono_hydra.graph.scene_graph import Box
from mono_hydra.types import F8

MAX_VIEWS = 24  # outlines that are used, spread over all views
MIN_VIEWS = 2
EDGE_SIGMA = np.array([0.03, 0.004])  # of an outline, at the object: metres, and per metre away
WEIGHT_OF_TRUST = np.array([0.0, 0.3, 1.0])
INDEPENDENT_VIEWS = 12.0  # further views repeat the errors of others
ACROSS_M, UP_M = 0.08, 0.04  # standard deviations of the points' centre
SIDE_M, HEIGHT_M = 0.10, 0.05  # and of their extents
ALIKE = 0.6  # how much depth and width of a thing differ, as a share of the width
FLAT_M = 0.05  # usual thickness of what hangs on a wall
STEPS = 12
FREE_YAW_GAIN = 6.0  # of the cost, by which a turn out of the walls' direction must be better
TRIM_SHARE = 0.03  # of the points of a view, at each end
SIZE_QUANTILE = 0.7  # of the extents in single views: most views see less than the whole


def fit_to_outlines(
    instance: Instance,
    start: Box,
    size: ClassSize,
    pose_of: Mapping[int, F8],
    wall_yaw_rad: float | None,
) -> Box | None:
    """Box that agrees best with the outlines of an instance; None with too few of them.

    Args:
        instance: with its observations.
        start: box around its points.
        size: usual sizes of its class.
        pose_of: T_world_camera by keyframe id.
        wall_yaw_rad: commonest direction of walls, None if unknown.
    """
    seen = _outlines(instance, start, pose_of)
    if seen is None:
        return None
    eyes, headings, outlines, weights = seen
    ahead = headings.mean(axis=0)
    ahead /= max(float(np.linalg.norm(ahead)), 1e-9)
    axes = _view_axes(start.center_m - eyes)
    place_sigma = np.array([instance.noise_m + 0.02, ACROSS_M, UP_M])
    limits = np.array([size.least_m, size.most_m])
    yaws = [start.yaw_rad] if wall_yaw_rad is None else [wall_yaw_rad, start.yaw_rad]
    best: tuple[float, F8] | None = None
    for n, yaw in enumerate(yaws):
        if n and abs((yaw - yaws[0] + np.pi / 4) % (np.pi / 2) - np.pi / 4) < np.deg2rad(5.0):
            continue
        is_free = wall_yaw_rad is None or n > 0
        seen_sides = _extents(instance, start, yaw, pose_of)
        for sides, side_sigma in _side_priors(seen_sides, size, instance.noise_m, yaw, ahead):
            box = np.array([*start.center_m, *sides, yaw])
            cost = kernels.fit_box(
                box, 7 if is_free else 6, eyes, headings, outlines, weights, EDGE_SIGMA,
                np.array([*start.center_m, *sides]), axes,
                np.concatenate([place_sigma, side_sigma]), limits, STEPS,
            )  # fmt: skip
            handicap = FREE_YAW_GAIN if is_free and n else 0.0
            if best is None or cost + handicap < best[0]:
                best = (cost + handicap, box)
    assert best is not None
    box = best[1]
    if not np.isfinite(box).all():
        return None
    return Box(box[:3].copy(), box[3:6].copy(), float(box[6] % np.pi))


def _view_axes(sight_m: F8) -> F8:
    """(3, 3) rows along the mean line of sight, level across it, and upright to both."""
    along = (sight_m / np.linalg.norm(sight_m, axis=1)[:, None]).mean(axis=0)
    across = np.array([-along[1], along[0], 0.0])
    axes = np.array([along, across, np.cross(along, across)])
    return np.asarray(axes / np.maximum(np.linalg.norm(axes, axis=1), 1e-9)[:, None])


def _side_priors(
    sides: F8, size: ClassSize, noise_m: float, yaw_rad: float, ahead: F8
) -> list[tuple[F8, F8]]:
    """What the sides (3,) may be before outlines are looked at, each with standard deviations.

    A thing on a wall is flat, along one of two axes. Elsewhere the depth of a thing, which no
    outline shows, is known by its points and by being alike to its width.
    """
    sigma = np.array([SIDE_M, SIDE_M, HEIGHT_M])
    if size.stands == "wall":
        found = []
        for axis in range(2):
            flat, flat_sigma = sides.copy(), sigma.copy()
            flat[axis], flat_sigma[axis] = FLAT_M, 0.5 * FLAT_M
            found.append((flat, flat_sigma))
        return found
    alongs = np.abs(ahead @ rotation_2d(yaw_rad))
    deep = int(np.argmax(alongs))
    width = float(sides[1 - deep])
    by_points, by_width = 1.0 / (SIDE_M + noise_m) ** 2, 1.0 / (ALIKE * width + 0.05) ** 2
    sides, total = sides.copy(), by_points + by_width
    sides[deep] = (by_points * sides[deep] + by_width * width) / total
    sigma[deep] = 1.0 / np.sqrt(total)
    return [(sides, sigma)]


def _outlines(
    instance: Instance, start: Box, pose_of: Mapping[int, F8]
) -> tuple[F8, F8, F8, F8] | None:
    """Eyes (V, 3), headings (V, 2), outlines (V, 4) and their weights of the views to use."""
    rims: dict[int, list[int]] = {}
    for n, observation in enumerate(instance.observations):
        if observation.rim_rays is not None:
            rims.setdefault(observation.keyframe_id, []).append(n)
    chosen = sorted(rims)
    if len(chosen) > MAX_VIEWS:
        chosen = [chosen[k] for k in np.linspace(0, len(chosen) - 1, MAX_VIEWS).astype(int)]
    eyes, headings, outlines, weights = [], [], [], []
    for keyframe_id in chosen:
        T = pose_of[keyframe_id]
        level = start.center_m[:2] - T[:2, 3]
        away = float(np.linalg.norm(level))
        if away < 0.3:
            continue
        heading = level / away
        outline, trust = np.full(4, -np.inf), np.zeros(4, np.int64)
        for n in rims[keyframe_id]:
            observation = instance.observations[n]
            assert observation.rim_rays is not None
            assert observation.rim_trust is not None
            rays = observation.rim_rays.astype(np.float64) @ T[:3, :3].T
            ahead = np.maximum(rays[:, :2] @ heading, 1e-3)
            turn = (rays[:, 0] * heading[1] - rays[:, 1] * heading[0]) / ahead
            rise = rays[:, 2] / np.maximum(np.hypot(rays[:, 0], rays[:, 1]), 1e-3)
            values = np.array([-turn[0], turn[1], -rise[2], rise[3]])
            farther = values > outline
            outline = np.where(farther, values, outline)
            trust = np.where(farther, observation.rim_trust, trust)
        eyes.append(T[:3, 3])
        headings.append(heading)
        outlines.append(outline)
        weights.append(WEIGHT_OF_TRUST[trust])
    if len(eyes) < MIN_VIEWS:
        return None
    share = min(1.0, INDEPENDENT_VIEWS / len(eyes))
    return np.array(eyes), np.array(headings), np.array(outlines), np.array(weights) * share


def _extents(instance: Instance, start: Box, yaw: float, pose_of: Mapping[int, F8]) -> F8:
    """(3,) usual extents of the points of single views along the axes of a box.

    Points of one view share their error, so that their extent is truer than that of all points.
    """
    R = rotation_2d(yaw)
    found = []
    step = -(-len(instance.observations) // MAX_VIEWS)
    for observation in instance.observations[::-step]:
        if len(observation.points_mm) < 8:
            continue
        points = observation.points_world_m(pose_of[observation.keyframe_id])
        plan = np.sort(points[:, :2] @ R, axis=0)
        cut = int(TRIM_SHARE * len(plan))
        found.append(plan[len(plan) - 1 - cut] - plan[cut])
    if not found:
        return start.size_m.copy()
    sides = np.quantile(np.array(found), SIZE_QUANTILE, axis=0)
    return np.array([*np.maximum(sides, 0.03), start.size_m[2]])
