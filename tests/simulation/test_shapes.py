import numpy as np
import pytest

from mono_hydra.simulation import shapes
from mono_hydra.simulation.person import person_parts
from mono_hydra.simulation.walls import wall_face

LINE = np.linspace(0.0, 1.0, 5)
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
SOLIDS = {
    "box": (shapes.box((0, 0, 0), (1, 2, 3)), 6.0, 1e-9),
    "rounded box": (shapes.rounded_box((0, 0, 0), (1, 2, 3), 0.01), 6.0, 1e-3),
    "cylinder": (shapes.cylinder(0.5, 2.0, 64), 0.5 * np.pi, 0.01),
    "cone": (shapes.lathe([(0.5, 0.0), (0.0, 3.0)], 64), 0.25 * np.pi, 0.01),
    "prism": (shapes.prism(SQUARE, 0.0, 2.0), 2.0, 1e-9),
    "mound": (shapes.mound(LINE, LINE, np.ones((5, 5)), 0.0), 1.0, 1e-9),
    "ribbon": (
        shapes.ribbon(np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]), 0.1, 0.0, 2.0),
        0.6,
        1e-9,
    ),
    "rod": (shapes.rod((0, 0, 0), (1, 1, 1), 0.2, sides=64), 0.04 * np.pi * 3**0.5, 0.01),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_solids_face_outwards_and_have_their_volume(name):
    shape, volume, tolerance = SOLIDS[name]
    a, b, c = np.moveaxis(shape.vertices_m[shape.faces], 1, 0)
    found = np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0
    assert found == pytest.approx(volume, rel=tolerance)


@pytest.mark.parametrize("name", ["box", "rounded box", "prism", "ribbon", "rod"])
def test_every_edge_is_shared_by_two_triangles(name):
    faces = SOLIDS[name][0].faces
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there = {tuple(e) for e in edges.tolist()}
    assert len(there) == len(edges)
    assert {(b, a) for a, b in there} == there


def test_texture_is_in_metres_on_flat_faces():
    shape = shapes.box((0, 0, 0), (1.0, 2.0, 0.5))
    corners = shape.vertices_m[shape.faces]
    for i, j in ((0, 1), (1, 2)):
        surface = np.linalg.norm(corners[:, i] - corners[:, j], axis=1)
        texture = np.linalg.norm(shape.uv[:, i] - shape.uv[:, j], axis=1)
        np.testing.assert_allclose(texture, surface)


def test_wall_loses_exactly_its_hole_and_faces_left():
    wall = wall_face(np.array([0.0, 0.0]), np.array([4.0, 0.0]), 0.0, 2.5, [(1.0, 2.0, 0.0, 2.0)])
    a, b, c = np.moveaxis(wall.vertices_m[wall.faces], 1, 0)
    normals = np.cross(b - a, c - a) / 2.0
    np.testing.assert_allclose(normals.sum(axis=0), [0.0, 4.0 * 2.5 - 2.0, 0.0], atol=1e-9)
    assert (normals[:, 1] > 0).all()


@pytest.mark.parametrize("phase", [0.0, 0.7, np.pi / 2, 4.0])
def test_a_walking_person_stands_on_the_floor(phase):
    parts = person_parts(1.8, phase, np.random.default_rng(4))
    z = np.concatenate([p.vertices_m[:, 2] for p in parts])
    assert z.min() == pytest.approx(0.0, abs=1e-9)
    assert 1.6 < z.max() < 1.83
    assert {p.label for p in parts} == {"person"}
