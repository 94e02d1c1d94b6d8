"""Runs side by side: one row per run, the mean row per sequence, the best of each column.

A trajectory that is not complete (less than 95 % after initialisation) carries the mark
`incomplete` and loses every comparison of errors to a complete one.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.summary import flatten

TableFormat = Literal["text", "markdown", "csv", "json"]
COMPLETE = 0.95


@dataclass(frozen=True)
class Column:
    """One score in the table."""

    title: str
    key: str
    better: Literal["more", "less", "near zero"] = "more"
    needs_complete: bool = False


COLUMNS = (
    Column("completeness", "trajectory.completeness"),
    Column("ATE yaw m", "trajectory.ate.yaw.rmse", "less", True),
    Column("scale bias", "trajectory.scale_bias", "near zero", True),
    Column("F 5 cm", "mesh.f_5cm.f"),
    Column("ghosts", "mesh.walls.ghost_share", "less"),
    Column("mIoU", "mesh.labels.miou"),
    Column("radius F1", "objects.radius_f1@0.5.f1"),
    Column("box F1", "objects.box_f1@0.25.f1"),
    Column("room P", "rooms.precision"),
    Column("room R", "rooms.recall"),
    Column("names", "rooms.name_accuracy"),
    Column("routes", "places.routes.success"),
    Column("rate Hz", "system.rate_hz.frames"),
    Column("peak MB", "system.peak_rss_mb", "less"),
)


@dataclass(frozen=True)
class Row:
    """One run, or the mean of the runs of one sequence."""

    name: str
    sequence: str
    values: dict[str, float | None]  # by column title
    is_complete: bool
    is_mean: bool = False


def compare_table(all_scores: Sequence[dict[str, Any]], form: TableFormat = "text") -> str:
    """Tables of runs, one per sequence.

    Args:
        all_scores: contents of `scores.json` files.
        form: of the output.

    Raises:
        EvaluationError: there is nothing to compare.
    """
    if not all_scores:
        raise EvaluationError("--compare: no scored run; evaluate the runs first")
    rows = [_row(scores) for scores in all_scores]
    sequences = sorted({row.sequence for row in rows})
    groups = []
    for sequence in sequences:
        group = [row for row in rows if row.sequence == sequence]
        groups.append([*group, _mean_row(group)] if len(group) > 1 else group)
    return _WRITERS[form](groups)


def _row(scores: dict[str, Any]) -> Row:
    flat = flatten(scores)
    values = {c.title: _number(flat.get(c.key)) for c in COLUMNS}
    after = _number(flat.get("trajectory.completeness_after_initialisation"))
    truth = f"{scores.get('sequence')}, seed {scores.get('seed')}"
    return Row(str(scores.get("run")), truth, values, after is not None and after >= COMPLETE)


def _mean_row(rows: list[Row]) -> Row:
    values: dict[str, float | None] = {}
    for column in COLUMNS:
        known = [v for row in rows if (v := row.values[column.title]) is not None]
        values[column.title] = float(np.mean(known)) if known else None
    return Row("mean", rows[0].sequence, values, all(r.is_complete for r in rows), is_mean=True)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if is_number else None


def best_rows(rows: list[Row], column: Column) -> set[int]:
    """Positions of the best values of a column; empty if there is nothing to choose between."""
    candidates = [
        (k, v) for k, row in enumerate(rows)
        if not row.is_mean and (v := row.values[column.title]) is not None
    ]  # fmt: skip
    if len(candidates) < 2:
        return set()
    if column.needs_complete and any(rows[k].is_complete for k, _ in candidates):
        candidates = [(k, v) for k, v in candidates if rows[k].is_complete]
    sign = {"more": -1.0, "less": 1.0}.get(column.better)
    merit = [(abs(v) if sign is None else sign * v, k) for k, v in candidates]
    best = min(merit)[0]
    return {k for m, k in merit if m == best}


def three_digits(value: float | None) -> str:
    """A number with at most three significant digits; a dash for none."""
    if value is None:
        return "-"
    if value == 0.0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.3g}")
    if abs(rounded) >= 1e5 or abs(rounded) < 1e-4:
        return f"{rounded:.3g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cells(rows: list[Row], bold: tuple[str, str]) -> list[list[str]]:
    best = [best_rows(rows, column) for column in COLUMNS]
    table = []
    for k, row in enumerate(rows):
        cells = [row.name]
        for column, winners in zip(COLUMNS, best, strict=True):
            text = three_digits(row.values[column.title])
            if column.needs_complete and not row.is_complete and text != "-":
                text += " incomplete"
            cells.append(f"{bold[0]}{text}{bold[1]}" if k in winners else text)
        table.append(cells)
    return table


def _text(groups: list[list[Row]]) -> str:
    blocks = []
    for rows in groups:
        table = [["run", *(c.title for c in COLUMNS)], *_cells(rows, ("", "*"))]
        widths = [max(len(line[k]) for line in table) for k in range(len(table[0]))]
        lines = [
            "  ".join(x.ljust(w) for x, w in zip(r, widths, strict=True)).rstrip() for r in table
        ]
        blocks.append("\n".join([f"sequence {rows[0].sequence}   (* best)", *lines]))
    return "\n\n".join(blocks)


def _markdown(groups: list[list[Row]]) -> str:
    blocks = []
    for rows in groups:
        titles = ["run", *(c.title for c in COLUMNS)]
        lines = [titles, ["---"] * len(titles), *_cells(rows, ("**", "**"))]
        table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        blocks.append(f"Sequence {rows[0].sequence}\n\n{table}")
    return "\n\n".join(blocks)


def _csv(groups: list[list[Row]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["sequence", "run", "complete", *(c.key for c in COLUMNS)])
    for row in (row for rows in groups for row in rows):
        values = [row.values[c.title] for c in COLUMNS]
        writer.writerow([row.sequence, row.name, row.is_complete, *values])
    return out.getvalue().rstrip("\n")


def _json(groups: list[list[Row]]) -> str:
    records = [
        {
            "run": row.name,
            "sequence": row.sequence,
            "complete": row.is_complete,
            "scores": {c.key: row.values[c.title] for c in COLUMNS},
        }
        for rows in groups
        for row in rows
    ]
    return json.dumps(records, indent=1)


_WRITERS = {"text": _text, "markdown": _markdown, "csv": _csv, "json": _json}
