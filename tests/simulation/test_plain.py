import numpy as np
import pytest

from mono_hydra.simulation.plan import plain_house


@pytest.mark.parametrize("n_rooms", [1, 2])
def test_boxes_enclose_exactly_their_object(n_rooms):
    house = plain_house(n_rooms)
    for truth in house.objects:
        vertices = np.concatenate([p.vertices_m for p in house.parts if p.instance == truth.id])
        c, s = np.cos(truth.yaw_rad), np.sin(truth.yaw_rad)
        local = (vertices - truth.center_m) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        np.testing.assert_allclose(local.max(axis=0), truth.size_m / 2, atol=1e-9)
        np.testing.assert_allclose(local.min(axis=0), -truth.size_m / 2, atol=1e-9)


def test_two_rooms_are_joined_by_a_passable_door():
    house = plain_house(2)
    assert [d.rooms for d in house.doors if d.is_passable] == [(1, 2)]
