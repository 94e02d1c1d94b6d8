"""tracking.csv: state, health and depth scale of every frame of a run with estimated poses."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from mono_hydra.errors import DatasetError
from mono_hydra.files.atomic import write_text
from mono_hydra.types import TrackHealth, TrackRecord, TrackState

COLUMNS = (
    "stamp_s", "state", "n_tracks", "inlier_share", "surviving_share", "parallax_px",
    "nis_per_dof", "log_scale", "log_scale_sigma", "time_offset_s", "time_offset_sigma_s",
)  # fmt: skip


def write_tracking(path: Path | str, records: Sequence[TrackRecord]) -> None:
    """Write the table as a whole; what is not known is an empty field.

    Raises:
        OutputError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for r in records:
        h = r.health
        shares = (h.inlier_share, h.surviving_share, h.parallax_px, h.nis_per_dof)
        found = (r.log_scale, r.log_scale_sigma, r.time_offset_s, r.time_offset_sigma_s)
        numbers = ["" if v != v else f"{v:.4f}" for v in shares] + [f"{v:.5f}" for v in found]
        writer.writerow([f"{r.stamp_s:.6f}", r.state, h.n_tracks, *numbers])
    write_text(path, text.getvalue())


def read_tracking(path: Path | str) -> list[TrackRecord]:
    """Read the table.

    Raises:
        DatasetError: it is not one.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            return [_record(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: not a table of tracking states; run the job again") from error


def _record(row: dict[str, str]) -> TrackRecord:
    if row["state"] not in get_args(TrackState):
        raise ValueError(row["state"])
    shares = [float(row[k] or "nan") for k in COLUMNS[3:7]]
    return TrackRecord(
        float(row["stamp_s"]),
        row["state"],  # type: ignore[arg-type]
        TrackHealth(int(row["n_tracks"]), *shares),
        *(float(row[k]) for k in COLUMNS[7:]),
    )
