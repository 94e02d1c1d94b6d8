"""The checker says what a recording is, what is missing and what looks wrong."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mono_hydra.cli.check_sequence import main
from mono_hydra.cli.door import enter
from mono_hydra.sequences.check import check_sequence
from mono_hydra.sequences.open_sequence import open_sequence

from . import folders


def _text(path: Path) -> str:
    found = check_sequence(open_sequence(path))
    return "\n".join(found.lines + found.warnings)


def test_says_what_it_was_taken_for_and_what_is_missing(tmp_path: Path) -> None:
    text = _text(folders.plain_folder(tmp_path / "room"))
    assert "taken for:  folder  (room)" in text
    assert "64x48, f 60.0 60.0 px" in text
    assert "5 of 5, path 0.4 m" in text
    assert "median 2.00 m" in text
    assert "labels:     none" in text
    assert "IMU:        none" in text


def test_states_imu_rate_gravity_and_units(tmp_path: Path) -> None:
    path = folders.sens(tmp_path / "a.sens", imu=folders.sens_imu())
    text = _text(path)
    assert "IMU: acceleration in g, sign as given (against gravity)" in text
    assert "100 Hz" in text
    assert "median |a| 9.81" in text
    assert "(+0.00, +0.00, +1.00)" in text


def test_warns_of_time_gaps_broken_frames_and_fast_poses(tmp_path: Path) -> None:
    root = folders.plain_folder(tmp_path / "room", 9)
    for i in (4, 5, 6):
        (root / "color" / f"{i:05d}.png").unlink()
    (root / "color" / "00002.png").write_bytes(b"cut")
    rows = (root / "poses.txt").read_text().splitlines()
    moved = folders.pose(8)
    moved[0, 3] = 50.0
    rows[9] = "00008 " + " ".join(f"{v:.9g}" for v in moved.ravel())
    (root / "poses.txt").write_text("\n".join(rows))
    text = _text(root)
    assert "1 time gaps, the longest 0.13 s" in text
    assert "1 frames with unreadable image" in text
    assert "faster than 3 m/s" in text


def test_warns_of_depth_in_another_unit(tmp_path: Path) -> None:
    root = folders.plain_folder(tmp_path / "room")
    for i in range(folders.N):
        folders.write_picture(root / "depth" / f"{i:05d}.png", folders.depth_raw(value=60))
    assert "is not a room; state depth_units_per_metre" in _text(root)


def test_command_writes_a_sheet_of_all_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folders.scannet_export(tmp_path / "scene0001_00")
    sheet = tmp_path / "sheet.png"
    assert enter(main, [str(root), "--out", str(sheet)]) == 0
    assert "labels:     nyu40, 1 classes seen: other prop" in capsys.readouterr().out
    image = cv2.imread(str(sheet))
    assert image is not None
    assert image.shape == (3 * 180 + 8, 5 * 248, 3)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 100


def test_bad_path_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enter(main, [str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
