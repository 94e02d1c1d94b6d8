"""Any seed of any kind gives a home whose every room a walk enters before it returns."""

import numpy as np
import pytest

from mono_hydra.errors import SimulationError
from mono_hydra.simulation import journey
from mono_hydra.simulation.checks import check_walk
from mono_hydra.simulation.journey import make_house_and_walk
from mono_hydra.simulation.options import SimulateOptions
from mono_hydra.simulation.plain import plain_house
from mono_hydra.simulation.walk import CAMERA_CLEARANCE_M

FEW = [("flat", 4, 301), ("two_storey", 6, 2)]
MANY = [
    *(("flat", None, seed) for seed in range(300, 331)),
    *(("open_plan", None, seed) for seed in range(300, 306)),
    *(("two_storey", None, seed) for seed in range(300, 306)),
    *(("office", 12, seed) for seed in range(300, 304)),
    ("office", 30, 300),
]


def check(kind, n_rooms, seed):
    options = SimulateOptions(seed=seed, kind=kind, n_rooms=n_rooms)
    scene, walk = make_house_and_walk(options)
    check_walk(scene.house, walk, None)
    stamps = np.arange(0.0, walk.motion.duration_s, 0.05)
    centres = walk.motion.camera(stamps).T_world[:, :3, 3]
    assert scene.distance(centres).min() > CAMERA_CLEARANCE_M - 0.005
    assert {stop.room for stop in walk.stops} == {room.id for room in scene.house.rooms}


@pytest.mark.parametrize(("kind", "n_rooms", "seed"), FEW)
def test_a_walk_enters_every_room_and_returns(kind, n_rooms, seed):
    check(kind, n_rooms, seed)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "n_rooms", "seed"), MANY)
def test_a_walk_enters_every_room_of_many_homes(kind, n_rooms, seed):
    check(kind, n_rooms, seed)


def test_a_home_that_no_walk_serves_is_redrawn(monkeypatch):
    calls = []

    def refuse_first(house, walk, limit_s):
        calls.append(house)
        if len(calls) == 1:
            raise SimulationError("the walk misses a room")

    monkeypatch.setattr(journey, "draw_houses", lambda options: iter([plain_house(1)] * 2))
    monkeypatch.setattr(journey, "check_walk", refuse_first)
    scene, _ = make_house_and_walk(SimulateOptions(kind="plain", width=64, height=48))
    assert len(calls) == 2
    assert scene.house is calls[1]


def test_the_reason_is_named_when_no_home_serves(monkeypatch):
    def refuse(house, walk, limit_s):
        raise SimulationError("the walk misses room 1 (bedroom)")

    monkeypatch.setattr(journey, "draw_houses", lambda options: iter([plain_house(1)]))
    monkeypatch.setattr(journey, "check_walk", refuse)
    with pytest.raises(SimulationError, match="misses room 1"):
        make_house_and_walk(SimulateOptions(kind="plain", width=64, height=48))
