"""The main job on nothing but pictures and inertial samples."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mono_hydra.cli.door import enter
from mono_hydra.cli.run_sequence import main
from mono_hydra.evaluation.trajectory import score_trajectory
from mono_hydra.files.tracking import read_tracking
from mono_hydra.files.trajectory import read_trajectory
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.simulation.generate import simulate

QUIET = ["--rerun", "off", "--quiet"]


@pytest.fixture(scope="module")
def walk(tiny_options: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rest, a turn on the spot and a walk to the next room, 240x180 at 12 Hz, with an IMU."""
    options = replace(
        tiny_options, n_rooms=2, width=240, height=180, rate_hz=12.0, duration_s=10.0, still_s=1.5,
        name="walk",
    )  # fmt: skip
    return simulate(options, tmp_path_factory.mktemp("simulated") / "walk").path


@pytest.fixture(scope="module")
def seen(walk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same recording without any truth beside it."""
    copy = tmp_path_factory.mktemp("seen") / "walk"
    shutil.copytree(walk, copy, ignore=shutil.ignore_patterns("truth"))
    return copy


def error_of(run: Path, walk: Path) -> tuple[float, float]:
    """ATE (yaw-aligned) and path length, metres."""
    estimate = read_trajectory(run / "trajectory.txt")
    truth = read_trajectory(walk / "truth" / "trajectory.txt")
    score = score_trajectory(*estimate, *truth, headline="yaw")
    return score["ate"]["yaw"]["rmse"], score["path_length_m"]


def test_everything_is_estimated_from_pictures_and_inertial_samples(seen, walk, tmp_path):
    out = tmp_path / "run"
    assert enter(main, ["--seq", str(seen), "--poses", "vio", "--out", str(out), *QUIET]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["provenance"]["poses"] == "vio"
    assert metrics["startup_s"] > 0.0
    assert metrics["provenance"]["depth"] == metrics["provenance"]["labels"] == "m2h"
    error_m, path_m = error_of(out, walk)
    assert path_m > 2.0
    assert error_m < 0.03 * path_m
    saved = np.load(out / "trajectory_covariance.npz")
    for covariances in (saved["covariance"], saved["relative_covariance"]):
        assert len(covariances) > 50
        assert np.isfinite(covariances).all()
        assert np.linalg.eigvalsh(covariances).min() > 0.0
    records = read_tracking(out / "tracking.csv")
    assert len(records) == len(saved["stamps"]) + metrics["skipped"].get("no pose", 0)
    assert {r.state for r in records} <= {"initialising", "tracking", "degraded"}
    assert "tracks" in (out / "report.html").read_text()


def test_a_recording_without_poses_is_tracked_unasked(seen, tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["--seq", str(seen), "--out", str(out), "--rerun", "off", "--max-frames", "40"]
    assert enter(main, arguments) == 0
    assert capsys.readouterr().out.startswith("poses: vio, depth: m2h, labels: m2h")


def test_a_video_file_and_its_field_of_view_are_enough(seen, walk, tmp_path, load_benchmark):
    """As a phone gives it: no calibration, no IMU."""
    clip, out = tmp_path / "clip.mp4", tmp_path / "run"
    load_benchmark("map_quality").write_clip(seen, clip)
    camera = open_sequence(seen).info.camera
    fov_deg = 2.0 * np.rad2deg(np.arctan(0.5 * camera.width / camera.fx))
    assert (
        enter(main, ["--seq", str(clip), "--fov", f"{fov_deg:.1f}", "--out", str(out), *QUIET]) == 0
    )
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["provenance"] == {**metrics["provenance"], "poses": "vo", "depth": "m2h"}
    assert metrics["skipped"].get("no pose", 0) == 0
    assert metrics["graph"]["places"] > 10
    assert metrics["graph"]["rooms"] >= 1
    estimate = read_trajectory(out / "trajectory.txt")
    truth = read_trajectory(walk / "truth" / "trajectory.txt")
    score = score_trajectory(*estimate, *truth, headline="sim3")
    assert score["ate"]["sim3"]["rmse"] < 0.1 * score["path_length_m"]


def test_a_depth_sensor_can_go_with_estimated_poses(walk, tmp_path):
    out = tmp_path / "run"
    given = ["--poses", "vio", "--depth", "sensor", "--labels", "dataset"]
    assert enter(main, ["--seq", str(walk), "--out", str(out), *given, *QUIET]) == 0
    error_m, path_m = error_of(out, walk)
    assert error_m < 0.02 * path_m


def test_equal_input_gives_equal_poses(seen, tmp_path):
    written = []
    for name in ("first", "second"):
        out = tmp_path / name
        arguments = ["--seq", str(seen), "--poses", "vio", "--out", str(out), "--max-frames", "50"]
        assert enter(main, [*arguments, *QUIET]) == 0
        written.append((out / "trajectory.txt").read_bytes())
    assert written[0] == written[1]


@pytest.fixture(scope="module")
def deaf(seen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures alone."""
    copy = tmp_path_factory.mktemp("deaf") / "walk"
    shutil.copytree(seen, copy, ignore=shutil.ignore_patterns("imu.csv"))
    return copy


def test_without_an_imu_one_line_says_so(deaf, tmp_path, capsys):
    assert enter(main, ["--seq", str(deaf), "--poses", "vio", "--out", str(tmp_path / "r")]) == 2
    assert "use --poses vo" in capsys.readouterr().err


def test_pictures_alone_are_enough(deaf, walk, tmp_path, capsys):
    out = tmp_path / "run"
    assert enter(main, ["--seq", str(deaf), "--out", str(out), "--rerun", "off"]) == 0
    assert capsys.readouterr().out.startswith("poses: vo, depth: m2h, labels: m2h")
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["provenance"]["poses"] == "vo"
    estimate = read_trajectory(out / "trajectory.txt")
    truth = read_trajectory(walk / "truth" / "trajectory.txt")
    score = score_trajectory(*estimate, *truth, headline="se3")
    assert score["completeness"] == 1.0
    # bare walls, and 12 pictures a second of a camera that turns by 70 degrees in one
    assert score["ate"]["se3"]["rmse"] < 0.15 * score["path_length_m"]
