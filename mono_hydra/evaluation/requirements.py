"""Limits on scores, written as `objects.radius_f1@0.5.f1>=0.6`."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mono_hydra.errors import EvaluationError

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Requirement:
    """A score and the limit it must keep."""

    key: str
    comparison: str
    limit: float

    def check(self, value: Any) -> bool:
        """Whether the value keeps the limit; a missing one does not."""
        if isinstance(value, bool):
            value = float(value)
        is_number = isinstance(value, int | float) and value == value
        return is_number and _OPERATORS[self.comparison](value, self.limit)

    def __str__(self) -> str:
        """As it was written."""
        return f"{self.key}{self.comparison}{self.limit:g}"


def parse_requirement(text: str) -> Requirement:
    """Read `KEY>=VALUE`, with >=, <=, ==, > or <.

    Raises:
        EvaluationError: it has another form.
    """
    found = re.fullmatch(r"\s*([^<>=\s]+)\s*(>=|<=|==|>|<)\s*(\S+)\s*", text)
    try:
        if found is None:
            raise ValueError
        return Requirement(found[1], found[2], float(found[3]))
    except ValueError:
        raise EvaluationError(
            f"--require {text}: write it as KEY>=NUMBER, e.g. mesh.f_5cm.f>=0.9"
        ) from None


def check_requirements(
    requirements: Sequence[Requirement], flat_scores: dict[str, Any]
) -> list[dict[str, Any]]:
    """One record {key, limit, value, met} per requirement.

    Args:
        requirements: limits.
        flat_scores: dotted path -> value.

    Raises:
        EvaluationError: a key that no part of the scores could have; it names the nearest one.
    """
    records = []
    for requirement in requirements:
        key = requirement.key
        if key not in flat_scores and not _part_is_missing(key, flat_scores):
            near = difflib.get_close_matches(key, sorted(flat_scores), n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise EvaluationError(f"--require {requirement}: no score is called {key}{hint}")
        value = flat_scores.get(key)
        records.append(
            {
                "key": key,
                "limit": requirement.limit,
                "comparison": requirement.comparison,
                "value": value,
                "met": requirement.check(value),
            }
        )
    return records


def _part_is_missing(key: str, flat_scores: dict[str, Any]) -> bool:
    """Whether the key lies inside a part that is null."""
    parts = key.split(".")
    prefixes = [".".join(parts[:n]) for n in range(1, len(parts))]
    return any(prefix in flat_scores and flat_scores[prefix] is None for prefix in prefixes)
