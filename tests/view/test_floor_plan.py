import xml.etree.ElementTree as ET

import numpy as np

from mono_hydra.graph.scene_graph import Door, SceneGraph
from mono_hydra.labels.label_space import load_label_space
from mono_hydra.view.floor_plan import door_line, floor_plan
from mono_hydra.view.plan_shapes import TIMES, Text, plan_png, plan_svg
from tests.factories import DOOR, two_room_flat, walk

NYU40 = load_label_space("nyu40")


def test_the_plan_names_every_room_with_its_area() -> None:
    words = {s.text for s in floor_plan(two_room_flat(), NYU40).shapes if isinstance(s, Text)}
    assert {"living room", "bedroom"} <= words
    assert f"20.0 m² · 5.0 {TIMES} 4.0 m" in words


def test_every_object_and_door_is_a_shape_with_a_title() -> None:
    svg = plan_svg(floor_plan(two_room_flat(), NYU40, 0, walk(20)[:, :3, 3]))
    titles = [t.text or "" for t in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    for k in range(10):
        assert any(t.startswith(f"O{k}: ") for t in titles)
    assert any(t.startswith("door 0.90 m") for t in titles)


def test_a_door_lies_in_the_wall_of_its_rooms() -> None:
    outlines = [a.polygon_m for _, a in two_room_flat().items("rooms")]
    np.testing.assert_allclose(np.abs(np.diff(door_line(DOOR, outlines), axis=0)), [[0.0, 0.9]])


def test_short_edges_of_a_rough_outline_do_not_turn_a_door() -> None:
    rough = np.array([[0, 0], [4, 0], [4, 1.9], [4.1, 1.95], [4.1, 2.1], [4, 2.2], [4, 4], [0, 4]])
    door = Door(np.array([4.1, 2.02, 1.0]), 0.9, 2.0, 1.0)
    (a, b) = door_line(door, [rough])
    assert abs(b[1] - a[1]) > 0.85


def test_names_stand_on_free_floor() -> None:
    plan = floor_plan(two_room_flat(), NYU40)
    (name,) = [s for s in plan.shapes if isinstance(s, Text) and s.text == "bedroom"]
    x, y = name.point_m
    assert not (6.5 < x < 8.5 and 0.4 < y < 2.0)  # the bed


def test_a_graph_without_rooms_shows_its_free_space_and_an_empty_one_is_fine() -> None:
    graph = two_room_flat()
    graph.clear_layer("rooms")
    assert plan_svg(floor_plan(graph, NYU40)).count("<polygon") > 70
    assert plan_svg(floor_plan(SceneGraph(), NYU40)).startswith("<svg")


def test_a_storey_shows_its_own_rooms_alone() -> None:
    assert "bedroom" not in plan_svg(floor_plan(two_room_flat(), NYU40, storey=1))


def test_the_picture_of_the_plan_has_the_asked_width_and_is_not_empty() -> None:
    image = plan_png(floor_plan(two_room_flat(), NYU40), 400)
    assert image.shape[1] == 400
    assert image.std() > 10
