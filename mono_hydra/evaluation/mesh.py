"""Mesh scores: accuracy, completeness, F at a limit, labels of the seen surface.

Distances are exact from points to triangles, both ways, so that the density of the estimate adds
no bias. True world, metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.summary import harmonic_mean, summarise
from mono_hydra.evaluation.surface import Surface, clean_surface
from mono_hydra.evaluation.truth import Samples, TrueLabel, TrueMesh, Truth
from mono_hydra.evaluation.view import in_view
from mono_hydra.evaluation.walls import score_walls
from mono_hydra.files.ply import Ply
from mono_hydra.types import F8, I8

SAMPLES_PER_M2 = 400.0
MIN_SAMPLES, MAX_SAMPLES = 20_000, 1_000_000
LIMITS_M = {"f_5cm": 0.05, "f_10cm": 0.10}
LABEL_REACH_M = 0.10
MIN_CLASS_SAMPLES = 200


@dataclass(frozen=True, eq=False)
class EstimatedMesh:
    """The run's mesh in the true world."""

    surface: Surface
    label_of_face: I8  # (F,) ids of the truth's label table, -1 = not in it


def estimated_mesh(
    mesh: Ply, alignment: Alignment, names: dict[int, str], labels: dict[int, TrueLabel]
) -> EstimatedMesh:
    """Move a run's mesh to the true world, clean it, give each triangle its vertices' label.

    Args:
        mesh: as the file holds it.
        alignment: run to truth.
        names: the run's label table; empty: its ids are those of the truth.
        labels: the truth's label table.
    """
    moved = alignment.points(mesh.vertices_m.astype(np.float64))
    surface, kept = clean_surface(moved, mesh.faces.astype(np.int64))
    vertex_label = np.asarray(mesh.vertex.get("label", np.zeros(len(mesh.vertices_m))), np.int64)
    corners = vertex_label[kept][surface.faces]
    majority = np.where(corners[:, 1] == corners[:, 2], corners[:, 1], corners[:, 0])
    return EstimatedMesh(surface, _true_ids(majority, names, labels))


def score_mesh(estimate: EstimatedMesh, truth: Truth) -> dict[str, Any] | None:
    """All mesh scores; None where the truth has no mesh or no samples."""
    if truth.mesh is None or truth.samples is None:
        return None
    surface, samples = estimate.surface, truth.samples
    scores: dict[str, Any] = {
        "triangles": len(surface.faces),
        "area_m2": float(surface.areas_m2.sum()),
    }
    accuracy_m, scores["outside_view"] = _accuracy(surface, truth.mesh, truth)
    seen = samples.points_m[samples.is_seen]
    completeness_m, triangle = surface.closest(seen)
    scores["accuracy_m"] = summarise(accuracy_m)
    finite = np.isfinite(completeness_m)
    scores["completeness_m"] = summarise(completeness_m[finite])
    for key, limit_m in LIMITS_M.items():
        scores[key] = f_score(accuracy_m, completeness_m, limit_m)
    scores |= _score_labels(estimate, samples, truth.labels, completeness_m, triangle)
    walls = score_walls(surface, truth.mesh.surface, samples, truth.labels)
    scores["flatness_m"] = walls.pop("flatness_m")
    scores["walls"] = walls
    return scores


def f_score(accuracy_m: F8, completeness_m: F8, limit_m: float) -> dict[str, float]:
    """Precision, recall and F of distances at a limit; an empty side has share 0."""
    precision = float(np.mean(accuracy_m <= limit_m)) if len(accuracy_m) else 0.0
    recall = float(np.mean(completeness_m <= limit_m)) if len(completeness_m) else 0.0
    return {"precision": precision, "recall": recall, "f": harmonic_mean(precision, recall)}


def sample_count(area_m2: float) -> int:
    """400 points per square metre, between 20 000 and a million."""
    return int(np.clip(round(SAMPLES_PER_M2 * area_m2), MIN_SAMPLES, MAX_SAMPLES))


def _accuracy(surface: Surface, true_mesh: TrueMesh, truth: Truth) -> tuple[F8, float | None]:
    """Distances of the estimate's samples in view to the true surface; share culled."""
    if surface.is_empty:
        return np.zeros(0), None
    n_points = sample_count(float(surface.areas_m2.sum()))
    points, _ = surface.sample(n_points, np.random.default_rng(0))
    visible = in_view(points, truth.camera, truth.T_world_camera, truth.max_range_m)
    return true_mesh.surface.distance(points[visible]), float(1.0 - visible.mean())


def _score_labels(
    estimate: EstimatedMesh,
    samples: Samples,
    labels: dict[int, TrueLabel],
    distance_m: F8,
    triangle: I8,
) -> dict[str, Any]:
    """Label scores over the seen samples, and over those that have an estimated surface."""
    true = samples.label[samples.is_seen]
    mapped = distance_m <= LABEL_REACH_M
    said = np.full(len(true), -1)
    said[mapped] = estimate.label_of_face[triangle[mapped]]
    remap = _remapped_ids(labels)
    true, said = remap[true], np.where(said >= 0, remap[said], -1)
    names = {label.id: label.name for label in labels.values()}
    static = [label.id for label in labels.values() if label.kind in ("structure", "object")]
    judged = np.isin(true, static)
    return {
        "labels": label_scores(true[judged], said[judged], names),
        "labels_where_mapped": label_scores(true[judged & mapped], said[judged & mapped], names),
    }


def label_scores(true: I8, said: I8, names: dict[int, str]) -> dict[str, Any]:
    """IoU, mean and weighted IoU, mean accuracy over classes with at least 200 true samples.

    Args:
        true: (N,) true ids.
        said: (N,) estimated ids, -1 for none.
        names: id -> class name.
    """
    ids, counts = np.unique(true, return_counts=True)
    iou, recall, weight = {}, [], []
    for label, count in zip(ids, counts, strict=True):
        if count < MIN_CLASS_SAMPLES:
            continue
        hit = int(np.count_nonzero((true == label) & (said == label)))
        union = int(count) + int(np.count_nonzero(said == label)) - hit
        iou[names.get(int(label), str(label))] = hit / union
        recall.append(hit / count)
        weight.append(int(count))
    values = np.array(list(iou.values()))
    return {
        "miou": float(values.mean()) if iou else None,
        "macc": float(np.mean(recall)) if iou else None,
        "fwiou": float(values @ np.array(weight) / sum(weight)) if iou else None,
        "accuracy": float(np.mean(true == said)) if len(true) else None,
        "iou": iou,
    }


def _true_ids(run_ids: I8, names: dict[int, str], labels: dict[int, TrueLabel]) -> I8:
    """Ids of the run's label table as ids of the truth's; -1 for names the truth does not have."""
    if not names:
        return run_ids
    id_of_name = {label.name: label.id for label in labels.values()}
    table = np.full(max(256, int(run_ids.max(initial=0)) + 1), -1)
    for run_id, name in names.items():
        if run_id < len(table):
            table[run_id] = id_of_name.get(name, -1)
    return np.asarray(table[run_ids])


def _remapped_ids(labels: dict[int, TrueLabel]) -> I8:
    """Lookup of the id a class is scored under."""
    id_of_name = {label.name: label.id for label in labels.values()}
    table = np.arange(max([255, *labels]) + 1)
    for label in labels.values():
        if label.remap:
            table[label.id] = id_of_name.get(label.remap, label.id)
    return table
