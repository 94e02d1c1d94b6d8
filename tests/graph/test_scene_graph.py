import numpy as np
import pytest

from mono_hydra.errors import GraphError
from mono_hydra.graph.scene_graph import (
    PlaceAttributes,
    PlaceEdge,
    RoomAttributes,
    SceneGraph,
    index_of,
    node_id,
    node_symbol,
)


@pytest.fixture
def graph() -> SceneGraph:
    graph = SceneGraph()
    for i in range(3):
        graph.add_node(node_id("p", i), PlaceAttributes(np.array([i, 0.0, 1.0]), 0.5))
    for i in range(2):
        graph.add_node(node_id("R", i), RoomAttributes(np.zeros(3)))
    return graph


def test_ids_are_those_of_spark_dsg():
    assert node_id("p", 6) == 8070450532247928838
    assert node_symbol(node_id("O", 3)) == "O3"
    assert index_of(node_id("R", 12)) == 12


def test_a_node_has_one_parent(graph):
    graph.set_parent(node_id("p", 0), node_id("R", 0))
    graph.set_parent(node_id("p", 0), node_id("R", 1))
    assert graph.parent(node_id("p", 0)) == node_id("R", 1)
    assert graph.children(node_id("R", 0)) == []
    assert graph.room_of(node_id("p", 0)) == node_id("R", 1)


def test_removing_a_parent_frees_its_children(graph):
    graph.set_parent(node_id("p", 0), node_id("R", 0))
    graph.remove_node(node_id("R", 0))
    assert graph.parent(node_id("p", 0)) is None
    assert graph.nodes("rooms") == [node_id("R", 1)]


def test_new_attributes_keep_the_edges(graph):
    a, b = node_id("p", 0), node_id("p", 1)
    graph.add_edge(a, b, PlaceEdge(0.4))
    graph.add_node(a, PlaceAttributes(np.ones(3), 0.9))
    assert [(x, y, e.clearance_m) for x, y, e in graph.edges("places")] == [(a, b, 0.4)]
    assert graph.siblings(a) == [b]


def test_impossible_links_are_refused(graph):
    place, room = node_id("p", 0), node_id("R", 0)
    with pytest.raises(GraphError):
        graph.add_edge(place, room, PlaceEdge(1.0))
    with pytest.raises(GraphError):
        graph.add_edge(place, place, PlaceEdge(1.0))
    with pytest.raises(GraphError):
        graph.set_parent(room, place)
    with pytest.raises(GraphError):
        graph.add_edge(place, node_id("p", 99), PlaceEdge(1.0))
    with pytest.raises(GraphError):
        graph.remove_edge(place, node_id("p", 1))
