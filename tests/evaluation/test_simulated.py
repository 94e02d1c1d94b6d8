"""The truth that the generator writes, scored against itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import box_world
import numpy as np
import pytest

from mono_hydra.evaluation.run import read_run
from mono_hydra.evaluation.scores import score_run
from mono_hydra.evaluation.summary import flatten
from mono_hydra.evaluation.truth import Truth, read_truth
from mono_hydra.files.ply import Ply, read_ply, write_ply
from mono_hydra.files.trajectory import write_trajectory

pytestmark = pytest.mark.open3d


@pytest.fixture(scope="module")
def simulated(tiny_sequence: Path) -> Truth:
    return read_truth(tiny_sequence)


@pytest.fixture(scope="module")
def own_truth_as_run(simulated: Truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose mesh, objects and room are the truth's own."""
    folder = tmp_path_factory.mktemp("run")
    write_trajectory(folder / "trajectory.txt", simulated.stamps_s, simulated.T_world_camera)
    true = read_ply(simulated.folder / "mesh.ply")
    corners = true.vertices_m[true.faces].reshape(-1, 3)  # vertices of their own, with its label
    columns: dict[str, Any] = {k: corners[:, i] for i, k in enumerate("xyz")}
    columns["label"] = np.repeat(true.face["label"], 3)
    faces = np.arange(len(corners), dtype=np.int32).reshape(-1, 3)
    write_ply(folder / "mesh.ply", Ply(columns, faces))
    assert simulated.objects is not None
    assert simulated.building is not None
    id_of = {label.name: i for i, label in simulated.labels.items()}
    nodes = []
    for o in simulated.objects:
        half = o["yaw"] / 2
        q = {"w": np.cos(half), "x": 0.0, "y": 0.0, "z": np.sin(half)}
        box = {"type": "RAABB", "dimensions": o["size"], "world_P_center": o["center"],
               "world_R_center": q}  # fmt: skip
        attributes = {"type": "ObjectNodeAttributes", "position": o["center"],
                      "semantic_label": id_of[o["label"]], "bounding_box": box}  # fmt: skip
        nodes.append({"id": box_world.node_id("O", o["id"]), "layer": 2, "partition": 0,
                      "attributes": attributes})  # fmt: skip
    names = [[i, label.name] for i, label in simulated.labels.items()]
    graph = {"nodes": nodes, "edges": [], "metadata": {"labelspaces": {"_l2p0": names}}}
    (folder / "scene_graph.json").write_text(json.dumps(graph), encoding="utf-8")
    return folder


def test_the_generators_truth_scores_one_against_itself(
    own_truth_as_run: Path, simulated: Truth
) -> None:
    flat = flatten(score_run(read_run(own_truth_as_run), simulated))
    assert flat["trajectory.completeness"] == 1.0
    assert flat["trajectory.ate.yaw.rmse"] < 1e-6
    assert flat["mesh.f_5cm.f"] == 1.0
    assert flat["mesh.labels.miou"] > 0.98  # surfaces that touch share their points
    assert flat["mesh.walls.ghost_share"] < 1e-3
    assert flat["mesh.walls.covered"] > 0.99
    assert flat["objects.radius_f1@0.5.f1"] == flat["objects.box_f1@0.5.f1"] == 1.0
    assert flat["objects.other_labels"] == 0


def test_the_generators_clearance_is_the_distance_to_its_mesh(simulated: Truth) -> None:
    space, mesh = simulated.free_space, simulated.mesh
    assert space is not None
    assert mesh is not None
    voxels = np.argwhere(space.room > 0)[::50]
    exact = mesh.surface.distance(space.centers(voxels))
    stored = space.clearance_m[tuple(voxels.T)]
    near = exact < 1.0
    assert np.abs(stored - exact)[near].max() < 0.01  # float16 resolves half a millimetre there
