"""Names of rooms with probabilities, from the objects inside, the size, the shape and the doors.

Naive Bayes: classes of objects speak independently for each name. What is missing counts less than
what is there, because a class is easily overlooked. The kind of building is shared by all rooms, so
that a desk means a study at home and an office among offices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml

from mono_hydra.types import F8

ABSENCE_WEIGHT = 0.5  # of "none was found"
ELONGATION_SPREAD = 0.45  # standard deviation of its logarithm


@dataclass(frozen=True)
class RoomEvidence:
    """What is known about one room."""

    objects: Mapping[str, float]  # class -> probability that at least one is there
    area_m2: float
    elongation: float  # longer by shorter side of the outline's box, >= 1
    n_doors: int
    has_stairs: bool = False


@cache
def _table() -> dict[str, Any]:
    text = (resources.files("mono_hydra.labels") / "room_evidence.yaml").read_text(encoding="utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table


@dataclass(frozen=True, eq=False)
class _Likelihood:
    """The table as arrays: names in rows, object classes in columns."""

    names: tuple[str, ...]
    labels: tuple[str, ...]
    log_prior: F8  # (K,)
    presence: F8  # (K, C) what a class adds when it is surely there
    absence: F8  # (K,) what all classes add when none is


@cache
def _likelihood() -> _Likelihood:
    table = _table()
    rows = table["rooms"]
    labels = tuple(sorted({c for row in rows.values() for c in row["objects"]}))
    usual = [table["everywhere"].get(label, table["elsewhere"]) for label in labels]
    p = np.array(
        [
            [row["objects"].get(label, p) for label, p in zip(labels, usual, strict=True)]
            for row in rows.values()
        ]
    )
    absent = ABSENCE_WEIGHT * np.log(1.0 - p)
    log_prior = np.log([row["prior"] for row in rows.values()])
    return _Likelihood(tuple(rows), labels, log_prior, np.log(p) - absent, absent.sum(axis=1))


def name_rooms(rooms: Sequence[RoomEvidence]) -> list[dict[str, float]]:
    """Probability of each name for each room, names of more than 1 % only, most likely first."""
    if not rooms:
        return []
    kinds = _table()["buildings"]
    row_of = {name: k for k, name in enumerate(_likelihood().names)}
    scores_of_all = np.array([_log_joints(room) for room in rooms])
    by_kind = {}
    for kind, names in kinds.items():
        rows = [row_of[name] for name in names]
        prior = _likelihood().log_prior[rows]
        by_kind[kind] = scores_of_all[:, rows] + prior - _log_sum(prior[None], 1)[0]
    of_kind = np.array([_log_sum(scores, 1).sum() for scores in by_kind.values()])
    weight = np.exp(of_kind - _log_sum(of_kind[None], 1)[0])
    result = []
    for r in range(len(rooms)):
        total: dict[str, float] = {}
        for share, (kind, scores) in zip(weight, by_kind.items(), strict=True):
            p = np.exp(scores[r] - _log_sum(scores[r][None], 1)[0])
            for name, value in zip(kinds[kind], p, strict=True):
                total[name] = total.get(name, 0.0) + float(share * value)
        ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))
        result.append({name: round(value, 4) for name, value in ranked if value > 0.01})
    return result


def best_name(probabilities: Mapping[str, float], least: float = 0.2) -> str:
    """The most likely name, `unknown` below `least`."""
    name, value = max(
        probabilities.items(), key=lambda item: (item[1], item[0]), default=("unknown", 0.0)
    )
    return name if value >= least else "unknown"


def _log_joints(room: RoomEvidence) -> list[float]:
    """Log likelihood (K,) of what is known about a room, for every name."""
    known, rows = _likelihood(), _table()["rooms"]
    there = np.array([room.objects.get(label, 0.0) for label in known.labels])
    return [
        float(score) + _log_shape(room, name, rows[name])
        for name, score in zip(known.names, known.presence @ there + known.absence, strict=True)
    ]


def _log_shape(room: RoomEvidence, name: str, row: Mapping[str, Any]) -> float:
    """Log likelihood of a room's size, outline, doors and stairs."""
    median, spread = row["area_m2"]
    score = _log_normal(max(room.area_m2, 0.5) / median, spread)
    score += _log_normal(max(room.elongation, 1.0) / row["elongation"], ELONGATION_SPREAD)
    # several doors lead into a corridor; other rooms have one or two
    rate = 3.5 if name in ("corridor", "staircase", "open space") else 1.3
    score += room.n_doors * float(np.log(rate)) - rate
    if room.has_stairs and name == "staircase":
        score += 5.0
    return score


def _log_normal(ratio: float, spread: float) -> float:
    z = np.log(ratio) / spread
    # heavier tails than a Gaussian's: an odd size must not outvote a toilet
    return float(-2.0 * np.log1p(z * z / 4.0) - np.log(spread))


def _log_sum(values: F8, axis: int) -> F8:
    top = values.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis))
