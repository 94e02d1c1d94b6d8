from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mono_hydra.errors import DatasetError
from mono_hydra.files.tracking import COLUMNS, read_tracking, write_tracking
from mono_hydra.types import TrackHealth, TrackRecord

NAN = float("nan")
RECORDS = [
    TrackRecord(0.0, "initialising", TrackHealth(150, 0.0, 1.0, NAN, NAN)),
    TrackRecord(0.05, "tracking", TrackHealth(148, 0.97, 0.8, 12.5, 0.9), 0.04, 0.08, 0.012, 0.001),
    TrackRecord(0.1, "degraded", TrackHealth(12, 0.5, 0.1, 40.0, 2.5), -0.02, 0.09),
    TrackRecord(0.15, "lost", TrackHealth(0, 0.0, 0.0, NAN, 2.5)),
]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tracking.csv"
    write_tracking(path, RECORDS)
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    for one, other in zip(read_tracking(path), RECORDS, strict=True):
        assert (one.stamp_s, one.state) == (other.stamp_s, other.state)
        assert one.health.n_tracks == other.health.n_tracks
        numbers = [
            (r.health.inlier_share, r.health.parallax_px, r.health.nis_per_dof, r.log_scale,
             r.log_scale_sigma, r.time_offset_s, r.time_offset_sigma_s) for r in (one, other)
        ]  # fmt: skip
        np.testing.assert_allclose(numbers[0], numbers[1])


@pytest.mark.parametrize("text", ["", "stamp_s,state\n0.0,tracking\n", None, "gone"])
def test_another_file_is_named_in_one_line(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "tracking.csv"
    if text == "gone":
        text = None
    elif text is None:
        write_tracking(path, RECORDS)
        text = path.read_text().replace("degraded", "dreaming")
    if text is not None:
        path.write_text(text)
    if text == "":
        assert read_tracking(path) == []
        return
    with pytest.raises(DatasetError, match="not a table of tracking states"):
        read_tracking(path)
