"""Rooms and doors of small box worlds."""

from __future__ import annotations

import numpy as np

from mono_hydra.config import Config
from mono_hydra.graph.places import PlaceLayer, PlacesBuilder
from mono_hydra.graph.rooms import RoomLayer, RoomsBuilder
from mono_hydra.labels import load_label_space
from tests.graph.box_world import BoxWorld, turn, two_rooms

SPACE = load_label_space("nyu40")


def explored(world: BoxWorld, points: list[tuple[float, float, float]]) -> PlaceLayer:
    """Places after looking around at each point."""
    builder = PlacesBuilder(Config().places, SPACE, 5.0)
    poses = [T for p in points for T in turn(np.array(p))]
    for k, T in enumerate(poses):
        layer = builder.step(world.keyframe(k, T), [], lambda _: world.keyframe(0, poses[0]))
    return layer


def rooms_of(layer: PlaceLayer) -> RoomLayer:
    return RoomsBuilder(Config().rooms, SPACE).step(layer, [], {}, 0.0)


WALK = [(1.5, 1.75, 1.5), (2.8, 1.75, 1.5), (4.06, 1.75, 1.5), (5.5, 1.75, 1.5)]


def test_a_door_between_two_boxes_gives_two_rooms_joined_there() -> None:
    found = rooms_of(explored(two_rooms(0.9), WALK))
    assert len(found.rooms) == 2
    ((a, b, door),) = found.doors
    assert a != b
    assert np.linalg.norm(door.position_m[:2] - [4.06, 1.75]) < 0.3
    assert abs(door.width_m - 0.9) <= 0.2 + 1e-6


def test_a_wide_opening_without_lintel_gives_one_room() -> None:
    layer = explored(two_rooms(2.8, door_height_m=9.0, ceiling_m=3.0), WALK)
    found = rooms_of(layer)
    assert len(found.rooms) == 1
    assert found.doors == ()
    assert set(found.room_of_place.values()) == set(found.rooms)


def test_places_lie_in_the_room_of_their_side_of_the_wall() -> None:
    layer = explored(two_rooms(0.9), WALK)
    found = rooms_of(layer)
    room = np.array([found.room_of_place[int(p)] for p in layer.ids])
    left = layer.positions_m[:, 0] < 3.9
    right = layer.positions_m[:, 0] > 4.3
    assert len(set(room[left])) == 1
    assert len(set(room[right])) == 1
    assert set(room[left]) != set(room[right])
