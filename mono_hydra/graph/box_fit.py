"""Upright box of an object whose depth is uncertain, by least squares on its outlines.

Unknowns are centre and sides; the turn is given. Residuals: the box's outline less the seen one in
every view (one-sided where the view does not show the end), the points' place along each direction
of view, their extents, and what is usual for the class. World frame, z up, metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.graph.boxes import rotation_2d
from mono_hydra.graph.scene_graph import Box
from mono_hydra.graph.view_outlines import Outlines
from mono_hydra.types import F8

EDGE_M, EDGE_SLOPE = 0.018, 0.004  # of an outline: at the object; one pixel at width 320
ROBUST = 2.0  # standard deviations from which an outline counts as wrong (Cauchy)
BOTTOM_M = 0.05  # of a floor; with it the lowest rays tell how far away a thing is
INDEPENDENT = 1.0  # measurements of its place that the points of all views are worth
STEPS = 12
MIN_SIDE_M = 0.02


@dataclass(frozen=True, eq=False)
class BoxPrior:
    """What is thought of a box before its outlines are looked at; sigmas are standard deviations.

    Lengths along the box's own axes.
    """

    box: Box
    information: F8  # (3, 3) of the centre, 1 / m^2
    log_sides_sigma: F8  # (3,) of ln side
    alike_sigma: float  # of ln(length / width)
    least_m: F8  # (3,) longer, shorter, height
    most_m: F8
    bottom_m: float | None = None  # height of what it stands on
    roundness: float = 0.0  # 0: filled corners; 1: an ellipse in plan


@dataclass(frozen=True, eq=False)
class BoxFit:
    """A fitted box."""

    box: Box
    cost: float  # half the robust sum of squares of the residuals
    covariance: F8  # (3, 3) of its centre, m^2, as far as the residuals are independent


def fit_box(outlines: Outlines, prior: BoxPrior) -> BoxFit:
    """The most probable box.

    Args:
        outlines: of the object in several views.
        prior: what is thought of the box before; its turn stays.
    """
    problem = _Problem(outlines, prior)
    x = np.array([*prior.box.center_m, *np.log(np.maximum(prior.box.size_m, MIN_SIDE_M))])
    n = len(x)
    cost, damping = problem.cost(x), 1e-2
    for _ in range(STEPS):
        boxes = np.repeat(x[None], n + 1, axis=0)
        boxes[np.arange(1, n + 1), np.arange(n)] += 1e-4
        r = problem.residuals(boxes)
        J = (r[1:] - r[0]).T / 1e-4
        w = problem.robust_weights(r[0])
        H, g = (J * w[:, None]).T @ J, J.T @ (w * r[0])
        improved = False
        for _ in range(4):
            step = np.linalg.solve(H + damping * np.diag(np.diag(H) + 1e-9), -g)
            there = x + np.clip(step, -0.3, 0.3)
            new = problem.cost(there)
            if new < cost:
                improved = cost - new > 1e-3
                x, cost, damping = there, new, damping * 0.3
                break
            damping *= 5.0
        if not improved:
            break
    box = Box(x[:3].copy(), np.maximum(np.exp(x[3:]), MIN_SIDE_M), prior.box.yaw_rad)
    return BoxFit(box, float(cost), np.linalg.inv(H + 1e-9 * np.eye(n))[:3, :3])


class _Problem:
    """Residuals of boxes x (B, 6): centre, ln sides."""

    def __init__(self, outlines: Outlines, prior: BoxPrior) -> None:
        self.o, self.prior = outlines, prior
        self.n_edges = outlines.slopes.size
        self.root = np.linalg.cholesky(prior.information + 1e-9 * np.eye(3)).T
        self.plan = _footprint(prior.roundness)
        away = np.linalg.norm(prior.box.center_m[:2] - outlines.eyes_m[:, :2], axis=1)
        sigma = np.hypot(EDGE_M, EDGE_SLOPE * away) / np.maximum(away, 0.3)
        self.scale = np.sqrt(outlines.weights)[:, None] / sigma[:, None]

    def residuals(self, x: F8) -> F8:
        """(B, R) in standard deviations; those of the outlines first."""
        p = self.prior
        edges = (self._slopes(x) - self.o.slopes) * self.scale
        edges = np.where(self.o.is_edge, edges, np.minimum(edges, 0.0))
        place = (x[:, :3] - p.box.center_m) @ self.root.T
        sides = (x[:, 3:6] - np.log(np.maximum(p.box.size_m, MIN_SIDE_M))) / p.log_sides_sigma
        alike = (x[:, 3] - x[:, 4])[:, None] / p.alike_sigma
        longer, shorter = np.maximum(x[:, 3], x[:, 4]), np.minimum(x[:, 3], x[:, 4])
        usual = np.column_stack([longer, shorter, x[:, 5]])
        below = np.minimum(usual - np.log(np.maximum(p.least_m, MIN_SIDE_M)), 0.0) / 0.15
        above = np.maximum(usual - np.log(np.maximum(p.most_m, MIN_SIDE_M)), 0.0) / 0.15
        bottom = x[:, 2:3] - np.exp(x[:, 5:6]) / 2
        stands = 0.0 * bottom if p.bottom_m is None else (bottom - p.bottom_m) / BOTTOM_M
        flat = edges.reshape(len(x), -1)
        return np.concatenate([flat, place, sides, alike, below, above, stands], axis=1)

    def robust_weights(self, r: F8) -> F8:
        """(R,) of the least squares that stands for the robust sum."""
        w = np.ones(len(r))
        w[: self.n_edges] = 1.0 / (1.0 + (r[: self.n_edges] / ROBUST) ** 2)
        return w

    def cost(self, x: F8) -> float:
        """Half the robust sum of squares of one box (6,)."""
        r = self.residuals(x[None])[0]
        edges = ROBUST**2 * np.log1p((r[: self.n_edges] / ROBUST) ** 2)
        return float(0.5 * (edges.sum() + (r[self.n_edges :] ** 2).sum()))

    def _slopes(self, x: F8) -> F8:
        """(B, V, 4) outlines of boxes."""
        sides = np.exp(x[:, 3:6])
        c, s = np.cos(self.prior.box.yaw_rad), np.sin(self.prior.box.yaw_rad)
        a, b = sides[:, :1] * self.plan[:, 0], sides[:, 1:2] * self.plan[:, 1]
        px, py = x[:, :1] + c * a - s * b, x[:, 1:2] + s * a + c * b
        dx = px[:, None] - self.o.eyes_m[None, :, None, 0]
        dy = py[:, None] - self.o.eyes_m[None, :, None, 1]
        h = self.o.headings
        ahead = np.maximum(dx * h[:, None, 0] + dy * h[:, None, 1], 0.05)
        turn = (dx * h[:, None, 1] - dy * h[:, None, 0]) / ahead
        level = np.maximum(np.hypot(dx, dy), 0.05)
        top = (x[:, 2] + sides[:, 2] / 2)[:, None] - self.o.eyes_m[None, :, 2]
        bottom = (x[:, 2] - sides[:, 2] / 2)[:, None] - self.o.eyes_m[None, :, 2]
        slopes: F8 = np.stack(
            [
                turn.max(axis=2),
                -turn.min(axis=2),
                (top[..., None] / level).max(axis=2),
                (-bottom[..., None] / level).max(axis=2),
            ],
            axis=-1,
        )
        return slopes


def _footprint(roundness: float) -> F8:
    """(K, 2) plan of a thing with sides 1, its corners cut towards an ellipse."""
    turns = np.arange(8) * np.pi / 4
    circle = 0.5 * np.column_stack([np.cos(turns), np.sin(turns)])
    if roundness == 0.0:
        return np.asarray(circle[1::2] * np.sqrt(2.0))
    plan = circle.copy()
    plan[1::2] *= np.sqrt(2.0) * (1.0 - roundness) + roundness
    return plan


def sight_information(outlines: Outlines, about_m: F8, along_m: F8, across_m: float) -> F8:
    """(3, 3) information of a centre known to `along_m` (V,) along each sight, `across_m` across.

    Views from one side repeat their error: their weights add up to one measurement.
    """
    sight = about_m - outlines.eyes_m
    sight /= np.linalg.norm(sight, axis=1)[:, None]
    outer = sight[:, :, None] * sight[:, None, :]
    along = outer / along_m[:, None, None] ** 2
    across = (np.eye(3) - outer) / across_m**2
    n = max(float(outlines.weights.sum()), 1e-9)
    total = ((along + across) * outlines.weights[:, None, None]).sum(axis=0)
    return np.asarray(total / max(n / INDEPENDENT, 1.0))


def extents_in_views(points_of_view: list[F8], yaw_rad: float, quantile: float) -> F8:
    """(2,) usual plan extents of the points of single views, which share their error."""
    R = rotation_2d(yaw_rad)
    found = []
    for points in points_of_view:
        plan = np.sort(points[:, :2] @ R, axis=0)
        cut = int(0.03 * len(plan))
        found.append(plan[len(plan) - 1 - cut] - plan[cut])
    return np.asarray(np.quantile(np.array(found), quantile, axis=0))
