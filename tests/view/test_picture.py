from itertools import pairwise

import numpy as np
import pytest

from mono_hydra.graph.scene_graph import SceneGraph
from mono_hydra.labels.label_space import load_label_space
from mono_hydra.view.layers import lift_graph
from mono_hydra.view.picture import (
    PAPER,
    layer_spread,
    overview_eye,
    overview_image,
    trimmed,
    without_ceiling,
)
from mono_hydra.view.raycast import look_at
from tests.factories import flat_mesh, two_room_flat

NYU40 = load_label_space("nyu40")


def test_an_eye_holds_all_points_and_wastes_no_image() -> None:
    points = np.random.default_rng(3).normal(size=(200, 3)) * [5.0, 3.0, 1.0]
    eye = look_at(points, 30.0, 40.0, 600, 400, margin=0.05)
    pixels, depth = eye.project(points)
    assert (depth > 0).all()
    assert pixels.min() >= 0.05 * 400 - 1
    assert (pixels <= np.array([600, 400]) * 0.95 + 1).all()
    spread = (pixels.max(axis=0) - pixels.min(axis=0)) / [600, 400]
    assert spread.max() == pytest.approx(0.9, abs=0.01)


def test_the_ceiling_is_cut_away_and_nothing_else() -> None:
    mesh = flat_mesh()
    gone = mesh.faces[~without_ceiling(mesh, NYU40)]
    assert set(mesh.labels[gone].ravel().tolist()) == {NYU40.id_of("ceiling")}
    assert len(gone) == 4


def test_layers_lie_one_above_the_other() -> None:
    nodes = lift_graph(two_room_flat(), NYU40).nodes
    heights = [nodes[k].positions_m[:, 2] for k in ("objects", "places", "rooms", "buildings")]
    for lower, upper in pairwise(heights):
        assert lower.max() < upper.min()


def test_places_take_the_colour_of_their_room() -> None:
    graph = two_room_flat()
    nodes = lift_graph(graph, NYU40).nodes
    colour = dict(zip(nodes["places"].ids, nodes["places"].rgb.tolist(), strict=True))
    for room, rgb in zip(nodes["rooms"].ids, nodes["rooms"].rgb.tolist(), strict=True):
        assert all(colour[p] == rgb for p in graph.children(room, "places"))


@pytest.mark.open3d
def test_the_picture_shows_the_floor_where_it_is() -> None:
    pytest.importorskip("open3d")
    mesh, graph = flat_mesh(), two_room_flat()
    image = overview_image(mesh, graph, NYU40, width_px=320)
    eye = overview_eye(
        mesh, lift_graph(graph, NYU40, layer_spread(mesh)), without_ceiling(mesh, NYU40), 320
    )
    assert image.shape == (256, 320, 3)
    (pixel,), _ = eye.project(np.array([[3.6, 1.3, 0.0]]))  # open floor before the sofa
    r, g, b = image[round(pixel[1]), round(pixel[0])].astype(int)
    assert g > max(r, b) + 20  # the floor's green
    assert tuple(image[2, 2]) == PAPER
    assert trimmed(image, PAPER).shape[1] < 320


@pytest.mark.open3d
def test_an_empty_map_gives_an_empty_picture() -> None:
    pytest.importorskip("open3d")
    mesh = flat_mesh()
    empty = type(mesh)(
        (0, 0, 0),
        *(
            a[:0]
            for a in (
                mesh.vertices_m,
                mesh.normals,
                mesh.rgb,
                mesh.labels,
                mesh.confidence,
                mesh.faces,
            )
        ),
    )
    image = overview_image(empty, SceneGraph(), NYU40, width_px=64)
    assert (image == np.array(PAPER)).all()
