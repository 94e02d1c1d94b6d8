import json
from pathlib import Path

import jsonschema
import networkx as nx
import pytest

from mono_hydra.graph.scene_graph import SceneGraph, node_id
from mono_hydra.io.graphml import write_graphml
from mono_hydra.io.tree_json import scene_tree, scene_tree_schema, write_scene_tree
from tests.factories import two_room_flat


def test_the_tree_fits_its_schema(tmp_path: Path) -> None:
    write_scene_tree(two_room_flat(), tmp_path / "tree.json")
    jsonschema.Draft202012Validator.check_schema(scene_tree_schema())
    jsonschema.validate(json.loads((tmp_path / "tree.json").read_text()), scene_tree_schema())


def test_an_empty_graph_fits_the_schema_too() -> None:
    jsonschema.validate(scene_tree(SceneGraph()), scene_tree_schema())


def test_a_tree_with_an_unknown_key_does_not_fit() -> None:
    tree = scene_tree(two_room_flat())
    tree["building"]["storeys"][0]["rooms"][0]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tree, scene_tree_schema())


def test_every_object_stands_in_its_room() -> None:
    rooms = scene_tree(two_room_flat())["building"]["storeys"][0]["rooms"]
    labels = {room["name"]: [o["label"] for o in room["objects"]] for room in rooms}
    assert labels["bedroom"] == ["bed", "night stand", "lamp", "dresser"]
    assert len(labels["living room"]) == 6


def test_rooms_have_dimensions_doors_and_objects_relations() -> None:
    tree = scene_tree(two_room_flat())
    living, bedroom = tree["building"]["storeys"][0]["rooms"]
    assert living["dimensions"] == {"length": 5.0, "width": 4.0, "height": 2.5}
    assert living["doors"] == bedroom["doors"] == ["D0"]
    assert tree["doors"][0]["rooms"] == ["R0", "R1"]
    lamp = next(o for o in bedroom["objects"] if o["label"] == "lamp")
    assert lamp["relations"] == [{"predicate": "on", "object": "O7", "label": "night stand"}]


def test_an_object_without_a_room_is_not_lost() -> None:
    graph = two_room_flat()
    graph.remove_node(node_id("R", 1))
    assert scene_tree(graph)["objects_outside_rooms"][0]["label"] == "bed"


def test_a_stand_in_says_so() -> None:
    graph = two_room_flat()
    graph.metadata["stand_in"] = True
    assert scene_tree(graph)["stand_in"] is True


def test_networkx_reads_the_graphml(tmp_path: Path) -> None:
    graph = two_room_flat()
    write_graphml(graph, tmp_path / "g.graphml")
    flat = nx.read_graphml(tmp_path / "g.graphml")
    assert flat.number_of_nodes() == graph.nx_graph.number_of_nodes()
    assert flat.number_of_edges() == graph.nx_graph.number_of_edges()
    assert flat.nodes["O6"]["name"] == "bed"
    assert int(flat.nodes["O6"]["spark_dsg_id"]) == node_id("O", 6)
    assert flat.edges["O5", "O1"]["relations"] == "O5 on O1"


def test_exports_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_scene_tree(two_room_flat(), tmp_path / f"{name}.json")
        write_graphml(two_room_flat(), tmp_path / f"{name}.graphml")
    for suffix in ("json", "graphml"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
