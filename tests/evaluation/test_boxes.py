"""Exact overlap of turned boxes, with shapely as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.affinity import rotate, translate
from shapely.geometry import box as rectangle

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.boxes import contains, estimated_box, overlaps, upright_box
from mono_hydra.evaluation.graph_file import Node
from mono_hydra.geometry.se3 import exp_so3, quat_xyzw_from_matrix

boxes = st.builds(
    lambda center, size, yaw: np.array([*center, *size, yaw]),
    st.tuples(*[st.floats(-1, 1)] * 3),
    st.tuples(*[st.floats(0.1, 2.5)] * 3),
    st.floats(-4, 4),
)


def oracle(a: np.ndarray, b: np.ndarray) -> float:
    plans = [
        translate(
            rotate(rectangle(-x[3] / 2, -x[4] / 2, x[3] / 2, x[4] / 2), x[6], use_radians=True),
            x[0],
            x[1],
        )
        for x in (a, b)
    ]
    top = min(a[2] + a[5] / 2, b[2] + b[5] / 2)
    bottom = max(a[2] - a[5] / 2, b[2] - b[5] / 2)
    shared = plans[0].intersection(plans[1]).area * max(0.0, top - bottom)
    return float(shared / (np.prod(a[3:6]) + np.prod(b[3:6]) - shared))


@settings(max_examples=100, deadline=None)
@given(boxes, boxes)
def test_overlap_equals_shapely(a: np.ndarray, b: np.ndarray) -> None:
    assert overlaps(a[None], b[None])[0, 0] == pytest.approx(oracle(a, b), abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(boxes, boxes)
def test_overlap_is_symmetric_and_one_with_itself(a: np.ndarray, b: np.ndarray) -> None:
    both = overlaps(np.stack([a, b]), np.stack([a, b]))
    assert both[0, 1] == pytest.approx(both[1, 0], abs=1e-12)
    assert np.diag(both) == pytest.approx([1.0, 1.0])


def test_boxes_shifted_by_half_overlap_by_a_third() -> None:
    a = np.array([[0, 0, 0, 1.0, 1, 1, 0]])
    assert overlaps(a, a + np.array([0.5, 0, 0, 0, 0, 0, 0]))[0, 0] == pytest.approx(1 / 3)


def test_a_picture_is_grown_to_ten_centimetres_before_it_is_compared() -> None:
    thin = np.array([[0, 0, 1.0, 0.6, 0.01, 0.4, 0]])
    beside = thin + np.array([0, 0.05, 0, 0, 0, 0, 0])
    assert overlaps(thin, beside)[0, 0] == pytest.approx(1 / 3)


def node(kind: str, R: np.ndarray, size: list[float]) -> Node:
    x, y, z, w = quat_xyzw_from_matrix(R)
    record = {"type": kind, "dimensions": size, "world_P_center": [1.0, 2.0, 3.0],
              "world_R_center": {"x": x, "y": y, "z": z, "w": w}}  # fmt: skip
    return Node(
        1, 2, 0, "ObjectNodeAttributes", np.array([1.0, 2, 3]), {"bounding_box": record}, {}
    )


def test_an_axis_aligned_box_takes_the_yaw_of_the_alignment() -> None:
    alignment = Alignment(exp_so3(np.array([0, 0, 0.3])), np.zeros(3))
    found = estimated_box(node("AABB", np.eye(3), [2.0, 1.0, 0.5]), alignment)
    assert found[3:] == pytest.approx([2.0, 1.0, 0.5, 0.3])


def test_the_axis_nearest_to_the_vertical_becomes_the_height() -> None:
    lying = exp_so3(np.array([0, np.pi / 2 + 0.1, 0]))  # its x axis points down
    found = upright_box(np.zeros(3), np.array([2.0, 1.0, 0.5]), lying)
    assert found[5] == 2.0
    assert sorted(found[3:5]) == [0.5, 1.0]


def test_boxes_of_old_files_are_read_from_their_corners() -> None:
    record = {"type": "AABB", "min": [0, 0, 0], "max": [2, 4, 6]}
    old = Node(1, 2, 0, "ObjectNodeAttributes", np.zeros(3), {"bounding_box": record}, {})
    found = estimated_box(old, Alignment(np.eye(3), np.zeros(3)))
    assert found == pytest.approx([1, 2, 3, 2, 4, 6, 0])


def test_contains_turns_with_the_box_and_grows_by_the_margin() -> None:
    turned = np.array([[0, 0, 0, 2.0, 0.2, 1.0, np.pi / 2]])
    points = np.array([[0, 0.9, 0], [0.9, 0, 0], [0.15, 0, 0]])
    assert contains(turned, points, 0.0).tolist() == [[True, False, False]]
    assert contains(turned, points, 0.1).tolist() == [[True, False, True]]
