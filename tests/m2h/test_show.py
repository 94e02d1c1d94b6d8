"""The sheet of predictions, and the command that draws it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from m2h.types import Prediction, Sample
from mono_hydra.cli import show_m2h
from mono_hydra.cli.door import enter
from mono_hydra.cli.network_sheet import HEAD_PX, HEIGHT_PX, Row, network_sheet
from mono_hydra.labels import load_label_space

SIZE = (48, 64)


def row(*, with_truth: bool) -> Row:
    depth_m = np.full(SIZE, 3.0, np.float32)
    labels = np.full(SIZE, 2, np.uint8)
    truth = {"depth_m": depth_m, "labels": labels} if with_truth else {}
    seen = Prediction(
        depth_m, 0.1 * depth_m, labels, np.ones(SIZE, np.float32),
        np.tile(np.float32([0.0, 0.0, -1.0]), (*SIZE, 1)), np.zeros(SIZE, np.float32),
    )  # fmt: skip
    return Row(Sample("made up", "one", np.zeros((*SIZE, 3), np.uint8), **truth), seen)


@pytest.mark.parametrize(("with_truth", "columns"), [(False, 6), (True, 8)])
def test_a_row_a_picture_and_the_truth_where_there_is_some(with_truth, columns) -> None:
    space = load_label_space("nyu40")
    sheet = network_sheet([row(with_truth=with_truth)] * 2, space)
    assert sheet.shape[0] > HEAD_PX + 2 * HEIGHT_PX
    assert sheet.shape[1] == columns * (round(SIZE[1] * HEIGHT_PX / SIZE[0]) + 4)
    # the labels' column holds the colour of the floor
    assert (sheet == space.palette[2]).all(axis=2).sum() > 2 * HEIGHT_PX * HEIGHT_PX


def test_pictures_are_shown_from_the_command(tmp_path: Path, capsys) -> None:
    picture = tmp_path / "room.png"
    cv2.imwrite(str(picture), np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8))
    out = tmp_path / "seen.png"
    arguments = ["--images", str(picture), "--fov", "70", "--out", str(out), "--no-picture"]
    assert enter(show_m2h.main, arguments) == 0
    assert cv2.imread(str(out)).shape[1] == 5 * 204
    assert "1 pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--images", "x.png", "--out", "sheet.gif"], "name a .png or .jpg"),
        (["--images", "x.png", "--out", "s.png", "--fov", "1"], "between 10 and 170"),
        (["--images", "absent.png", "--out", "s.png"], "absent.png"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, said, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert enter(show_m2h.main, arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
