from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.simulation import light_kernels
from mono_hydra.simulation.house import House, Lamp, Material, Part, Room, Window, box_part_vertices
from mono_hydra.simulation.light import LightOptions, bake_light, kelvin_rgb
from mono_hydra.simulation.light_lattice import build_lattice
from mono_hydra.simulation.materials import build_atlas
from mono_hydra.simulation.scene import HouseScene

pytestmark = pytest.mark.open3d
COARSE = LightOptions(cell_m=0.2, light_rays=16, gather_rays=24)


def part(low, high, inward, rgb=(0.7, 0.7, 0.7), label="wall", kind="paint"):
    vertices, faces = box_part_vertices(np.array(low, float), np.array(high, float))
    faces = faces[:, ::-1].copy() if inward else faces
    uv = np.zeros((len(faces), 3, 2))
    return Part(vertices, faces, uv, Material(kind, rgb), label, 0, 1)


def closed_room(*extra, lamps, windows=()):
    polygon = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]])
    room = Room(1, "bedroom", 0, polygon, 0.0, 2.5)
    shell = part((0, 0, 0), (4, 3, 2.5), True)
    return House(0, "flat", (room,), (), windows, (), (shell, *extra), (), lamps)


def lamp(x=2.0, y=1.5, z=2.2, power=1.0):
    return Lamp(np.array([x, y, z]), 0.1, power, 3000.0, 1)


def bake(house, time="night", options=COARSE, seed=0):
    scene = HouseScene(house)
    light = bake_light(
        scene, build_atlas(scene.materials), np.random.default_rng(seed), options, time
    )
    return scene, light


def light_at(scene, baked, options, point, facing):
    """Mean light of the samples near a point that face a direction."""
    lattice = build_lattice(scene, options.cell_m)
    value = np.zeros_like(lattice.points_m)
    value[lattice.sample_of_node] = baked.nodes
    near = np.linalg.norm(lattice.points_m - np.array(point), axis=1) < 0.25
    near &= lattice.normals @ np.array(facing, float) > 0.9
    assert near.any()
    return value[near].mean()


UP = (0.0, 0.0, 1.0)


def test_floor_under_a_board_is_darker_than_beside_it():
    board = part((1.4, 0.9, 0.7), (2.6, 2.1, 0.75), False)
    scene, baked = bake(closed_room(board, lamps=(lamp(),)))
    shadow = light_at(scene, baked, COARSE, (2.0, 1.5, 0.0), UP)
    lit = light_at(scene, baked, COARSE, (3.5, 1.5, 0.0), UP)
    assert shadow < 0.5 * lit


def test_bounced_light_reaches_where_the_lamp_does_not():
    board = part((1.4, 0.9, 0.7), (2.6, 2.1, 0.75), False)
    scene, baked = bake(closed_room(board, lamps=(lamp(),)))
    lit = light_at(scene, baked, COARSE, (3.5, 1.5, 0.0), UP)
    assert light_at(scene, baked, COARSE, (2.0, 1.5, 0.0), UP) > 0.05 * lit


def test_direct_light_falls_off_as_lambert_says():
    options = replace(COARSE, bounces=0)
    black = Material("plastic", (0.0, 0.0, 0.0))
    house = closed_room(lamps=(lamp(power=2.0),))
    house = replace(house, parts=tuple(replace(p, material=black) for p in house.parts))
    scene, baked = bake(house, options=options)
    below = 2.0 / 2.2**2 / np.pi
    aside = 2.0 * 2.2 / (2.2**2 + 1.5**2) ** 1.5 / np.pi
    measured = light_at(scene, baked, options, (2.0, 1.5, 0.0), UP)
    measured_aside = light_at(scene, baked, options, (3.5, 1.5, 0.0), UP)
    assert np.isclose(measured / measured_aside, below / aside, rtol=0.10)  # plus ambient floor
    assert np.isclose(measured, below, rtol=0.12)


def test_light_does_not_leak_through_a_wall():
    wall = part((1.95, 0.0, 0.0), (2.05, 3.0, 2.5), False)
    scene, baked = bake(closed_room(wall, lamps=(lamp(x=1.0),)))
    dark = light_at(scene, baked, COARSE, (3.2, 1.5, 0.0), UP)
    lit = light_at(scene, baked, COARSE, (1.0, 1.5, 0.0), UP)
    assert dark < 0.15 * lit


def test_floor_inside_a_crate_does_not_darken_the_floor_around_it():
    crate = part((1.5, 1.0, 0.0), (2.5, 2.0, 0.5), False)
    scene, baked = bake(closed_room(crate, lamps=(lamp(),)))
    buried = light_at(scene, baked, COARSE, (2.0, 1.5, 0.0), UP)
    assert buried > 0.1 * light_at(scene, baked, COARSE, (3.4, 1.5, 0.0), UP)


def test_a_window_lights_a_room_by_day_and_hardly_by_night():
    window = Window(1, 1, np.array([0.0, 1.5, 1.4]), 1.2, 1.2, np.array([1.0, 0.0, 0.0]))
    pane = Part(
        np.array([[0.001, 0.9, 0.8], [0.001, 2.1, 0.8], [0.001, 2.1, 2.0], [0.001, 0.9, 2.0]]),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        np.zeros((2, 3, 2)),
        Material("outside", (0.6, 0.7, 0.9), emission=1.0),
        "window",
        0,
        1,
    )
    house = closed_room(pane, lamps=(), windows=(window,))
    day = bake(house, "day")[1].nodes.mean()
    night = bake(house, "night")[1].nodes.mean()
    assert day > 20.0 * night > 0.0


def test_no_surface_is_pitch_black_or_not_finite():
    board = part((1.4, 0.9, 0.7), (2.6, 2.1, 0.75), False)
    _, baked = bake(closed_room(board, lamps=(lamp(),)))
    assert np.isfinite(baked.nodes).all()
    assert baked.nodes.min() > 0.0


def test_same_seed_bakes_the_same_bytes():
    house = closed_room(lamps=(lamp(),))
    assert bake(house)[1].nodes.tobytes() == bake(house)[1].nodes.tobytes()


def test_warm_lamps_are_redder_than_cool_ones():
    warm, cool = kelvin_rgb(2700.0), kelvin_rgb(7000.0)
    assert warm[0] / warm[2] > 1.5 > cool[0] / cool[2]
    for rgb in (warm, cool):
        assert np.isclose(rgb @ [0.2126, 0.7152, 0.0722], 1.0)


def test_both_halves_of_a_rectangle_share_their_samples():
    house = closed_room(lamps=())
    lattice = build_lattice(HouseScene(house), 0.25)
    n_grid = 2 * (17 * 13 + 17 * 11 + 13 * 11)  # six faces of 4 x 3 x 2.5 m, nodes on all rims
    assert abs(len(lattice.points_m) - n_grid) < 0.25 * n_grid


def test_smoothing_keeps_a_constant_and_equals_its_naive_twin():
    low, high = np.array([0, 1, 2, 0]), np.array([1, 2, 3, 3])
    share = np.array([0.1, 0.8, 0.5, 0.0, 0.7], np.float32)  # the last sample has no neighbours
    values = np.random.default_rng(0).random((5, 3)).astype(np.float32)
    naive = values.astype(float)
    for _ in range(3):
        before = naive.copy()
        for s in range(5):
            near = [b for a, b in zip(low, high, strict=True) if a == s]
            near += [a for a, b in zip(low, high, strict=True) if b == s]
            if near:
                naive[s] += share[s] * (before[near].mean(axis=0) - before[s])
    constant = np.ones((5, 3), np.float32)
    light_kernels.smooth(constant, low, high, share, 7)
    light_kernels.smooth(values, low, high, share, 3)
    assert np.allclose(values, naive, atol=1e-5)
    assert np.allclose(constant, 1.0)


def test_a_wall_in_even_light_has_no_blotches():
    options = replace(COARSE, gather_rays=64, cell_m=0.1)
    scene, baked = bake(closed_room(lamps=(lamp(),)), options=options)
    lattice = build_lattice(scene, options.cell_m)
    value = np.zeros_like(lattice.points_m)
    value[lattice.sample_of_node] = baked.nodes
    x, _, z = lattice.points_m.T
    row = (lattice.normals[:, 1] < -0.9) & (abs(z - 1.2) < 0.06) & (x > 0.5) & (x < 3.5)
    along = value[row][np.argsort(x[row]), 1]
    trend = np.polyval(np.polyfit(np.arange(len(along)), along, 4), np.arange(len(along)))
    assert np.std(along / trend - 1.0) < 0.02
