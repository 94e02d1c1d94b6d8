"""A finished run folder read back for its report and pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.files.images import read_image
from mono_hydra.files.ply import Ply, read_ply
from mono_hydra.files.tracking import read_tracking
from mono_hydra.files.trajectory import read_trajectory
from mono_hydra.graph.scene_graph import SceneGraph, node_symbol
from mono_hydra.io.spark_dsg import read_spark_dsg
from mono_hydra.labels.label_space import load_label_space
from mono_hydra.types import MeshBlock
from mono_hydra.view.report import ReportInput


def load_run(folder: Path | str) -> ReportInput:
    """Graph with crops, mesh, trajectory and metrics of a run folder.

    Raises:
        DatasetError: a file is missing or unreadable.
        GraphError: the scene graph is unreadable.
        LabelError: its label space is unknown.
    """
    run = Path(folder)
    graph = read_spark_dsg(run / "scene_graph.json")
    _load_crops(graph, run / "crops")
    mesh = mesh_of_ply(read_ply(run / "mesh.ply")) if (run / "mesh.ply").is_file() else None
    stamps_s, T_world_camera = read_trajectory(run / "trajectory.txt")
    label_space = load_label_space(graph.label_space)
    states = run / "tracking.csv"
    tracking = tuple(read_tracking(states)) if states.is_file() else ()
    return ReportInput(graph, label_space, _metrics(run), stamps_s, T_world_camera, mesh, tracking)


def _metrics(run: Path) -> dict[str, Any]:
    try:
        metrics: dict[str, Any] = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{run}: no readable metrics.json; give the folder of a finished run"
        ) from error
    return metrics


def _load_crops(graph: SceneGraph, folder: Path) -> None:
    for node, a in list(graph.items("objects")):
        file = folder / f"{node_symbol(node)}.jpg"
        if file.is_file():
            graph.add_node(node, replace(a, crop_rgb=read_image(file)))


def mesh_of_ply(ply: Ply) -> MeshBlock:
    """The mesh of a run's PLY file as one block; missing columns are zero."""
    n = len(ply.vertices_m)

    def column(name: str, kind: type) -> np.ndarray:
        return np.asarray(ply.vertex.get(name, np.zeros(n)), dtype=kind)

    return MeshBlock(
        (0, 0, 0),
        ply.vertices_m,
        np.stack([column(k, np.float32) for k in ("nx", "ny", "nz")], axis=1),
        np.stack([column(k, np.uint8) for k in ("red", "green", "blue")], axis=1),
        column("label", np.uint8),
        column("confidence", np.float32),
        ply.faces,
    )
