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


def name_rooms(rooms: Sequence[RoomEvidence]) -> list[dict[str, float]]:
    """Probability of each name for each room, names of more than 1 % only, most likely first."""
    if not rooms:
        return []
    table = _table()
    kinds = table["buildings"]
    by_kind = {
        kind: np.array([[_log_joint(r, name, names) for name in names] for r in rooms])
        for kind, names in kinds.items()
    }
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


def _log_joint(room: RoomEvidence, name: str, names: Sequence[str]) -> float:
    """Log of prior times likelihood of what is known about a room."""
    table = _table()
    row = table["rooms"][name]
    prior = row["prior"] / sum(table["rooms"][n]["prior"] for n in names)
    score = float(np.log(prior))
    for label in sorted({c for r in table["rooms"].values() for c in r["objects"]}):
        p = row["objects"].get(label, table["everywhere"].get(label, table["elsewhere"]))
        there = room.objects.get(label, 0.0)
        score += there * np.log(p) + ABSENCE_WEIGHT * (1.0 - there) * np.log(1.0 - p)
    median, spread = row["area_m2"]
    score += _log_normal(max(room.area_m2, 0.5) / median, spread)
    score += _log_normal(max(room.elongation, 1.0) / row["elongation"], ELONGATION_SPREAD)
    # several doors lead into a corridor; other rooms have one or two
    rate = 3.5 if name in ("corridor", "staircase", "open space") else 1.3
    score += room.n_doors * np.log(rate) - rate
    if room.has_stairs:
        score += 5.0 if name == "staircase" else 0.0
    return float(score)


def _log_normal(ratio: float, spread: float) -> float:
    z = np.log(ratio) / spread
    # heavier tails than a Gaussian's: an odd size must not outvote a toilet
    return float(-2.0 * np.log1p(z * z / 4.0) - np.log(spread))


def _log_sum(values: F8, axis: int) -> F8:
    top = values.max(axis=axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis))
