"""The commands on a handful of made-up frames, and their one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from m2h.metrics import protocol_named
from m2h.types import Prediction
from mono_hydra.cli import evaluate_m2h, train_m2h
from mono_hydra.cli.door import enter
from mono_hydra.evaluation.perception import nyuv2_set, recording_set, simulated_set
from mono_hydra.evaluation.perception_scores import score_network


def write_frames(folder: Path, n: int, *, height: int = 48, width: int = 64) -> Path:
    """Frames in the NYUv2 layout: the floor comes nearer towards the bottom; wall above floor."""
    rng = np.random.default_rng(0)
    for part in ("rgb", "depth", "label40"):
        (folder / part).mkdir(parents=True)
    depth_mm = np.linspace(4000, 1000, height)[:, None].repeat(width, 1).astype(np.uint16)
    labels = np.where(np.arange(height)[:, None] < height // 2, 1, 2).repeat(width, 1)
    for i in range(1, n + 1):
        image = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "rgb" / f"{i:04d}.jpg"), image)
        cv2.imwrite(str(folder / "depth" / f"{i:04d}.png"), depth_mm)
        cv2.imwrite(str(folder / "label40" / f"{i:04d}.png"), labels.astype(np.uint8))
    return folder


def run(main, *arguments: object) -> int:
    return enter(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Path]:
    """Frames, and the folder of a training of two steps on them."""
    base = tmp_path_factory.mktemp("training")
    frames = write_frames(base / "nyuv2", 8)
    code = run(
        train_m2h.main, "--out", base / "run", "--nyuv2", frames, "--size", "32x64", "--batch", 2,
        "--steps", 2, "--quiet", "--set", "log_every=1", "freeze_steps=1", "model.cross_task=none",
    )  # fmt: skip
    assert code == 0
    return frames, base / "run"


def test_training_leaves_network_states_and_curves(trained):
    from m2h.checkpoints import load_checkpoint, read_card

    _, out = trained
    names = {path.name for path in out.iterdir()}
    assert names == {
        "m2h.safetensors", "last.ckpt", "state.safetensors", "curves.jsonl", "curves.png",
        "settings.json",
    }  # fmt: skip
    records = [json.loads(line) for line in (out / "curves.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records if "loss.total" in r] == [1, 2]
    assert any("heldout.nyuv2.depth.abs_rel" in r for r in records)
    assert load_checkpoint(out / "m2h.safetensors").config.cross_task == "none"
    card = read_card(out / "m2h.safetensors")
    assert (card["training_data"], card["steps"]) == ("nyuv2", "2 of 2")


def test_folder_of_a_training_is_not_overwritten_but_resumed(trained, capsys):
    frames, out = trained
    common = ("--out", out, "--nyuv2", frames, "--size", "32x64", "--batch", 2, "--quiet")
    assert run(train_m2h.main, *common) == 2
    assert "add --resume to go on" in capsys.readouterr().err
    assert run(train_m2h.main, *common, "--resume", "--steps", 3) == 2  # another network
    assert "belongs to another network" in capsys.readouterr().err
    code = run(train_m2h.main, *common, "--resume", "--steps", 3, "--set", "model.cross_task=none")
    assert code == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["step"], last["reason"]) == (3, "finished")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "224"], "write HEIGHTxWIDTH"),
        (["--set", "ratee=1"], "did you mean rate"),
        (["--set", "model.ggmf=false"], "unknown switch ggmf"),
        (["--shares", "nyuv2"], "write NAME=NUMBER"),
        (["--resume"], "no such file"),
    ],
)
def test_wrong_options_of_the_training_give_one_line(tmp_path, capsys, arguments, message):
    frames = write_frames(tmp_path / "nyuv2", 4)
    out = tmp_path / "run"
    code = run(train_m2h.main, "--out", out, "--nyuv2", frames, "--quiet", *arguments)
    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.count("\n") == 1


def test_training_without_data_names_the_options(tmp_path, capsys):
    assert run(train_m2h.main, "--out", tmp_path / "run") == 2
    assert "--simulated, --nyuv2 or --photos" in capsys.readouterr().err
    (tmp_path / "photos").mkdir()
    assert run(train_m2h.main, "--out", tmp_path / "run", "--photos", tmp_path / "photos") == 2
    assert "name --teacher FILE" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train_m2h", "evaluate_m2h"])
def test_help_needs_no_heavy_package(command):
    code = (
        "import sys; from mono_hydra.cli.main import main; "
        f"sys.argv[1:] = ['{command}', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'kornia', 'open3d', 'openvino'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "examples:" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


class Oracle:
    """Says what the frames of `write_frames` show, everything twice as far."""

    def predict(self, image, *, focal_px=None):
        height, width = image.shape[:2]
        self.size, self.focal_px = (height, width), focal_px
        rows = np.arange(height)[:, None].repeat(width, 1) + 5  # the frame above is not shown
        depth_m = 2 * np.interp(rows, [0, 47], [4.0, 1.0]).astype(np.float32)
        normals = np.zeros((height, width, 3), np.float32)
        return Prediction(
            depth_m=depth_m.astype(np.float32),
            depth_sigma=np.full((height, width), 0.7, np.float32),
            labels=np.where(rows < 24, 1, 2).astype(np.uint8),
            confidence=np.ones((height, width), np.float32),
            normals=normals,
            edges=np.zeros((height, width), np.float32),
        )


def test_frames_are_scored_at_their_size_without_their_white_border(tmp_path):
    write_frames(tmp_path / "test", 3)
    oracle = Oracle()
    scores = score_network(oracle, nyuv2_set(tmp_path, 2))
    assert scores["images"] == 2
    assert oracle.size == (42, 55)  # of 48 x 64: rows 5..46, columns 5..59
    assert oracle.focal_px == pytest.approx(51.9, abs=0.1)
    assert scores["depth"]["protocol"] == "nyu_eigen"
    assert scores["depth"]["abs_rel"] == pytest.approx(1.0, abs=0.03)
    assert scores["depth"]["scale_bias"] == pytest.approx(1.0, abs=0.03)
    assert scores["depth"]["abs_rel_median"] == pytest.approx(0.0, abs=0.03)
    assert scores["depth"]["abs_rel_baseline"] == pytest.approx(0.0, abs=0.03)
    assert scores["semantics"]["pixel_accuracy"] == 1.0
    assert "edges" not in scores


def test_homes_of_trainings_are_refused():
    from mono_hydra.errors import EvaluationError

    with pytest.raises(EvaluationError, match="the others are for training"):
        simulated_set([3, 1_000_000], 10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to do"),
        (["--data", "nyuv2"], "write simulated, nyuv2=DIR, sequence=DIR or NAME=DIR"),
        (["--data", "nyuv2=/nowhere"], "is no folder"),
        (["--data", "simulated", "--max-images", "0"], "must be 1 or more"),
        (["--parity", "/nowhere/a.npz"], "no such file"),
        (["--data", "simulated", "--require", "depth"], "write it as KEY>=NUMBER"),
    ],
)
def test_wrong_options_of_the_evaluation_give_one_line(capsys, arguments, message):
    assert run(evaluate_m2h.main, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.data
def test_recording_is_scored_by_its_own_depth(test_data):
    judged = recording_set("redkitchen", test_data / "sevenscenes" / "redkitchen", 3)
    scores = score_network(Oracle(), judged)
    assert judged.protocol == protocol_named("scannet")
    assert 2 <= scores["images"] <= 3
    assert scores["depth"]["scale_jitter"] is None  # three frames of a minute
    assert 0.1 < scores["depth"]["abs_rel_median_baseline"] < 0.4
