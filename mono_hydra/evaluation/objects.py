"""Object scores: instances found, by place and by box, label quality, duplicates, relations.

Estimated objects are compared with the *observable* true ones; finding any other true object is
neither right nor wrong. True world, metres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.boxes import contains, estimated_box, overlaps, true_box
from mono_hydra.evaluation.graph_file import OBJECTS, ROOMS, GraphFile
from mono_hydra.evaluation.matching import match
from mono_hydra.evaluation.summary import precision_recall, share, summarise
from mono_hydra.evaluation.truth import TrueLabel
from mono_hydra.types import F8, I8, Bool

NEAR_M = 0.5
INSIDE_MARGIN_M = 0.10


@dataclass(frozen=True, eq=False)
class ObjectSet:
    """Objects of one side in the true world."""

    ids: list[int]
    names: list[str]  # after the remap
    boxes: F8  # (N, 7) centre, length, width, height, yaw
    is_observable: Bool  # (N,); all true on the estimated side
    symmetry: I8  # (N,) 1 none, 2 half turn, 4 quarter turn, 0 round
    rooms: list[int | None]

    def __len__(self) -> int:
        """Number of objects."""
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Which pairs (estimate, truth) a score admits, and at what cost."""

    admissible: Bool  # (N, M)
    cost: F8  # (N, M)


@dataclass(frozen=True, eq=False)
class Matches:
    """Result of matching with one rule."""

    pairs: list[tuple[int, int]]  # (estimate, truth) indices, observable truths only
    unmatched: list[int]  # estimates that are false positives
    scores: dict[str, Any]


def score_objects(estimated: ObjectSet, true: ObjectSet) -> tuple[dict[str, Any], Matches]:
    """All object scores of one run, and the matches within 0.5 m that other scores build on."""
    distance = np.linalg.norm(estimated.boxes[:, None, :3] - true.boxes[None, :, :3], axis=-1)
    iou = overlaps(estimated.boxes, true.boxes)
    same = np.array([[a == b for b in true.names] for a in estimated.names], dtype=bool)
    same = same.reshape(len(estimated), len(true))
    near = matches_of(_Candidates(same & (distance <= 0.5), distance), true.is_observable)
    scores: dict[str, Any] = {
        "observable": int(true.is_observable.sum()),
        "ignored": int((~true.is_observable).sum()),
        "estimated": len(estimated),
        "classes_not_in_truth": len(set(estimated.names) - set(true.names)),
        "radius_f1@0.5": near.scores,
    }
    for key, candidates in {
        "radius_f1@1.0": _Candidates(same & (distance <= 1.0), distance),
        "box_f1@0.25": _Candidates(same & (iou >= 0.25), 1.0 - iou),
        "box_f1@0.5": _Candidates(same & (iou >= 0.5), 1.0 - iou),
    }.items():
        scores[key] = matches_of(candidates, true.is_observable).scores
    any_label = matches_of(_Candidates(distance <= 0.5, distance), true.is_observable)
    scores["radius_f1_any_label@0.5"] = any_label.scores
    scores["label_accuracy"] = (
        float(np.mean([same[i, j] for i, j in any_label.pairs])) if any_label.pairs else None
    )
    scores |= _hydra_shares(estimated, true, same, distance)
    observable_near = same & (distance <= NEAR_M) & true.is_observable
    scores["duplicates"] = int(np.count_nonzero(observable_near[near.unmatched].any(axis=1)))
    scores |= _errors(estimated, true, near.pairs, distance)
    scores["per_class"], scores["f1_macro"] = _per_class(estimated, true, near)
    return scores, near


def matches_of(candidates: _Candidates, is_observable: Bool) -> Matches:
    """Match estimates one-to-one with observable truths; drop those that fit an ignored truth."""
    columns = np.flatnonzero(is_observable)
    found = match(candidates.cost[:, columns], candidates.admissible[:, columns])
    pairs = [(i, int(columns[j])) for i, j in found]
    matched = {i for i, _ in pairs}
    fits_ignored = np.asarray(candidates.admissible[:, ~is_observable].any(axis=1))
    unmatched = [i for i in range(len(fits_ignored)) if i not in matched and not fits_ignored[i]]
    scores = precision_recall(len(pairs), len(unmatched), len(columns) - len(pairs))
    return Matches(pairs, unmatched, dict(scores))


def _hydra_shares(
    estimated: ObjectSet, true: ObjectSet, same: Bool, distance: F8
) -> dict[str, Any]:
    """Hydra's found and correct, many to one."""
    near = same & (distance <= NEAR_M)
    inside = same & contains(true.boxes, estimated.boxes[:, :3], INSIDE_MARGIN_M).T
    observable = true.is_observable
    n_observable, n = int(observable.sum()), len(estimated)
    return {
        "found": share(int(near[:, observable].any(axis=0).sum()), n_observable, n),
        "correct": share(int(near.any(axis=1).sum()), n, n_observable),
        "inside_found": share(int(inside[:, observable].any(axis=0).sum()), n_observable, n),
    }


def _errors(
    estimated: ObjectSet, true: ObjectSet, pairs: list[tuple[int, int]], distance: F8
) -> dict[str, Any]:
    sizes, yaws = [], []
    for i, j in pairs:
        sizes.append(_size_error(estimated.boxes[i, 3:6], true.boxes[j, 3:6]))
        yaw_rad = _yaw_error(estimated.boxes[i], true.boxes[j], int(true.symmetry[j]))
        if yaw_rad is not None:
            yaws.append(np.degrees(yaw_rad))
    return {
        "center_error_m": summarise([distance[i, j] for i, j in pairs]),
        "size_error": summarise(sizes),
        "yaw_error_deg": summarise(yaws),
    }


def _size_error(size_m: F8, true_size_m: F8) -> float:
    a = np.array([*sorted(size_m[:2]), size_m[2]])
    b = np.array([*sorted(true_size_m[:2]), true_size_m[2]])
    return float(np.mean(np.abs(a - b) / np.maximum(b, 1e-6)))


def _yaw_error(box: F8, true: F8, symmetry: int) -> float | None:
    """Difference of yaw modulo the object's symmetry; None for round things.

    A box has no front, so that half a turn never counts; where length and width of the estimate
    are exchanged, its yaw is that of its other side.
    """
    if symmetry == 0:
        return None
    exchanged = (box[3] >= box[4]) != (true[3] >= true[4])
    yaw = box[6] + (np.pi / 2.0 if exchanged else 0.0)
    period = np.pi / 2.0 if symmetry == 4 else np.pi
    difference = (yaw - true[6]) % period
    return float(min(difference, period - difference))


def _per_class(
    estimated: ObjectSet, true: ObjectSet, near: Matches
) -> tuple[dict[str, Any], float | None]:
    observable = [name for name, seen in zip(true.names, true.is_observable, strict=True) if seen]
    matched = [true.names[j] for _, j in near.pairs]
    wrong = [estimated.names[i] for i in near.unmatched]
    scores = {
        name: dict(
            precision_recall(
                matched.count(name), wrong.count(name), observable.count(name) - matched.count(name)
            )
        )
        for name in sorted({*observable, *wrong})
    }
    present = [float(scores[name]["f1"]) for name in sorted(set(observable))]
    return scores, float(np.mean(present)) if present else None


def true_objects(records: Sequence[dict[str, Any]], labels: dict[int, TrueLabel]) -> ObjectSet:
    """The true objects whose class is of kind `object`, by id."""
    remap = remapped_names(labels)
    kinds = {label.name: label.kind for label in labels.values()}
    kept = sorted(
        (r for r in records if kinds.get(remap.get(r["label"], r["label"]), "object") == "object"),
        key=lambda r: int(r["id"]),
    )
    return ObjectSet(
        [int(r["id"]) for r in kept],
        [remap.get(r["label"], r["label"]) for r in kept],
        np.array([true_box(r) for r in kept]).reshape(-1, 7),
        np.array([bool(r["observable"]) for r in kept], dtype=bool),
        np.array([int(r.get("symmetry", 1)) for r in kept], dtype=np.int64),
        [r.get("room") for r in kept],
    )


def estimated_objects(
    graph: GraphFile, labels: dict[int, TrueLabel], alignment: Alignment
) -> tuple[ObjectSet, list[str]]:
    """The estimated objects of scored classes, by id, and the class names of all others."""
    remap = remapped_names(labels)
    scored = {remap.get(x.name, x.name) for x in labels.values() if x.kind == "object"}
    ids: list[int] = []
    names, others, boxes, rooms = [], [], [], []
    for node in graph.layer(OBJECTS):
        name = graph.label_name(node)
        name = remap.get(name, name)
        box = estimated_box(node, alignment)
        if name not in scored or not np.isfinite(box).all():
            others.append(name)
            continue
        ids.append(node.id)
        names.append(name)
        boxes.append(box)
        rooms.append(graph.ancestor(node.id, ROOMS))
    n = len(ids)
    table = np.array(boxes).reshape(-1, 7)
    return ObjectSet(ids, names, table, np.ones(n, bool), np.ones(n, np.int64), rooms), others


def remapped_names(labels: dict[int, TrueLabel]) -> dict[str, str]:
    """Class name -> the name it is scored under."""
    return {x.name: x.remap for x in labels.values() if x.remap}
