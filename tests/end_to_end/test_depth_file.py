"""The main job with a depth network of the user's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mono_hydra.cli.door import enter
from mono_hydra.cli.run_sequence import main
from tests.onnx_models import brightness, ramp, write_card


def run(sequence: Path, out: Path, network: Path, *options: str) -> int:
    arguments = ["--seq", str(sequence), "--out", str(out), "--rerun", "off", "--max-frames", "6"]
    return enter(main, [*arguments, "--network", str(network), *options])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Nearer towards the bottom of the picture, as most rooms are."""
    path = brightness(tmp_path / "own.onnx", slope=0.0, offset=ramp(near=30.0, far=8.0))
    write_card(path)
    return path


def test_a_relative_file_says_what_fed_what(
    tiny_sequence: Path, tmp_path: Path, network: Path, capsys: Any
) -> None:
    out = tmp_path / "r"
    assert run(tiny_sequence, out, network, "--depth", "m2h", "--labels", "m2h") == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(
        "poses: dataset, depth: file, labels: m2h  (depth of own.onnx, relative inverse depth, "
        "scale of each keyframe from the depth of m2h_tiny; labels of m2h_tiny)"
    )
    metrics = json.loads((out / "metrics.json").read_text())
    told = {"depth": "file", "depth_scale": "m2h", "labels": "m2h"}
    told["depth_file"] = "own.onnx, relative inverse depth"
    assert told.items() <= metrics["provenance"].items()
    assert sum(metrics["depth_scales"].values()) == metrics["keyframes"] > 0
    assert "# depth_file: own.onnx, relative inverse depth" in (out / "config.yaml").read_text()
    assert "own.onnx, relative inverse depth" in (out / "report.html").read_text()
    schema = json.loads(Path("mono_hydra/io/scene_tree.schema.json").read_text())
    tree = json.loads((out / "scene_tree.json").read_text())
    pytest.importorskip("jsonschema").validate(tree, schema)


@pytest.mark.parametrize("labels", ["dataset", "none"])
def test_a_metric_file_alone_needs_no_other_network(
    tiny_sequence: Path, tmp_path: Path, labels: str, capsys: Any, monkeypatch: Any
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("the shipped network was loaded")

    monkeypatch.setattr("mono_hydra.perception.network.load_network", forbidden)
    path = brightness(tmp_path / "own.onnx", slope=0.0, offset=np.full((1, 1, 48, 64), 2.0))
    write_card(path, output="metric_depth")
    out = tmp_path / "r"
    assert run(tiny_sequence, out, path, "--depth", "m2h", "--labels", labels) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert f"labels: {labels}  (depth of own.onnx, metric depth, its own scale)" in first
    metrics = json.loads((out / "metrics.json").read_text())
    assert list(metrics["depth_scales"]) == ["own"]


def break_nothing(network: Path) -> None: ...


def lose_card(network: Path) -> None:
    network.with_suffix(".card.yaml").unlink()


def lose_network(network: Path) -> None:
    network.unlink()


@pytest.mark.parametrize(
    ("spoil", "options", "says"),
    [
        (lose_card, ["--depth", "m2h"], "with own.card.yaml beside it"),
        (lose_network, ["--depth", "m2h"], "own.onnx: no such file"),
        (
            lambda network: write_card(network, input_sise=[48, 64]),
            ["--depth", "m2h"],
            "own.card.yaml: unknown key input_sise; did you mean input_size?",
        ),
        (
            lambda network: write_card(network, output="depth"),
            ["--depth", "m2h"],
            "own.card.yaml: output = 'depth'",
        ),
        (
            lambda network: write_card(network, input_size=[32, 64]),
            ["--depth", "m2h"],
            "takes 1x3x48x64, but its card says 1x3x32x64",
        ),
        (break_nothing, ["--depth", "sensor"], "add --depth m2h"),
        (break_nothing, [], "add --depth m2h"),
    ],
)
def test_bad_cards_and_files_give_one_line(
    tiny_sequence: Path, tmp_path: Path, network: Path, spoil: Any, options: Any, says: str,
    capsys: Any,
) -> None:  # fmt: skip
    spoil(network)
    assert run(tiny_sequence, tmp_path / "r", network, *options) == 2
    err = capsys.readouterr().err
    assert says in err
    assert len(err.strip().splitlines()) == 1
