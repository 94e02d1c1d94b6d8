"""`export_m2h` on a network without its costly parts, and the comparison it makes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from m2h.agreement import built_in_images, compare_engines
from m2h.checkpoints import save_checkpoint
from m2h.context import Refinement
from m2h.errors import DataError
from m2h.model import build_model, preset
from mono_hydra.cli import export_m2h
from mono_hydra.cli.door import enter

SIZE = (32, 64)
Fields = dict[str, Any]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = build_model(preset("m2h_tiny", tasks=("depth", "semantics"), cross_task="none"))
    for module in model.modules():
        if isinstance(module, Refinement):  # zeros at first
            torch.nn.init.normal_(module.project.weight, std=0.02)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # statistics = those of the one batch that follows
    model(2 * torch.rand(4, 3, *SIZE) - 1)
    path = tmp_path_factory.mktemp("network") / "m2h.safetensors"
    save_checkpoint(path, model.eval(), {})
    return path


def export(*arguments: object) -> int:
    return enter(export_m2h.main, [str(a) for a in arguments])


def last_object(capsys: pytest.CaptureFixture[str]) -> Fields:
    fields: Fields = json.loads(capsys.readouterr().out.splitlines()[-1])
    return fields


def write_pictures(folder: Path, n: int) -> Path:
    folder.mkdir()
    for i, image in enumerate(built_in_images((48, 64))[:n]):
        cv2.imwrite(str(folder / f"{i}.png"), image)
    return folder


def test_a_float32_file_keeps_what_is_promised(network, tmp_path, capsys):
    out = tmp_path / "net.onnx"
    assert export("--network", network, "--out", out, "--size", "32x64") == 0
    result = last_object(capsys)
    assert result["met"] is True
    assert result["max_relative_depth_difference"] <= 1e-3
    assert result["label_agreement"] >= 0.995
    assert result["n_images"] == 4
    assert result["bytes"] == out.stat().st_size
    assert "max_edge_difference" not in result  # the network has no edges


def test_sizes_that_no_stride_divides_are_exported_too(tmp_path, capsys):
    # 52 / 8 = 6.5: traced sizes came out one smaller in ONNX Runtime than in torch
    code = export("--untrained", "--out", tmp_path / "odd.onnx", "--size", "36x52")
    assert code == 0
    assert last_object(capsys)["met"] is True


def test_a_network_of_the_release_is_exported(tmp_path, capsys):
    options = ("--untrained", "--network", "m2h_small", "--size", "56x70")
    assert export(*options, "--out", tmp_path / "small.onnx") == 0
    assert last_object(capsys)["met"] is True


def test_half_weights_take_half_the_room_and_promise_nothing(network, tmp_path, capsys):
    common = ("--network", network, "--size", "32x64", "--out")
    assert export(*common, tmp_path / "half.xml", "--precision", "fp16") == 0
    half = last_object(capsys)
    assert half["met"] is None
    assert half["max_relative_depth_difference"] < 0.1
    # two bytes a weight; the description of the graph comes on top
    n_weights = sum(
        p.numel() for p in build_model(preset("m2h_tiny", tasks=("depth",))).parameters()
    )
    assert (tmp_path / "half.bin").stat().st_size < 3 * n_weights


def test_int8_runs_its_convolutions_in_eight_bits(network, tmp_path, capsys, has_byte_products):
    import onnx

    out = tmp_path / "small.onnx"
    pictures = write_pictures(tmp_path / "pictures", 2)
    code = export(
        "--network", network, "--out", out, "--size", "32x64", "--precision", "int8",
        "--calibration", pictures, "--images", pictures,
    )  # fmt: skip
    assert code == 0
    result = last_object(capsys)
    assert (result["met"], result["n_images"]) == (None, 2)
    # random weights suffer more than trained ones, and most where sums of bytes saturate (.21 and
    # .45 seen); a broken graph would be off everywhere
    most, least = (0.2, 0.5) if has_byte_products else (0.3, 0.3)
    assert 0 < result["mean_relative_depth_difference"] < most
    assert result["label_agreement"] > least
    weights = {w.name: w.data_type for w in onnx.load(out).graph.initializer}
    nodes = onnx.load(out).graph.node
    eight_bit = {
        n.output[0] for n in nodes
        if n.op_type == "DequantizeLinear" and weights.get(n.input[0]) == onnx.TensorProto.INT8
    }  # fmt: skip
    convolutions = [n for n in nodes if n.op_type == "Conv"]
    assert len(convolutions) > 50
    first = ("stem", "block00", "block01", "block02", "block03")
    kept = [n.name for n in convolutions if n.input[1] not in eight_bit]
    assert kept
    assert all(name.split("/")[3] in first for name in kept)  # /model/backbone/stem/Conv


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "net.pt"], "ends in .onnx or .xml"),
        (["--out", "nowhere/net.onnx"], "folder does not exist"),
        (["--out", "net.onnx", "--precision", "fp16"], "name an .xml"),
        (["--out", "net.onnx", "--precision", "int8"], "belong together"),
        (["--out", "net.xml", "--images", "nowhere"], "is no folder"),
        (["--out", "net.xml", "--size", "224x307"], "give even numbers"),
        (["--out", "net.xml", "--network", "nowhere.pt"], "no such file"),
        (["--out", "net.xml", "--untrained", "--network", "m3h"], "unknown preset"),
    ],
)
def test_wrong_options_give_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert export(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def engine(depth_m: float, label: int) -> Callable[[Any], Fields]:
    log_probability = np.zeros((4, 5, 3), np.float32)
    log_probability[..., label] = 1

    def run(_image: Any, _view: Any) -> Fields:
        depth = np.full((1, 4, 5), depth_m, np.float32)
        return {"depth": depth, "log_probability": log_probability}

    return run


@pytest.mark.parametrize(
    ("depth_m", "label", "is_met"), [(2.001, 1, True), (2.003, 1, False), (2.0, 2, False)]
)
def test_the_limits_are_a_thousandth_of_depth_and_equal_labels(depth_m, label, is_met):
    image = np.zeros((4, 5, 3), np.uint8)
    agreement = compare_engines(engine(2.0, 1), engine(depth_m, label), [image, image])
    assert agreement.is_met is is_met
    assert agreement.max_relative_depth_difference == pytest.approx(depth_m / 2 - 1, abs=1e-6)
    assert agreement.label_agreement == (label == 1)


def test_nothing_to_compare_on_is_an_error():
    with pytest.raises(DataError, match="no image"):
        compare_engines(engine(2.0, 1), engine(2.0, 1), [])
