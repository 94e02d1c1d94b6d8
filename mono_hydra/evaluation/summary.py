"""Statistics of errors in the form that `scores.json` keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def summarise(errors: ArrayLike) -> dict[str, float | int | None]:
    """rmse, mean, median, 95th percentile, maximum, count of absolute errors; null when empty."""
    values = np.abs(np.asarray(errors, dtype=np.float64)).ravel()
    if values.size == 0:
        return {"rmse": None, "mean": None, "median": None, "p95": None, "max": None, "n": 0}
    return {
        "rmse": float(np.sqrt(np.mean(values**2))),
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "p95": float(np.percentile(values, 95)),
        "max": float(values.max()),
        "n": int(values.size),
    }


def precision_recall(tp: int, fp: int, fn: int) -> dict[str, float | int]:
    """Precision, recall and f1 of counts.

    Nothing to find and nothing said is perfect; nothing to find but something said, or the
    reverse, scores 0.
    """
    empty = tp + fp + fn == 0
    precision = 1.0 if empty else tp / (tp + fp) if tp + fp else 0.0
    recall = 1.0 if empty else tp / (tp + fn) if tp + fn else 0.0
    return {
        "precision": precision,
        "recall": recall,
        "f1": harmonic_mean(precision, recall),
        "tp": tp,
        "fp": fp,
        "fn": fn,
    }


def harmonic_mean(a: float, b: float) -> float:
    """2ab / (a + b), 0 when both are 0."""
    return 2.0 * a * b / (a + b) if a + b > 0.0 else 0.0


def share(part: int, whole: int, other: int = 0) -> float:
    """Part / whole; of an empty whole: 1 if the other side is empty too, else 0."""
    if whole == 0:
        return 1.0 if other == 0 else 0.0
    return part / whole


def flatten(scores: Any, prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted paths; `{"a": {"b": 1}}` gives `{"a.b": 1}`. Lists stay values."""
    if not isinstance(scores, dict):
        return {prefix: scores}
    flat: dict[str, Any] = {}
    for key, value in scores.items():
        flat.update(flatten(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat
