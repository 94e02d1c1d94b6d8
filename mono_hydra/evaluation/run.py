"""Reads the folder of a run for scoring: its files are all that counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.graph_file import GraphFile, read_graph
from mono_hydra.evaluation.truth import read_json
from mono_hydra.files.ply import Ply, read_ply
from mono_hydra.files.trajectory import read_trajectory
from mono_hydra.types import F8


@dataclass(frozen=True, eq=False)
class Run:
    """A run folder; parts are read when first asked for, absent ones are None."""

    folder: Path

    @cached_property
    def trajectory(self) -> tuple[F8, F8] | None:
        """Stamps (N,) and T_world_camera (N, 4, 4)."""
        path = self.folder / "trajectory.txt"
        return read_trajectory(path) if path.is_file() else None

    @cached_property
    def covariance(self) -> tuple[F8, F8] | None:
        """Stamps (N,) and covariance (N, 6, 6) of T_world_camera."""
        path = self.folder / "trajectory_covariance.npz"
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as data:
                stamps_s = data["stamps"]
                return stamps_s.astype(float), data["covariance"].astype(float)
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise EvaluationError(f"{path}: not a readable covariance file") from error

    @cached_property
    def mesh(self) -> Ply | None:
        """Triangles with vertex labels."""
        path = self.folder / "mesh.ply"
        return read_ply(path) if path.is_file() else None

    @cached_property
    def graph(self) -> GraphFile | None:
        """The scene graph."""
        path = self.folder / "scene_graph.json"
        return read_graph(path) if path.is_file() else None

    @cached_property
    def metrics(self) -> dict[str, Any] | None:
        """What the run measured of itself."""
        path = self.folder / "metrics.json"
        if not path.is_file():
            return None
        data = read_json(path)
        if not isinstance(data, dict):
            raise EvaluationError(f"{path}: holds no JSON object; run the sequence again")
        return data


def read_run(folder: Path | str) -> Run:
    """Open a run folder.

    Raises:
        EvaluationError: no such folder, or none of a run's files in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such run folder; give one that run_sequence.py wrote")
    names = ("trajectory.txt", "scene_graph.json", "mesh.ply")
    if not any((folder / name).is_file() for name in names):
        raise EvaluationError(f"{folder}: holds none of {', '.join(names)}; give a run folder")
    return Run(folder)
