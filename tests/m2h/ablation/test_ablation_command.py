"""`ablate_m2h` from pictures to report, in two calls, on a handful of made-up frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mono_hydra.cli import ablate_m2h
from mono_hydra.cli.door import enter

SEEDS = (0, 1)


def write_frames(folder: Path, n: int) -> Path:
    """Frames in the NYUv2 layout: wall above floor, which comes nearer towards the bottom."""
    rng = np.random.default_rng(0)
    for part in ("rgb", "depth", "label40"):
        (folder / part).mkdir(parents=True)
    depth_mm = np.linspace(4000, 1000, 48)[:, None].repeat(64, 1).astype(np.uint16)
    labels = np.where(np.arange(48)[:, None] < 24, 1, 2).repeat(64, 1).astype(np.uint8)
    for i in range(1, n + 1):
        image = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "rgb" / f"{i:04d}.jpg"), image)
        cv2.imwrite(str(folder / "depth" / f"{i:04d}.png"), depth_mm)
        cv2.imwrite(str(folder / "label40" / f"{i:04d}.png"), labels)
    return folder


def ablate(*arguments: object) -> int:
    return enter(ablate_m2h.main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("frames") / "nyuv2", 8)


@pytest.fixture(scope="module")
def common(frames: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """Options of a study of two networks and the four separate ones, one step each."""
    return [
        "--out", tmp_path_factory.mktemp("study"), "--nyuv2", frames, "--size", "32x32",
        "--batch", 2, "--steps", 1, "--images", 4, "--blocks", 2, "--seeds", *SEEDS, "--quiet",
        "--set", "freeze_steps=0", "log_every=1", "--variants",
    ]  # fmt: skip


def networks(common: list[object]) -> dict[str, int]:
    """Files of networks with the time of their last change."""
    out = Path(str(common[1]))
    return {
        p.relative_to(out).as_posix(): p.stat().st_mtime_ns
        for p in out.rglob("network.safetensors")
    }


@pytest.fixture(scope="module")
def first(common: list[object]) -> dict[str, int]:
    """The networks of a first call, without the separate ones."""
    assert ablate(*common, "none") == 0
    return networks(common)


def last_object(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_every_variant_is_trained_with_every_seed(first):
    assert set(first) == {
        f"runs/{variant}/seed_{seed}/all/network.safetensors"
        for variant in ("wmca", "none")
        for seed in SEEDS
    }


def test_a_second_call_trains_what_is_new_and_reports_everything(common, first, capsys):
    assert ablate(*common, "none", "separate") == 0
    now = networks(common)
    assert {name: now[name] for name in first} == first  # not trained again
    assert len(now) == len(first) + 4 * len(SEEDS)
    result = last_object(capsys)
    assert result["unfinished"] == []
    out = Path(str(common[1]))
    report = json.loads((out / "ablation.json").read_text())
    cells = report["scores"]["nyuv2"]["depth.abs_rel"]
    assert set(cells) == {"wmca", "none", "separate"}
    values = [
        json.loads((out / f"runs/none/seed_{s}/scores.json").read_text())["whole"]["nyuv2"]
        for s in SEEDS
    ]
    depth = [v["depth.abs_rel"] for v in values]
    assert cells["none"]["mean"] == pytest.approx(np.mean(depth))
    assert cells["none"]["sd"] == pytest.approx(np.std(depth, ddof=1))
    assert cells["none"]["worst"]["value"] == max(depth)
    difference = report["differences"]["nyuv2"]["separate"]["depth.abs_rel"]
    assert (difference["n_seeds"], difference["n_blocks"]) == (2, 2)
    assert difference["low"] <= difference["mean"] <= difference["high"]
    # every network alone lacks tasks, together they have all
    assert "edges.ods_fast" in report["differences"]["nyuv2"]["separate"]
    assert "consistency.edges_labels_f" in report["truth"]["nyuv2"]
    text = (out / "ablation.md").read_text()
    assert "| `separate` |" in text
    assert "## Findings" in text
    assert cv2.imread(str(out / "curves.png")) is not None


def test_a_folder_of_other_trainings_is_refused(common, first, capsys):
    other = ["2" if a == 1 and common[i - 1] == "--steps" else a for i, a in enumerate(common)]
    assert ablate(*other, "none") == 2
    error = capsys.readouterr().err
    assert "holds a study with other steps" in error
    assert error.count("\n") == 1


def test_a_study_out_of_time_says_what_is_left_and_goes_on(frames, tmp_path, capsys):
    options = ["--out", tmp_path / "study", "--nyuv2", frames, "--size", "32x32", "--batch", 2,
               "--steps", 2, "--images", 2, "--blocks", 1, "--seeds", 3, "--quiet",
               "--variants", "wmca", "--set", "log_every=1", "model.cross_task=none"]  # fmt: skip
    assert ablate(*options, "--minutes", 1e-6) == 0
    assert last_object(capsys)["unfinished"] == ["wmca/3"]
    assert "**Not finished**: wmca/3" in (tmp_path / "study" / "ablation.md").read_text()
    assert ablate(*options) == 0
    assert last_object(capsys)["unfinished"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "none is given"),
        (["--variants", "wmac"], "variant wmac: unknown"),
        (["--seeds", "1", "1"], "name each once"),
        (["--blocks", "0"], "must be 1 or more"),
        (["--minutes", "0"], "must be above 0"),
        (["--set", "model.ggmf=false"], "unknown switch ggmf"),
        (["--preset", "m2h"], "fixed by the release"),
    ],
)
def test_wrong_options_give_one_line(tmp_path, capsys, arguments, message):
    assert ablate("--out", tmp_path / "study", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "study").exists()
