"""The recorder: gathers a run and writes its folder, whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.config import Config, dump_config
from mono_hydra.errors import OutputError
from mono_hydra.files.atomic import output_problem
from mono_hydra.files.images import write_image
from mono_hydra.files.ply import write_mesh
from mono_hydra.files.tracking import write_tracking
from mono_hydra.files.trajectory import write_trajectory
from mono_hydra.graph.scene_graph import SceneGraph, node_symbol
from mono_hydra.io.graphml import write_graphml
from mono_hydra.io.spark_dsg import write_spark_dsg
from mono_hydra.io.tree_json import write_scene_tree
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.types import (
    F8,
    I8,
    MeshBlock,
    Provenance,
    SequenceInfo,
    TrackedPose,
    TrackRecord,
)
from mono_hydra.view.observer import StepLike
from mono_hydra.view.report import ReportInput, write_report
from mono_hydra.view.run_metrics import RunMetrics
from mono_hydra.view.whole_mesh import WholeMesh


class Recorder:
    """Observer that writes the results of a run into its folder.

    Args:
        folder: the run folder, as `make_run_folder` returns it.
        config: resolved configuration.
        label_space: names behind the labels.
        info: the sequence.
        provenance: what fed poses, depth and labels.
        command: the command line, for the reader of config.yaml.
    """

    def __init__(
        self,
        folder: Path,
        *,
        config: Config,
        label_space: LabelSpace,
        info: SequenceInfo,
        provenance: Provenance,
        command: str = "",
    ) -> None:
        self.folder = folder
        self.config = config
        self.label_space = label_space
        self.command = command
        self.info = info
        self.provenance = provenance
        self.metrics = RunMetrics(info, provenance)
        self.mesh = WholeMesh()
        self.poses: list[TrackedPose] = []  # of estimated ones

    def step(self, step: StepLike) -> None:
        """Take one step of the pipeline."""
        self.metrics.step(step)
        self.mesh.update(step.changed_mesh)
        if step.tracked.covariance is not None:
            self.poses.append(step.tracked)

    def finish(
        self,
        graph: SceneGraph,
        trajectory: tuple[F8, F8],
        *,
        mesh: MeshBlock | None = None,
        state: str = "complete",
        message: str = "",
        extra_metrics: dict[str, Any] | None = None,
        room_curve: tuple[F8, I8, float] | None = None,
        tracking: Sequence[TrackRecord] = (),
    ) -> dict[str, Any]:
        """Write everything; returns the metrics.

        The files are made in a folder of their own inside the run folder and then moved into
        place, then `status.json`: a full disk leaves no half results. The report comes last.

        Args:
            graph: final scene graph; its metadata gets sequence, provenance and stand-in mark.
            trajectory: stamps (N,) and final T_world_camera (N, 4, 4) of every tracked frame.
            mesh: final mesh; by default the blocks seen in the steps, joined.
            state: complete, interrupted or failed.
            message: one line about it.
            extra_metrics: more keys for metrics.json, e.g. skipped frames.
            room_curve: of the rooms' filtration: dilations (U,), component counts (U,), chosen
                dilation; the report draws it.
            tracking: state and health of every frame, where poses were estimated.

        Raises:
            OutputError: the folder cannot be written.
        """
        whole = self.mesh.joined() if mesh is None else mesh
        stamp_metadata(graph, self.info, self.provenance)
        metrics = self.metrics.summary(graph, whole) | (extra_metrics or {})
        if room_curve is not None:
            metrics["room_filtration"] = _curve_record(*room_curve)
        part = self.folder / ".part"
        try:
            part.mkdir(parents=True, exist_ok=True)
            self._write_all(part, graph, whole, trajectory, metrics)
            if tracking:
                write_tracking(part / "tracking.csv", tracking)
            for file in sorted(part.iterdir()):
                _move(file, self.folder / file.name)
            status = {"state": state, "message": message, "stand_in": metrics["stand_in"]}
            _write_json(part / "status.json", status | {"frames": metrics["frames"]})
            _move(part / "status.json", self.folder / "status.json")
        except OSError as error:
            raise OutputError(output_problem(self.folder, error)) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        run = ReportInput(graph, self.label_space, metrics, *trajectory, whole, tuple(tracking))
        write_report(self.folder / "report.html", run)
        return metrics

    def _write_all(
        self,
        part: Path,
        graph: SceneGraph,
        mesh: MeshBlock,
        trajectory: tuple[F8, F8],
        metrics: dict[str, Any],
    ) -> None:
        write_spark_dsg(graph, part / "scene_graph.json", self.label_space)
        write_scene_tree(graph, part / "scene_tree.json")
        write_graphml(graph, part / "scene_graph.graphml")
        write_trajectory(part / "trajectory.txt", *trajectory)
        write_mesh(
            part / "mesh.ply",
            vertices_m=mesh.vertices_m,
            normals=mesh.normals,
            rgb=mesh.rgb,
            labels=mesh.labels,
            confidence=mesh.confidence,
            faces=mesh.faces,
        )
        write_crops(graph, part / "crops")
        if self.poses:
            write_covariances(part / "trajectory_covariance.npz", self.poses)
        (part / "config.yaml").write_text(self._config_text(), encoding="utf-8")
        _write_json(part / "metrics.json", metrics)

    def _config_text(self) -> str:
        """The configuration, loadable with --config; what fed the stages as comments above it."""
        facts = {"sequence": self.info.name, **asdict(self.provenance), "command": self.command}
        head = "".join(f"# {key}: {value}\n" for key, value in facts.items() if value != "")
        return head + dump_config(self.config)


def write_covariances(path: Path, poses: Sequence[TrackedPose]) -> None:
    """Covariances of estimated poses, and the steps from their last keyframes with theirs."""
    steps = [(p.stamp_s, p.relative) for p in poses if p.relative is not None]
    np.savez(
        path,
        stamps=np.array([p.stamp_s for p in poses]),
        covariance=np.array([p.covariance for p in poses]),
        relative_stamps=np.array([stamp_s for stamp_s, _ in steps]),
        relative_pose=np.array([r.T_keyframe_camera for _, r in steps]).reshape(-1, 4, 4),
        relative_covariance=np.array([r.covariance for _, r in steps]).reshape(-1, 6, 6),
    )


def _curve_record(dilation_m: F8, components: I8, chosen_m: float) -> dict[str, Any]:
    """The steps of the filtration curve, from narrow to wide."""
    order = np.argsort(dilation_m, kind="stable")
    d, n = np.asarray(dilation_m)[order], np.asarray(components)[order]
    steps = np.flatnonzero(np.diff(n, prepend=-1, append=-1)) if len(n) else np.zeros(0, int)
    points = [[round(float(d[k]), 4), int(n[k])] for k in steps if k < len(n)]
    return {"components": points, "chosen_m": round(float(chosen_m), 4)}


def stamp_metadata(graph: SceneGraph, info: SequenceInfo, provenance: Provenance) -> None:
    """Write into the graph what it was made of, so that every export states it."""
    stand_in = info.stand_in or provenance.stand_in
    graph.metadata |= {"sequence": info.name, "stand_in": stand_in}
    graph.metadata["provenance"] = asdict(provenance) | {"stand_in": stand_in}


def write_crops(graph: SceneGraph, folder: Path) -> None:
    """The best view of each object as `O12.jpg`."""
    for node, a in graph.items("objects"):
        if a.crop_rgb is not None and a.crop_rgb.size:
            write_image(folder / f"{node_symbol(node)}.jpg", a.crop_rgb)


def _write_json(path: Path, record: dict[str, Any]) -> None:
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8")


def _move(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)
