"""Assembles `scores.json` of a run: all that can be scored, and the names of what cannot.

A missing part is null and named in `missing`; an empty result is scored. The chosen alignment moves
mesh, objects, places and rooms; nothing is scored after a correction of scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.alignment import (
    ALIGNMENT_KINDS,
    MIN_PAIRS,
    Alignment,
    AlignmentKind,
    align,
    associate,
)
from mono_hydra.evaluation.consistency import score_consistency
from mono_hydra.evaluation.graph_file import OBJECTS, PLACES, ROOMS
from mono_hydra.evaluation.mesh import estimated_mesh, score_mesh
from mono_hydra.evaluation.mesh_protocols import score_after_icp, score_protocol
from mono_hydra.evaluation.objects import estimated_objects, score_objects, true_objects
from mono_hydra.evaluation.places import estimated_places, n_components, score_places
from mono_hydra.evaluation.relations import room_accuracy, score_relations
from mono_hydra.evaluation.rooms import score_rooms
from mono_hydra.evaluation.routes import score_routes
from mono_hydra.evaluation.run import Run
from mono_hydra.evaluation.trajectory import score_trajectory
from mono_hydra.evaluation.truth import Truth

SCHEMA = "mono_hydra/scores/1"
PARTS = ("trajectory", "mesh", "objects", "places", "rooms", "graph", "system")
MAP_PARTS = ("mesh", "objects", "places", "rooms")
Protocol = Literal["ours", "niceslam", "gosurf"]


@dataclass
class _Scoring:
    """One run against one truth."""

    run: Run
    truth: Truth
    kind: AlignmentKind
    alignment: Alignment | None
    missing: list[str] = field(default_factory=list)
    shared: dict[str, Any] = field(default_factory=dict)  # results that another part builds on

    @property
    def placed(self) -> Alignment:
        """The alignment, for parts that are only scored with one."""
        assert self.alignment is not None
        return self.alignment

    def miss(self, name: str) -> dict[str, Any] | None:
        """Name a part that cannot be scored; gives None, which reads as null."""
        if name not in self.missing:
            self.missing.append(name)
        return None


def score_run(
    run: Run,
    truth: Truth,
    *,
    alignment: Literal["auto", "yaw", "se3", "sim3"] = "auto",
    only: Sequence[str] = PARTS,
    protocol: Protocol = "ours",
    icp: bool = False,
) -> dict[str, Any]:
    """All scores of a run.

    Args:
        run: the run's folder.
        truth: of the same sequence.
        alignment: how the run is moved to the truth; `auto`: about the vertical if the run knew
            it, rigid otherwise.
        only: parts to score.
        protocol: adds `mesh_protocol`, the mesh scored as papers do it.
        icp: adds `mesh_after_icp`.

    Raises:
        EvaluationError: a file of either side cannot be read, or a part is unknown.
    """
    unknown = sorted(set(only) - set(PARTS))
    if unknown:
        raise EvaluationError(f"no part is called {unknown[0]}; parts are {', '.join(PARTS)}")
    kind = _choose_alignment(run, truth) if alignment == "auto" else alignment
    if kind not in ALIGNMENT_KINDS:
        raise EvaluationError(f"no alignment is called {kind}; use auto, yaw, se3 or sim3")
    scoring = _Scoring(run, truth, kind, _align(run, truth, kind))
    scores: dict[str, Any] = {"schema": SCHEMA, **_identity(run, truth), "align": kind}
    scores["missing"] = scoring.missing
    for part in (part for part in PARTS if part in only):
        if part in MAP_PARTS and scoring.alignment is None:
            scores[part] = None
            scores["reason"] = "not aligned"
            scoring.miss(part)
        else:
            scores[part] = _SCORERS[part](scoring)
    _add_links(scoring, scores)
    if scores.get("mesh") is not None:
        surface = scoring.shared["mesh"].surface
        if icp:
            scores["mesh_after_icp"] = score_after_icp(surface, truth)
        if protocol != "ours":
            scores["mesh_protocol"] = score_protocol(surface, truth, protocol)
    return scores


def _identity(run: Run, truth: Truth) -> dict[str, Any]:
    metrics = run.metrics or {}
    provenance = metrics.get("provenance") or metrics
    return {
        "run": run.folder.as_posix(),
        "sequence": truth.meta.get("sequence"),
        "seed": truth.meta.get("seed"),
        "stand_in": bool(provenance.get("stand_in", metrics.get("stand_in", False))),
    }


def _choose_alignment(run: Run, truth: Truth) -> AlignmentKind:
    """Yaw unless nothing told the run where up is: no IMU, or a truth that is not upright."""
    metrics = run.metrics or {}
    poses = (metrics.get("provenance") or metrics).get("poses")
    if poses == "vo" or not truth.meta.get("gravity_aligned", True):
        return "se3"
    return "yaw"


def _align(run: Run, truth: Truth, kind: AlignmentKind) -> Alignment | None:
    if run.trajectory is None:
        return None
    stamps_s, poses = run.trajectory
    index, true_index = associate(stamps_s, truth.stamps_s)
    if len(index) < MIN_PAIRS:
        return None
    return align(poses[index, :3, 3], truth.T_world_camera[true_index, :3, 3], kind)


def _trajectory(scoring: _Scoring) -> dict[str, Any] | None:
    run, truth = scoring.run, scoring.truth
    if run.trajectory is None:
        return scoring.miss("trajectory")
    stamps_s, poses = run.trajectory
    scores = score_trajectory(
        stamps_s, poses, truth.stamps_s, truth.T_world_camera, headline=scoring.kind
    )
    scores["nees"] = None
    if run.covariance is None:
        scoring.miss("trajectory.nees")
    else:
        scores["nees"] = score_consistency(
            stamps_s,
            poses,
            *run.covariance,
            truth.stamps_s,
            truth.T_world_camera,
            is_upright=scoring.kind == "yaw",
        )
    scores["loops"] = scoring.miss("trajectory.loops")
    scores["relocalisation"] = scoring.miss("trajectory.relocalisation")
    return scores


def _mesh(scoring: _Scoring) -> dict[str, Any] | None:
    run, truth = scoring.run, scoring.truth
    if run.mesh is None or truth.mesh is None or truth.samples is None:
        return scoring.miss("mesh")
    names = run.graph.labels.get("_l2p0", {}) if run.graph else {}
    estimate = estimated_mesh(run.mesh, scoring.placed, names, truth.labels)
    scoring.shared["mesh"] = estimate
    return score_mesh(estimate, truth)


def _objects(scoring: _Scoring) -> dict[str, Any] | None:
    graph, truth = scoring.run.graph, scoring.truth
    if graph is None or truth.objects is None:
        return scoring.miss("objects")
    estimated, others = estimated_objects(graph, truth.labels, scoring.placed)
    true = true_objects(truth.objects, truth.labels)
    scores, matches = score_objects(estimated, true)
    scores["other_labels"] = len(others)
    scores["other_label_names"] = sorted(set(others))
    scoring.shared["objects"] = (estimated, true, matches)
    return scores


def _places(scoring: _Scoring) -> dict[str, Any] | None:
    graph, truth = scoring.run.graph, scoring.truth
    if graph is None or truth.mesh is None or truth.samples is None:
        return scoring.miss("places")
    places = estimated_places(graph, scoring.placed)
    surface = truth.mesh.surface
    scores = score_places(places, surface, truth.samples, truth.free_space)
    if truth.free_space is None:
        scores["coverage"] = scoring.miss("places.coverage")
        scores["routes"] = scoring.miss("places.routes")
        return scores
    scores["routes"] = score_routes(places, surface, truth, truth.free_space)
    if scores["routes"] is None:
        scoring.miss("places.routes")
    return scores


def _rooms(scoring: _Scoring) -> dict[str, Any] | None:
    graph, truth = scoring.run.graph, scoring.truth
    if graph is None:
        return scoring.miss("rooms")
    places = estimated_places(graph, scoring.placed)
    found = score_rooms(graph, places, truth, scoring.placed)
    if found is None:
        return scoring.miss("rooms")
    scores, scoring.shared["room_match"] = found
    return scores


def _add_links(scoring: _Scoring, scores: dict[str, Any]) -> None:
    """Scores of objects that need the rooms or the relations."""
    graph, truth = scoring.run.graph, scoring.truth
    if graph is None or scores.get("objects") is None:
        return
    estimated, true, matches = scoring.shared["objects"]
    objects = scores["objects"]
    if "room_match" in scoring.shared:
        objects["room_accuracy"] = room_accuracy(
            estimated, true, matches, scoring.shared["room_match"]
        )
    elif "rooms" in scores:
        objects["room_accuracy"] = scoring.miss("objects.room_accuracy")
    if truth.relations is None:
        objects["relations"] = scoring.miss("objects.relations")
    else:
        objects["relations"] = score_relations(graph, estimated, true, matches, truth.relations)


def _graph(scoring: _Scoring) -> dict[str, Any] | None:
    graph = scoring.run.graph
    if graph is None:
        return scoring.miss("graph")
    places = estimated_places(graph, Alignment(np.eye(3), np.zeros(3)))
    return {
        "objects": len(graph.layer(OBJECTS)),
        "places": len(graph.layer(PLACES)),
        "rooms": len(graph.layer(ROOMS)),
        "place_components": n_components(len(places), places.edges),
    }


_SYSTEM_KEYS = (
    "stages", "latency_s", "pose_latency_s", "realtime_factor", "rate_hz", "dropped",
    "peak_rss_mb", "rss_growth_mb_per_min", "gpu_peak_mb", "disk_mb", "graph_bytes_per_m2",
    "deterministic", "startup_s",
)  # fmt: skip


def _system(scoring: _Scoring) -> dict[str, Any] | None:
    metrics = scoring.run.metrics
    if metrics is None:
        return scoring.miss("system")
    system = {key: metrics[key] for key in _SYSTEM_KEYS if key in metrics}
    timing = metrics.get("timing_ms") or {}
    stages = {
        name: {key: value for key, value in record.items() if key != "history"}
        for name, record in timing.items()
        if isinstance(record, dict)
    }
    wall_s, duration_s = metrics.get("wall_s"), metrics.get("duration_s")
    if stages:
        system.setdefault("stages", stages)
    if wall_s and duration_s:
        system.setdefault("realtime_factor", duration_s / wall_s)
    if metrics.get("frames_per_s") is not None:
        system.setdefault("rate_hz", {"frames": metrics["frames_per_s"]})
    return system


_SCORERS: dict[str, Callable[[_Scoring], dict[str, Any] | None]] = {
    "trajectory": _trajectory,
    "mesh": _mesh,
    "objects": _objects,
    "places": _places,
    "rooms": _rooms,
    "graph": _graph,
    "system": _system,
}
