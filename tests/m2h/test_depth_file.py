from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from m2h.depth_card import card_path, is_depth_file, load_depth_card
from m2h.depth_file import DepthFile
from m2h.errors import BackendError, CardError, CheckpointError, ImageError, M2HError
from m2h.export import export_onnx
from m2h.model import build_model, preset
from m2h.predictor import Predictor
from tests.onnx_models import SIZE, brightness, write_card

MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.25, 0.5]


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = brightness(tmp_path / "own.v2.onnx", slope=3.0, offset=2.0)
    write_card(path)
    return path


def picture(height: int = 96, width: int = 128) -> Any:
    """Grey from left to right."""
    grey = np.linspace(30, 220, width).astype(np.uint8)
    return np.broadcast_to(grey[None, :, None], (height, width, 3))


def test_the_output_stands_where_its_picture_does(network: Path) -> None:
    x = DepthFile(network, n_threads=1).predict(picture())
    assert x.shape == (96, 128)
    np.testing.assert_allclose(x, 3.0 * picture()[:, :, 0] / 255 + 2.0, atol=0.03)


def test_a_picture_of_another_shape_is_framed(network: Path) -> None:
    wide = picture(48, 200)
    x = DepthFile(network, n_threads=1).predict(wide)
    np.testing.assert_allclose(x[:, 4:-4], (3.0 * wide[:, :, 0] / 255 + 2.0)[:, 4:-4], atol=0.03)


def test_the_picture_is_normalised_as_the_card_says(network: Path) -> None:
    write_card(network, mean=MEAN, std=STD)
    rgb = np.broadcast_to(np.array([51, 102, 204], np.uint8), (*SIZE, 3))
    x = DepthFile(network, n_threads=1).predict(rgb)
    expected = 3.0 * np.mean((np.array([0.2, 0.4, 0.8]) - MEAN) / STD) + 2.0
    np.testing.assert_allclose(x, expected, rtol=1e-5)


def test_metres_become_inverse_depth_and_follow_the_focal_length(network: Path) -> None:
    grey = np.full((96, 128, 3), 51, np.uint8)  # 2.6 m
    write_card(network, output="metric_depth")
    file = DepthFile(network, n_threads=1)
    for focal_px in (None, 60.0):
        np.testing.assert_allclose(file.predict(grey, focal_px=focal_px), 1 / 2.6, rtol=1e-5)
    write_card(network, output="metric_depth", focal_px=50.0)
    made_for = DepthFile(network, n_threads=1)
    # the picture is halved: 120 px are 60 of the network's
    np.testing.assert_allclose(made_for.predict(grey, focal_px=120.0), 1 / (1.2 * 2.6), rtol=1e-5)
    for bad_px in (None, 0.0, float("nan")):
        with pytest.raises(ImageError, match="focal length"):
            made_for.predict(grey, focal_px=bad_px)


def test_what_is_no_depth_is_unknown(tmp_path: Path) -> None:
    path = brightness(tmp_path / "own.onnx", slope=4.0, offset=-1.0)
    write_card(path, output="metric_depth")
    x = DepthFile(path, n_threads=1).predict(picture(*SIZE))
    near = 4.0 * picture(*SIZE)[:, :, 0] / 255 - 1.0 < 0.01
    np.testing.assert_array_equal(np.isnan(x), near)
    assert x[~near].min() > 0
    write_card(path)
    assert DepthFile(path, n_threads=1).predict(picture(*SIZE)).min() < 0  # a relative one may be


@pytest.mark.parametrize("size", [SIZE, ("height", "width")])
@pytest.mark.parametrize("kind", ["FLOAT", "FLOAT16"])
def test_free_sizes_and_halves_are_taken(tmp_path: Path, size: Any, kind: str) -> None:
    path = brightness(tmp_path / "own.onnx", size=size, kind=kind)
    write_card(path)
    x = DepthFile(path, n_threads=1).predict(picture())
    np.testing.assert_allclose(x, picture()[:, :, 0] / 255, atol=0.02)


def test_a_small_output_is_enlarged_and_names_choose(tmp_path: Path) -> None:
    path = brightness(tmp_path / "own.onnx", more_outputs=True)
    write_card(path)
    with pytest.raises(CheckpointError, match="outputs depth, rgb_mean; choose with output_name"):
        DepthFile(path)
    write_card(path, output_name="depht")
    with pytest.raises(CheckpointError, match="no output depht"):
        DepthFile(path)
    write_card(path, output_name="rgb_mean")
    with pytest.raises(CheckpointError, match="not that of one depth image"):
        DepthFile(path)
    write_card(path, output_name="depth", input_name="rgb")
    assert DepthFile(path, n_threads=1).predict(picture()).shape == (96, 128)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"output": "disparity"}, "output = 'disparity'"),
        ({"output": None}, "output is missing"),
        ({"inputsize": [48, 64]}, "unknown key inputsize; did you mean input_size?"),
        ({"input_size": [48]}, "input_size.1 is missing"),
        ({"input_size": [48, 64.5]}, "input_size.1 = 64.5"),
        ({"input_size": "48x64"}, "input_size = '48x64'"),
        ({"mean": [123.7, 116.3, 103.5]}, "mean.0 = 123.7"),
        ({"std": [0.0, 0.2, 0.2]}, "std.0 = 0.0"),
        ({"focal_px": 50.0}, "focal_px: only metric_depth"),
        ({"output": "metric_depth", "focal_px": -1.0}, "focal_px = -1.0"),
    ],
)
def test_a_wrong_card_is_named_in_one_line(network: Path, changes: Any, says: str) -> None:
    write_card(network, **changes)
    with pytest.raises(CardError) as caught:
        DepthFile(network)
    assert says in str(caught.value)
    assert str(card_path(network)) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unreadable_cards_are_refused(network: Path) -> None:
    for text in ("output: [", "just words", ""):
        card_path(network).write_text(text)
        with pytest.raises(CardError, match=r"own\.v2\.card\.yaml") as caught:
            load_depth_card(network)
        assert "\n" not in str(caught.value)
    card_path(network).unlink()
    with pytest.raises(CardError, match="write it"):
        load_depth_card(network)


def test_a_file_that_is_not_what_its_card_says_is_refused(network: Path, tmp_path: Path) -> None:
    write_card(network, input_size=[64, 48])
    with pytest.raises(CheckpointError, match=r"1x3x48x64.*1x3x64x48.*correct input_size"):
        DepthFile(network)
    fixed_inside = brightness(
        tmp_path / "inside.onnx", size=("h", "w"), offset=np.zeros((1, 1, 48, 64))
    )
    write_card(fixed_inside, input_size=[50, 70])
    with pytest.raises(CheckpointError, match="does not run at 50x70") as caught:
        DepthFile(fixed_inside)
    assert "\n" not in str(caught.value)
    write_card(network)
    with pytest.raises(BackendError, match="use cpu"):
        DepthFile(network, device="mps")
    network.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="not a readable ONNX file"):
        DepthFile(network)
    network.unlink()
    with pytest.raises(CheckpointError, match="no such file"):
        DepthFile(network)


def test_a_card_tells_a_depth_file_from_an_export_of_m2h(network: Path, tmp_path: Path) -> None:
    assert is_depth_file(network)
    card_path(network).unlink()
    assert not is_depth_file(network)
    with pytest.raises(M2HError, match=r"with own\.v2\.card\.yaml beside it"):
        Predictor(network)
    torch.manual_seed(0)
    export_onnx(
        build_model(preset("m2h_tiny", tasks=("depth",))).eval(), tmp_path / "m.onnx", (64, 96)
    )
    assert not is_depth_file(tmp_path / "m.onnx")
    assert Predictor(tmp_path / "m.onnx", n_threads=1).size == (64, 96)
    write_card(tmp_path / "m.onnx")
    with pytest.raises(CheckpointError, match=r"needs no card; remove m\.card\.yaml"):
        DepthFile(tmp_path / "m.onnx")
