"""Boxes from outlines: what depth errors of single views do not move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mono_hydra.graph.box_fit import BoxPrior, fit_box
from mono_hydra.graph.boxes import box_around, corners, rotation_2d, share_inside
from mono_hydra.graph.scene_graph import Box
from mono_hydra.graph.view_outlines import CELL_PX, Outlines, outlines_of, small_view
from tests.graph.object_world import Body, circle, keyframe, look_at
from tests.graph.test_objects import CHAIR_A, TABLE_TOP, build


def outline(box: Box, eye: np.ndarray, heading: np.ndarray) -> list[float]:
    """Right, left, top and bottom slopes, corner by corner."""
    slopes = [[], [], [], []]
    for corner in corners(box):
        for z in (-0.5, 0.5):
            d = np.array([*corner, box.center_m[2] + z * box.size_m[2]]) - eye
            turn = (d[0] * heading[1] - d[1] * heading[0]) / (d[:2] @ heading)
            rise = d[2] / np.hypot(*d[:2])
            for k, value in enumerate((turn, -turn, rise, -rise)):
                slopes[k].append(value)
    return [max(s) for s in slopes]


def seen(box: Box, about: np.ndarray, n: int = 6, arc: float = 2.0) -> Outlines:
    angles = np.linspace(0.0, arc, n)
    eyes = np.column_stack([2.5 * np.cos(angles), 2.5 * np.sin(angles), np.full(n, 1.5)])
    level = about[:2] - eyes[:, :2]
    headings = level / np.linalg.norm(level, axis=1)[:, None]
    slopes = np.array([outline(box, e, h) for e, h in zip(eyes, headings, strict=True)])
    return Outlines(eyes, headings, slopes, np.ones((n, 4), bool), np.ones(n))


def wrong_prior(box: Box, off: np.ndarray, factor: float) -> BoxPrior:
    start = Box(box.center_m + off, box.size_m * factor, box.yaw_rad)
    return BoxPrior(
        start, np.eye(3) / 0.2**2, np.full(3, 0.3), 5.0, np.full(3, 0.05), np.full(3, 3.0)
    )


@settings(deadline=None, max_examples=25)
@given(
    yaw=st.floats(0.0, 1.5),
    length=st.floats(0.4, 1.2),
    depth=st.floats(0.3, 0.8),
    off=st.tuples(*[st.floats(-0.15, 0.15)] * 3),
    factor=st.floats(0.8, 1.25),
)
def test_outlines_correct_a_box_that_points_misplace(yaw, length, depth, off, factor) -> None:
    box = Box(np.array([0.0, 0.1, 0.45]), np.array([length, depth, 0.9]), yaw)
    prior = wrong_prior(box, np.array(off), factor)
    fitted = fit_box(seen(box, prior.box.center_m), prior).box
    assert fitted.center_m == pytest.approx(box.center_m, abs=0.04)
    assert fitted.size_m == pytest.approx(box.size_m, abs=0.08)


def test_a_hidden_end_does_not_cut_the_box() -> None:
    box = Box(np.array([0.0, 0.0, 0.45]), np.array([1.0, 0.6, 0.9]), 0.3)
    whole = seen(box, box.center_m)
    slopes, is_edge = whole.slopes.copy(), whole.is_edge.copy()
    slopes[2:4, 0] -= 0.15  # something stands before its right end
    is_edge[2:4, 0] = False
    fitted = fit_box(
        replace(whole, slopes=slopes, is_edge=is_edge), wrong_prior(box, np.zeros(3), 1.0)
    )
    assert fitted.box.size_m == pytest.approx(box.size_m, abs=0.03)


def test_one_wrong_outline_hardly_moves_the_box() -> None:
    box = Box(np.array([0.0, 0.0, 0.45]), np.array([1.0, 0.6, 0.9]), 0.3)
    whole = seen(box, box.center_m)
    slopes = whole.slopes.copy()
    slopes[2, 0] += 0.6  # the wall beside it takes its label
    fitted = fit_box(replace(whole, slopes=slopes), wrong_prior(box, np.zeros(3), 1.0))
    assert fitted.box.size_m == pytest.approx(box.size_m, abs=0.04)


def test_a_place_is_known_worse_along_the_sight_of_views_from_one_side() -> None:
    box = Box(np.array([0.0, 0.0, 0.45]), np.array([0.5, 0.5, 0.9]), 0.0)
    narrow = fit_box(seen(box, box.center_m, arc=0.2), wrong_prior(box, np.zeros(3), 1.0))
    wide = fit_box(seen(box, box.center_m, arc=2.0), wrong_prior(box, np.zeros(3), 1.0))
    assert narrow.covariance[0, 0] > 4 * narrow.covariance[1, 1]
    assert wide.covariance[0, 0] < narrow.covariance[0, 0]


def with_depth_errors(bodies: list[Body], sd: float) -> list:
    """Views from around whose depth is wrong by a factor, another one every 40 degrees."""
    factors = np.exp(np.random.default_rng(3).normal(0.0, sd, 9))
    return [
        replace(
            v,
            depth_m=(v.depth_m * factors[v.id // 2]).astype(np.float32),
            depth_sigma=np.full_like(v.depth_sigma, sd),
        )
        for v in circle(bodies, n=18)
    ]


def test_a_chair_under_depth_errors_keeps_its_place_and_size() -> None:
    builder, _ = build(with_depth_errors([CHAIR_A], 0.06))
    (chair,) = builder.finish().values()
    low, high = np.array(CHAIR_A.low), np.array(CHAIR_A.high)
    assert chair.box.center_m == pytest.approx((low + high) / 2, abs=0.06)
    assert chair.box.size_m[2] == pytest.approx(high[2] - low[2], abs=0.08)
    assert np.sort(chair.box.size_m[:2]) == pytest.approx(np.sort((high - low)[:2]), abs=0.15)


def test_an_end_behind_something_nearer_or_at_the_border_is_no_edge() -> None:
    pose = look_at((2.2, 0.0, 0.8), (0.0, 0.0, 0.5))
    alone, _ = build([keyframe(k, [TABLE_TOP], pose) for k in range(3)])
    (instance,) = alone._tracker.instances.values()
    center = (np.array(TABLE_TOP.low) + np.array(TABLE_TOP.high)) / 2
    view = keyframe(0, [TABLE_TOP], pose)
    free = outlines_of(instance, center, {0: small_view(view)})
    assert free is not None
    assert free.is_edge.all()
    covered = replace(view, depth_m=np.where(view.labels == TABLE_TOP.label, view.depth_m, 0.5))
    hidden = outlines_of(instance, center, {0: small_view(covered)})
    assert hidden is not None
    assert not hidden.is_edge.any()


def test_a_small_view_keeps_the_nearest_depth_of_each_cell() -> None:
    view = keyframe(0, [], look_at((2.2, 0.0, 0.8), (0.0, 0.0, 0.5)))
    depth = np.full_like(view.depth_m, 3.0)
    depth[CELL_PX, 2 * CELL_PX + 1] = 1.25
    depth[:CELL_PX, :CELL_PX] = 0.0
    nearest = small_view(replace(view, depth_m=depth)).nearest_mm
    assert (nearest[0, 0], nearest[1, 2], nearest[1, 3]) == (0, 1250, 3000)


@given(yaw=st.floats(0.0, 3.0), shift=st.floats(0.0, 1.2))
def test_the_share_inside_is_that_of_the_common_volume(yaw, shift) -> None:
    size = np.array([1.2, 0.6, 0.4])
    step = rotation_2d(yaw) @ np.array([shift, 0.0])
    first, second = Box(np.zeros(3), size, yaw), Box(np.array([*step, 0.0]), size, yaw)
    assert share_inside(first, second) == pytest.approx(1.0 - shift / 1.2, abs=0.1)
    assert box_around(first, second).size_m == pytest.approx(
        size + np.array([shift, 0, 0]), abs=1e-6
    )
