"""The main job as a user starts it: what comes out, and what happens when something is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from mono_hydra.cli.door import enter
from mono_hydra.cli.run_sequence import main
from mono_hydra.sequences.recorded import RecordedReference
from mono_hydra.sequences.simulated import SimulatedSequence
from tests.sequences import folders

FILES = [
    "scene_graph.json",
    "scene_tree.json",
    "scene_graph.graphml",
    "mesh.ply",
    "trajectory.txt",
    "session.rrd",
    "report.html",
    "metrics.json",
    "config.yaml",
    "run.log",
    "status.json",
]


GIVEN = ["--poses", "dataset", "--depth", "sensor", "--labels", "dataset"]


@pytest.fixture(scope="module")
def run(tiny_sequence: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    assert enter(main, ["--seq", str(tiny_sequence), "--out", str(out), *GIVEN]) == 0
    return out


def test_a_run_leaves_every_file(run):
    assert sorted(FILES) == sorted(p.name for p in run.iterdir() if p.is_file())
    assert json.loads((run / "status.json").read_text())["state"] == "complete"


def test_the_room_and_its_furniture_are_found(run):
    tree = (run / "scene_tree.json").read_text()
    assert all(f'"{name}"' in tree for name in ("table", "sofa", "bed"))
    graph = json.loads((run / "scene_graph.json").read_text())
    rooms = [n for n in graph["nodes"] if n["attributes"]["type"] == "RoomNodeAttributes"]
    assert len(rooms) == 1


def test_the_graph_opens_in_spark_dsg(run):
    spark_dsg = pytest.importorskip("spark_dsg")
    graph = spark_dsg.DynamicSceneGraph.load(str(run / "scene_graph.json"))
    assert graph.get_layer(spark_dsg.DsgLayers.OBJECTS).num_nodes() >= 3


def test_the_recording_passes_reruns_verification(run):
    command = [sys.executable, "-m", "rerun", "rrd", "verify", str(run / "session.rrd")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_run_scores_well_against_its_truth(run, tiny_sequence, capsys):
    from mono_hydra.cli.evaluate import main as evaluate

    assert enter(evaluate, [str(run), "--truth", str(tiny_sequence / "truth")]) == 0
    scores = json.loads((run / "scores.json").read_text())
    assert scores["trajectory"]["ate"]["se3"]["rmse"] < 1e-3  # the given poses
    assert scores["mesh"]["f_10cm"]["precision"] > 0.9
    capsys.readouterr()


def test_two_runs_write_the_same_bytes(run, tiny_sequence, tmp_path):
    again = tmp_path / "again"
    arguments = ["--seq", str(tiny_sequence), "--out", str(again), "--rerun", "off", *GIVEN]
    assert enter(main, arguments) == 0
    for name in ("scene_graph.json", "mesh.ply", "trajectory.txt"):
        assert (run / name).read_bytes() == (again / name).read_bytes()


def test_first_line_says_what_auto_means(tiny_sequence, tmp_path, capsys):
    arguments = ["--seq", str(tiny_sequence), "--out", str(tmp_path / "r"), "--rerun", "off"]
    assert enter(main, [*arguments, "--max-frames", "3"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("poses: dataset, depth: sensor, labels: dataset  (auto:")


def test_estimates_never_see_the_recordings_own_depth_and_labels(
    tiny_sequence, tmp_path, monkeypatch
):
    def forbidden(*_: object) -> None:
        raise AssertionError("the truth was read")

    monkeypatch.setattr(RecordedReference, "depth", forbidden)
    monkeypatch.setattr(RecordedReference, "labels", forbidden)
    out = tmp_path / "estimated"
    arguments = ["--seq", str(tiny_sequence), "--out", str(out), "--rerun", "off", "--quiet"]
    estimate = ["--depth", "m2h", "--labels", "m2h", "--max-frames", "8"]
    assert enter(main, [*arguments, *estimate]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["provenance"]["depth"] == metrics["provenance"]["labels"] == "m2h"


@pytest.mark.parametrize(
    ("depth", "labels"), [("m2h", "dataset"), ("sensor", "m2h"), ("m2h", "none")]
)
def test_sources_can_be_mixed(tiny_sequence, tmp_path, depth, labels):
    out = tmp_path / "mixed"
    arguments = ["--seq", str(tiny_sequence), "--out", str(out), "--rerun", "off", "--quiet"]
    chosen = ["--depth", depth, "--labels", labels, "--max-frames", "6"]
    assert enter(main, [*arguments, *chosen]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["provenance"]["depth"], metrics["provenance"]["labels"]) == (depth, labels)


def test_weights_that_are_not_there_give_one_line(tiny_sequence, tmp_path, capsys):
    arguments = ["--seq", str(tiny_sequence), "--out", str(tmp_path / "r"), "--network", "no.pt"]
    assert enter(main, [*arguments, "--depth", "m2h"]) == 2
    assert "no.pt: no such file" in capsys.readouterr().err


def test_ctrl_c_saves_everything_and_exits_130(tiny_sequence, tmp_path, monkeypatch):
    frames = SimulatedSequence.frames

    def interrupted(self):
        for index, frame in enumerate(frames(self)):
            if index == 8:
                raise KeyboardInterrupt
            yield frame

    monkeypatch.setattr(SimulatedSequence, "frames", interrupted)
    out = tmp_path / "cut"
    assert enter(main, ["--seq", str(tiny_sequence), "--out", str(out), "--quiet", *GIVEN]) == 130
    assert sorted(FILES) == sorted(p.name for p in out.iterdir() if p.is_file())
    assert json.loads((out / "status.json").read_text())["state"] == "interrupted"
    assert len(np.loadtxt(out / "trajectory.txt", ndmin=2)) == 8


def test_scannet0000_runs_the_marked_stand_in_where_it_is_absent(
    tiny_sequence, tmp_path, monkeypatch, capsys
):
    stand_in = tmp_path / "stand_in"
    shutil.copytree(tiny_sequence, stand_in)
    card = yaml.safe_load((stand_in / "sequence.yaml").read_text())
    (stand_in / "sequence.yaml").write_text(yaml.safe_dump(card | {"stand_in": True}))
    monkeypatch.setattr(
        "mono_hydra.simulation.generate.stand_in_sequence", lambda progress: stand_in
    )
    out = tmp_path / "run"
    arguments = ["--seq", "scannet0000", "--data", str(tmp_path), "--max-frames", "12", *GIVEN]
    assert enter(main, [*arguments, "--out", str(out), "--rerun", "off"]) == 0
    printed = capsys.readouterr().out
    assert "licence" in printed
    assert "STAND-IN" in printed
    assert json.loads((out / "status.json").read_text())["stand_in"] is True
    assert json.loads((out / "metrics.json").read_text())["stand_in"] is True
    assert json.loads((out / "scene_graph.json").read_text())["metadata"]["stand_in"] is True


def test_scannet0000_strict_is_an_error_where_it_is_absent(tmp_path, capsys):
    arguments = ["--seq", "scannet0000", "--data", str(tmp_path), "--strict"]
    assert enter(main, arguments) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_scannet0000_runs_the_real_scene_where_it_lies(tmp_path, capsys):
    scene = tmp_path / "data" / "scannet" / "scans" / "scene0000_00"
    scene.mkdir(parents=True)
    folders.sens(scene / "scene0000_00.sens")
    arguments = ["--seq", "scannet0000", "--data", str(tmp_path / "data"), "--strict"]
    arguments += ["--depth", "sensor", "--labels", "none"]
    assert enter(main, [*arguments, "--out", str(tmp_path / "r"), "--rerun", "off"]) == 0
    assert "STAND-IN" not in capsys.readouterr().out
    assert json.loads((tmp_path / "r" / "metrics.json").read_text())["stand_in"] is False
