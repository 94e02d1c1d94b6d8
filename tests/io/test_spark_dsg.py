import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mono_hydra.errors import GraphError, OutputError
from mono_hydra.graph.scene_graph import (
    LAYERS,
    AgentAttributes,
    Box,
    ObjectAttributes,
    PlaceAttributes,
    PlaceEdge,
    RelationEdge,
    SceneGraph,
    node_id,
)
from mono_hydra.io.spark_dsg import read_spark_dsg, write_spark_dsg
from mono_hydra.labels.label_space import load_label_space
from mono_hydra.types import MeshBlock
from tests.factories import flat_mesh, two_room_flat

NYU40 = load_label_space("nyu40")
SKIPPED_FIELDS = {"crop_rgb", "points_m"}  # not part of the format


def test_a_flat_survives_the_round_trip(tmp_path: Path) -> None:
    graph = two_room_flat()
    write_spark_dsg(graph, tmp_path / "g.json", NYU40)
    assert_equal_graphs(read_spark_dsg(tmp_path / "g.json"), graph)


def test_equal_graphs_give_equal_bytes_also_when_built_in_another_order(tmp_path: Path) -> None:
    graph, shuffled = two_room_flat(), SceneGraph("nyu40", two_room_flat().metadata)
    for layer in reversed(LAYERS):
        for node in reversed(graph.nodes(layer)):
            shuffled.add_node(node, graph.attributes(node))
    for layer in reversed(LAYERS):
        for a, b, attributes in reversed(graph.edges(layer)):
            shuffled.add_edge(b, a, attributes)
        for node in reversed(graph.nodes(layer)):
            if graph.parent(node) is not None:
                shuffled.set_parent(node, graph.parent(node))
    write_spark_dsg(graph, tmp_path / "a.json", NYU40)
    write_spark_dsg(shuffled, tmp_path / "b.json", NYU40)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_file_read_and_written_again_is_the_same_file(tmp_path: Path) -> None:
    write_spark_dsg(two_room_flat(), tmp_path / "a.json", NYU40)
    write_spark_dsg(read_spark_dsg(tmp_path / "a.json"), tmp_path / "b.json", NYU40)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_the_spark_dsg_library_sees_the_same_graph(tmp_path: Path) -> None:
    dsg = pytest.importorskip("spark_dsg")
    graph, mesh = two_room_flat(), flat_mesh()
    write_spark_dsg(graph, tmp_path / "g.json", NYU40, mesh=mesh)
    loaded = dsg.DynamicSceneGraph.load(str(tmp_path / "g.json"))

    assert loaded.num_nodes() == graph.nx_graph.number_of_nodes()
    assert loaded.num_edges() == graph.nx_graph.number_of_edges()
    for node in graph.nx_graph.nodes:
        found = loaded.get_node(node)
        parent = graph.parent(node)
        np.testing.assert_allclose(
            found.attributes.position, graph.attributes(node).position_m, atol=1e-6
        )
        assert found.has_parent() == (parent is not None)
        assert parent is None or found.get_parent() == parent
    for node, a in graph.items("objects"):
        box = loaded.get_node(node).attributes.bounding_box
        np.testing.assert_allclose(box.dimensions, a.box.size_m, atol=1e-6)
        np.testing.assert_allclose(box.world_P_center, a.box.center_m, atol=1e-6)
        c, s = np.cos(a.box.yaw_rad), np.sin(a.box.yaw_rad)
        np.testing.assert_allclose(box.world_R_center[:2, :2], [[c, -s], [s, c]], atol=1e-6)
        assert loaded.get_labelspace(2, 0).labels_to_names[a.label] == a.label_name
        assert loaded.get_node(node).attributes.metadata.get()["views"] == a.views
    for node, a in graph.items("agents"):
        stamp = loaded.get_node(node).attributes.timestamp
        assert stamp.total_seconds() == pytest.approx(a.stamp_s, abs=1e-6)
    rooms = loaded.get_layer(4).nodes
    assert {
        loaded.get_labelspace(4, 0).labels_to_names[r.attributes.semantic_label] for r in rooms
    } == {"living room", "bedroom"}
    assert loaded.mesh.num_vertices() == len(mesh.vertices_m)
    assert loaded.mesh.num_faces() == len(mesh.faces)


def test_rooms_doors_and_relations_stand_in_the_metadata(tmp_path: Path) -> None:
    write_spark_dsg(two_room_flat(), tmp_path / "g.json", NYU40)
    record = json.loads((tmp_path / "g.json").read_text())
    rooms = [n["attributes"] for n in record["nodes"] if n["layer"] == 4]
    assert rooms[0]["metadata"]["room_name"] == "living room"
    assert rooms[0]["metadata"]["area_m2"] == pytest.approx(20.0)
    assert len(rooms[0]["metadata"]["polygon"]) == 4
    metadata = [e["info"]["metadata"] for e in record["edges"]]
    (door,) = [m for m in metadata if "doors" in m]
    assert door["position"] == door["doors"][0]["position"] == [5.05, 2.0, 1.0]
    said = [r for m in metadata for r in m.get("relations", ())]
    assert ["on", node_id("O", 5), node_id("O", 1)] in said


def test_numbers_that_are_not_finite_do_not_spoil_the_file(tmp_path: Path) -> None:
    dsg = pytest.importorskip("spark_dsg")
    graph = SceneGraph()
    graph.add_node(node_id("p", 0), PlaceAttributes(np.array([0.0, np.nan, 1.0]), np.inf))
    write_spark_dsg(graph, tmp_path / "g.json", NYU40)
    assert dsg.DynamicSceneGraph.load(str(tmp_path / "g.json")).num_nodes() == 1


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not JSON"),
        ("[]", "not a Spark-DSG"),
        ('{"nodes": [{"id": 1}], "edges": []}', "not a Spark-DSG"),
        ('{"nodes": [], "edges": [{"source": 1, "target": 2}]}', "does not exist"),
    ],
)
def test_a_broken_file_is_named_in_one_line(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "g.json").write_text(text)
    with pytest.raises(GraphError, match=word) as caught:
        read_spark_dsg(tmp_path / "g.json")
    assert "g.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--out"):
        write_spark_dsg(two_room_flat(), tmp_path / "file" / "g.json", NYU40)


POINT = st.tuples(*[st.floats(-50, 50)] * 3).map(np.array)


@st.composite
def graphs(draw: st.DrawFn) -> SceneGraph:
    """Places with edges, turned boxes, agents; parents where the draw says so."""
    graph = SceneGraph("nyu40")
    n = draw(st.integers(0, 5))
    for k in range(n):
        clearance = draw(st.floats(0, 5))
        graph.add_node(
            node_id("p", k), PlaceAttributes(draw(POINT), clearance, draw(st.integers(0, 9)))
        )
        if k:
            graph.add_edge(
                node_id("p", draw(st.integers(0, k - 1))), node_id("p", k), PlaceEdge(clearance)
            )
    for k in range(draw(st.integers(0, 3))):
        box = Box(draw(POINT), np.abs(draw(POINT)), draw(st.floats(-3.1, 3.1)))
        label = draw(st.integers(1, 40))
        graph.add_node(
            node_id("O", k),
            ObjectAttributes(
                draw(POINT), label, NYU40.name_of(label), box, Box(draw(POINT), box.size_m), views=k
            ),
        )
        if n:
            graph.set_parent(node_id("O", k), node_id("p", draw(st.integers(0, n - 1))))
        if k:
            said = (("on", node_id("O", k), node_id("O", 0)),)
            graph.add_edge(node_id("O", k), node_id("O", 0), RelationEdge(said))
    for k in range(draw(st.integers(0, 2))):
        stamp_s = draw(st.floats(0, 2e9))
        graph.add_node(node_id("a", k), AgentAttributes(draw(POINT), np.eye(3), stamp_s, 10 + k))
    return graph


@settings(max_examples=40, deadline=None)
@given(graph=graphs())
def test_any_graph_survives_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, graph: SceneGraph
) -> None:
    path = tmp_path_factory.mktemp("graphs") / "g.json"
    write_spark_dsg(graph, path, NYU40)
    assert_equal_graphs(read_spark_dsg(path), graph)


def samples() -> Path:
    root = os.environ.get("MONO_HYDRA_TEST_DATA")
    if not root or not (Path(root) / "spark_dsg").is_dir():
        pytest.skip("MONO_HYDRA_TEST_DATA has no spark_dsg samples")
    return Path(root) / "spark_dsg"


@pytest.mark.data
def test_a_file_of_version_1_0_0_is_read() -> None:
    graph = read_spark_dsg(samples() / "apartment_dsg.json")
    counts = {layer: len(graph.nodes(layer)) for layer in LAYERS}
    assert counts == {"agents": 102, "objects": 7, "places": 185, "rooms": 1, "buildings": 1}
    assert [len(graph.edges(layer)) for layer in ("places", "agents")] == [396, 101]
    parents = [
        (graph.layer_of(p), graph.layer_of(n))
        for n in graph.nx_graph
        for p in [graph.parent(n)]
        if p
    ]
    assert [
        parents.count(p)
        for p in (
            ("rooms", "places"),
            ("places", "agents"),
            ("places", "objects"),
            ("buildings", "rooms"),
        )
    ] == [135, 102, 7, 1]
    first = graph.attributes(node_id("a", 0))
    assert first.stamp_s == pytest.approx(3.64791)  # it stands outside the attributes there
    np.testing.assert_allclose(
        graph.attributes(node_id("O", 0)).box.size_m, [1.0182, 1.0183, 0.9755], atol=1e-3
    )


@pytest.mark.data
def test_a_file_of_version_1_1_3_is_read_and_left_out_kinds_are_counted() -> None:
    graph = read_spark_dsg(samples() / "two_rooms_dsg.json")
    assert [len(graph.nodes(layer)) for layer in LAYERS] == [4, 3, 9, 2, 1]
    assert graph.metadata["not_read"]["Place2dNodeAttributes"] == 2
    bed = next(n for n, a in graph.items("objects") if a.label_name == "bed")
    assert graph.attributes(graph.room_of(bed)).name == "bedroom"
    assert graph.edge(node_id("p", 3), node_id("p", 4)).clearance_m == pytest.approx(0.45)


@pytest.mark.data
def test_a_file_of_version_1_0_4_gives_the_graph_of_the_newer_one(tmp_path: Path) -> None:
    """The differences of section 8 of the format applied to the 1.1.3 sample."""
    record = json.loads((samples() / "two_rooms_dsg.json").read_text())
    record["SPARK_DSG_header"]["version"] = {"major": 1, "minor": 0, "patch": 4}
    record["layer_ids"] = [2, 3, 4, 5]
    record["layer_names"] = {n: k["layer"] for n, k in record["layer_names"].items()}
    del record["layer_keys"]
    record["nodes"] = [
        n for n in record["nodes"] if n["attributes"]["type"] != "Place2dNodeAttributes"
    ]
    kept = {n["id"] for n in record["nodes"]}
    record["edges"] = [e for e in record["edges"] if {e["source"], e["target"]} <= kept]
    for node in record["nodes"]:
        del node["partition"]
        if "timestamp" in node["attributes"]:
            node["timestamp"] = node["attributes"].pop("timestamp")
    (tmp_path / "old.json").write_text(json.dumps(record))
    old, new = (
        read_spark_dsg(tmp_path / "old.json"),
        read_spark_dsg(samples() / "two_rooms_dsg.json"),
    )
    del new.metadata["not_read"]
    assert_equal_graphs(old, new)


def assert_equal_graphs(found: SceneGraph, wanted: SceneGraph) -> None:
    assert found.label_space == wanted.label_space
    assert found.metadata == wanted.metadata
    assert sorted(found.nx_graph.nodes) == sorted(wanted.nx_graph.nodes)
    for node in wanted.nx_graph.nodes:
        assert found.layer_of(node) == wanted.layer_of(node)
        assert found.parent(node) == wanted.parent(node)
        assert_equal_records(found.attributes(node), wanted.attributes(node))
    for layer in LAYERS:
        pairs = [e[:2] for e in wanted.edges(layer)]
        assert [e[:2] for e in found.edges(layer)] == pairs
        for a, b in pairs:
            assert_equal_records(found.edge(a, b), wanted.edge(a, b))


def assert_equal_records(found: object, wanted: object) -> None:
    """Equal up to the micrometre (and microsecond) of the file; quaternions keep nine digits."""
    assert type(found) is type(wanted)
    if isinstance(wanted, np.ndarray | float):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    elif isinstance(wanted, tuple):
        assert len(found) == len(wanted)
        for f, w in zip(found, wanted, strict=True):
            assert_equal_records(f, w)
    elif hasattr(wanted, "__dataclass_fields__"):
        for name in wanted.__dataclass_fields__:
            if name not in SKIPPED_FIELDS:
                assert_equal_records(getattr(found, name), getattr(wanted, name))
    else:
        assert found == wanted


def test_a_mesh_block_has_what_the_format_needs() -> None:
    assert {"vertices_m", "rgb", "labels", "faces"} <= set(MeshBlock.__dataclass_fields__)
