from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from m2h.checkpoints import save_checkpoint
from m2h.disagreement import label_borders, normals_of_depth, sigma_factor
from m2h.errors import BackendError, CheckpointError, ImageError
from m2h.export import export_onnx, export_openvino
from m2h.letterbox import as_rgb, fit, positions, size_for
from m2h.model import M2H, build_model, preset
from m2h.prediction_kernels import best_class, enlarge_labels, make_unit
from m2h.predictor import Predictor
from m2h.presets import config_from_dict
from m2h.types import Intrinsics, Prediction

ROOT = Path(__file__).parents[2]
SIZE = (64, 96)
CAMERA = Intrinsics(120.0, 120.0, 71.5, 47.5)


@pytest.fixture(scope="module")
def model() -> M2H:
    torch.manual_seed(0)
    network = build_model(preset("m2h_tiny"))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # statistics = those of the one batch that follows
    network(2 * torch.rand(4, 3, *SIZE).round() - 1)
    return network.eval()


@pytest.fixture(scope="module")
def predictor(model: M2H) -> Predictor:
    return Predictor(model, "torch", size=SIZE)


@pytest.fixture(scope="module")
def image() -> Any:
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 255, (12, 18, 3), dtype=np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)  # 96 x 144


def test_prediction_has_the_size_of_the_image(predictor: Predictor, image: Any) -> None:
    p = predictor.predict(image, CAMERA)
    shapes = {f.name: getattr(p, f.name).shape for f in dataclasses.fields(Prediction)}
    assert shapes.pop("normals") == (96, 144, 3)
    assert set(shapes.values()) == {(96, 144)}
    assert p.labels.min() >= 1
    assert p.labels.max() <= 40
    assert p.labels.dtype == np.uint8
    np.testing.assert_allclose(np.linalg.norm(p.normals, axis=2), 1, atol=1e-5)
    for probability in (p.confidence, p.edges):
        assert 0 <= probability.min() <= probability.max() <= 1
    assert p.depth_sigma.min() > 0


def test_depth_grows_with_the_focal_length(predictor: Predictor, image: Any) -> None:
    near = predictor.predict(image, focal_px=120.0)
    far = predictor.predict(image, focal_px=240.0)
    np.testing.assert_allclose(far.depth_m, 2 * near.depth_m, rtol=1e-5)


def test_at_the_networks_size_the_prediction_is_the_networks(model: M2H, image: Any) -> None:
    predictor = Predictor(model, "torch", size=SIZE, mirror=False)
    image = np.ascontiguousarray(image[: SIZE[0], : SIZE[1]])
    rgb = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        outputs = model(model.normalise(rgb))
    p = predictor.predict(image, focal_px=model.config.canonical_focal_px)
    # the heads end at half the size; interpolating before or after the last function differs
    expected = outputs.depth[0, 0].numpy()
    assert np.median(np.abs(p.depth_m / expected - 1)) < 0.01
    labels = outputs.semantics[0, 1:].argmax(0).numpy() + 1
    assert (p.labels == labels).mean() > 0.99
    sigma = torch.exp(outputs.log_sigma[0, 0]).numpy()
    assert (p.depth_sigma >= 0.9 * sigma).mean() > 0.99


def test_the_mirror_image_has_the_mirrored_prediction(model: M2H, image: Any) -> None:
    camera, mirrored = (Intrinsics(120.0, 120.0, cx, 47.5) for cx in (60.0, 83.0))
    p, q = (
        Predictor(model, "torch", size=SIZE, mirror=True).predict(shown, seen_by)
        for shown, seen_by in ((image, camera), (image[:, ::-1], mirrored))
    )
    np.testing.assert_allclose(q.depth_m[:, ::-1], p.depth_m, rtol=1e-5)
    np.testing.assert_allclose(q.depth_sigma[:, ::-1], p.depth_sigma, rtol=1e-4)
    np.testing.assert_allclose(q.normals[:, ::-1] * (-1, 1, 1), p.normals, atol=1e-4)
    assert (q.labels[:, ::-1] == p.labels).mean() > 0.999
    alone = Predictor(model, "torch", size=SIZE, mirror=False).predict(image, camera)
    assert np.abs(alone.depth_m / p.depth_m - 1).max() > 1e-3


def test_the_mirror_image_is_as_the_weights_ask_unless_told_otherwise() -> None:
    asks = build_model(preset("m2h_tiny", tasks=("depth",), mirror=True)).eval()
    assert Predictor(asks, "torch", size=SIZE).mirror
    assert not Predictor(asks, "torch", size=SIZE, mirror=False).mirror
    values = asks.config.to_dict()
    del values["mirror"]  # as in files from before there was the choice
    older = build_model(config_from_dict(values)).eval()
    assert not Predictor(older, "torch", size=SIZE).mirror
    assert Predictor(older, "torch", size=SIZE, mirror=True).mirror


def test_sigma_carries_its_calibration(model: M2H, predictor: Predictor, image: Any) -> None:
    calibrated = build_model(dataclasses.replace(model.config, sigma_scale=2.0)).eval()
    calibrated.load_state_dict(model.state_dict())
    twice = Predictor(calibrated, "torch", size=SIZE).predict(image, CAMERA).depth_sigma
    np.testing.assert_allclose(twice, 2 * predictor.predict(image, CAMERA).depth_sigma, rtol=1e-5)


def test_portrait_images_use_the_turned_network(predictor: Predictor, image: Any) -> None:
    p = predictor.predict(np.ascontiguousarray(image.transpose(1, 0, 2)), focal_px=120.0)
    assert p.depth_m.shape == (144, 96)
    assert fit((144, 96), (96, 64)).inner_size == (96, 64)


def test_grey_alpha_wide_and_float_images_are_the_same_image(
    predictor: Predictor, image: Any
) -> None:
    grey = image[:, :, 0]
    expected = predictor.predict(np.stack([grey] * 3, axis=2), CAMERA).depth_m
    alpha = np.dstack([grey] * 3 + [np.full_like(grey, 9)])
    for same in (grey, grey[:, :, None], alpha, grey.astype(np.uint16) * 257, grey / 255.0):
        np.testing.assert_allclose(predictor.predict(same, CAMERA).depth_m, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((1, 1, 3), np.uint8), "too small"),
        (np.broadcast_to(np.uint8(0), (9000, 9000, 3)), "too large"),
        (np.zeros((40, 40, 2), np.uint8), "shape"),
        (np.zeros((40, 40, 3), np.int32), "int32"),
        (np.full((40, 40, 3), np.nan), "not finite"),
        (np.full((40, 40, 3), 255.0), "scale it"),
    ],
)
def test_bad_images_are_refused_in_one_line(bad: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        as_rgb(bad)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(16, 16), (16, 2500), (2500, 16), (17, 33)])
def test_odd_shapes_are_predicted(predictor: Predictor, size: tuple[int, int]) -> None:
    p = predictor.predict(np.full(size, 90, np.uint8), focal_px=100.0)
    assert p.normals.shape == (*size, 3)
    assert np.isfinite(p.depth_m).all()
    assert np.isfinite(p.depth_sigma).all()


@pytest.mark.parametrize("focal_px", [0.0, -5.0, float("nan")])
def test_bad_focal_lengths_are_refused(predictor: Predictor, image: Any, focal_px: float) -> None:
    with pytest.raises(ImageError, match="focal length"):
        predictor.predict(image, focal_px=focal_px)


def test_a_depth_network_says_nothing_of_the_rest(image: Any) -> None:
    network = build_model(preset("m2h_tiny", tasks=("depth",))).eval()
    p = Predictor(network, "torch", size=SIZE).predict(image, CAMERA)
    assert p.depth_m.min() > 0
    assert not p.labels.any()
    assert not p.normals.any()
    assert not p.edges.any()


def agree(a: Prediction, b: Prediction) -> None:
    np.testing.assert_allclose(a.depth_m, b.depth_m, rtol=1e-3)
    # a label that flips at a tie moves a border, and with it sigma
    assert (np.abs(a.depth_sigma / b.depth_sigma - 1) < 1e-2).mean() > 0.99
    np.testing.assert_allclose(a.edges, b.edges, atol=1e-3)
    assert (a.labels == b.labels).mean() >= 0.995


def test_exported_files_agree_with_torch(
    model: M2H, predictor: Predictor, image: Any, tmp_path: Path
) -> None:
    export_onnx(model, tmp_path / "tiny.onnx", SIZE)
    export_openvino(model, tmp_path / "tiny.xml", SIZE)
    # no sum of mask and bias among the weights
    n_bytes = {path.suffix: path.stat().st_size for path in tmp_path.iterdir()}
    assert n_bytes[".bin"] < 1.05 * n_bytes[".onnx"]
    expected = predictor.predict(image, CAMERA)
    for name in ("tiny.onnx", "tiny.xml"):
        exported = Predictor(tmp_path / name, n_threads=1)
        assert exported.config == model.config
        assert exported.size == SIZE
        agree(exported.predict(image, CAMERA), expected)


def test_backends_agree_on_a_checkpoint(
    model: M2H, predictor: Predictor, image: Any, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "tiny.safetensors", model, {})
    loaded = Predictor(tmp_path / "tiny.safetensors", "onnxruntime", size=SIZE, n_threads=1)
    agree(loaded.predict(image, CAMERA), predictor.predict(image, CAMERA))


def test_every_engine_looks_through_the_lens_it_is_told_of(image: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_model(preset("m2h_tiny", tasks=("depth",), cross_task="none", context_blocks=1))
    torch.nn.init.normal_(model.mlt_head.context.leave.weight, std=6.0)
    model.eval()
    export_onnx(model, tmp_path / "tiny.onnx", SIZE)
    export_openvino(model, tmp_path / "tiny.xml", SIZE)
    save_checkpoint(tmp_path / "tiny.safetensors", model, {})
    reference = Predictor(model, "torch", size=SIZE)
    engines = [
        Predictor(tmp_path / "tiny.onnx", n_threads=1),
        Predictor(tmp_path / "tiny.xml", n_threads=1),
        Predictor(tmp_path / "tiny.safetensors", size=SIZE, cache=tmp_path / "cache"),
        Predictor(tmp_path / "tiny.safetensors", size=SIZE, cache=tmp_path / "cache"),  # kept
    ]
    shapes = []
    for camera in (CAMERA, Intrinsics(60.0, 60.0, 71.5, 47.5)):
        expected = reference.predict(image, camera)
        shapes.append(expected.depth_m / expected.depth_m.mean())
        for engine in engines:
            agree(engine.predict(image, camera), expected)
    assert np.abs(shapes[1] / shapes[0] - 1).max() > 0.01  # not a matter of scale alone


def test_odd_sizes_of_the_network_are_refused(model: M2H) -> None:
    with pytest.raises(BackendError, match="even"):
        Predictor(model, "torch", size=(65, 96))


def test_what_no_backend_offers_is_refused(model: M2H, tmp_path: Path) -> None:
    for backend, precision in (("tensorrt", "fp32"), ("openvino", "int8"), ("onnxruntime", "bf16")):
        with pytest.raises(BackendError, match="use"):
            Predictor(model, backend, precision=precision)
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    for name in ("broken.onnx", "absent.xml"):
        with pytest.raises(CheckpointError, match=name) as caught:
            Predictor(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_enlarged_labels_are_the_best_of_the_enlarged_scores() -> None:
    scores = torch.log_softmax(3 * torch.randn(5, 7, 6, generator=torch.manual_seed(4)), dim=2)
    large = torch.nn.functional.interpolate(
        scores.permute(2, 0, 1)[None], (23, 40), mode="bilinear"
    )[0]
    best = np.empty((5, 7), np.uint8)
    labels, confidence = np.empty((23, 40), np.uint8), np.empty((23, 40), np.float32)
    best_class(scores.numpy(), best)
    enlarge_labels(scores.numpy(), best, *positions((23, 40), (5, 7)), labels, confidence)
    np.testing.assert_array_equal(labels, large.argmax(0).numpy() + 1)
    np.testing.assert_allclose(confidence, large.max(0)[0].exp().numpy(), rtol=1e-4)


def test_vectors_become_unit_and_zeros_stay() -> None:
    vectors = np.array([[[3, 0, 4], [0, 0, 0]]], np.float32)
    make_unit(vectors)
    np.testing.assert_allclose(vectors, [[[0.6, 0, 0.8], [0, 0, 0]]], atol=1e-7)


def test_released_network_predicts_in_the_same_form(image: Any) -> None:
    torch.manual_seed(0)
    network = build_model(preset("m2h_small", head_channels=16)).eval()
    p = Predictor(network, "torch", size=(56, 84)).predict(image, CAMERA)
    assert p.labels.shape == (96, 144)
    assert p.depth_m.max() <= network.config.max_depth_m
    np.testing.assert_allclose(np.linalg.norm(p.normals, axis=2), 1, atol=1e-5)


def test_a_view_is_the_camera_in_heights_of_the_input() -> None:
    box = fit((96, 144), (64, 96))
    np.testing.assert_allclose(box.view(CAMERA), [1.25, 1.25, 0, 0], atol=1e-6)
    box = fit((100, 100), (64, 96))  # filled left and right
    view = box.view(Intrinsics(100.0, 100.0, 59.5, 39.5))
    np.testing.assert_allclose(view, [1, 1, 0.1, -0.1], atol=1e-6)


def test_letterbox_keeps_the_aspect_and_the_optical_axis() -> None:
    box = fit((480, 640), (224, 308))
    assert box.inner_size == (224, 298)
    assert (box.top, box.left) == (0, 4)
    camera = box.intrinsics(Intrinsics(519.0, 519.0, 319.5, 239.5))
    assert camera.fx == pytest.approx(camera.fy, rel=5e-3)
    assert (camera.cx, camera.cy) == pytest.approx((148.5, 111.5))
    halved = box.intrinsics(Intrinsics(519.0, 519.0, 319.5, 239.5), stride=2)
    assert (halved.cx, halved.cy) == pytest.approx((74.0, 55.5))
    assert box.crop(np.zeros((224, 308), np.float32)).shape == (224, 298)
    assert box.crop(np.zeros((112, 154, 3), np.float32)).shape == (112, 149, 3)


def test_what_stands_in_the_image_stands_there_in_the_prediction() -> None:
    box = fit((90, 200), SIZE)
    framed = box.apply(np.dstack([np.arange(200, dtype=np.uint8)[None].repeat(90, 0)] * 3))
    for stride in (1, 2):
        x = framed[:, :, 0].astype(np.float32)
        x = x.reshape(SIZE[0] // stride, stride, SIZE[1] // stride, stride).mean((1, 3))
        back = box.enlarge(box.crop(x))
        np.testing.assert_allclose(back[:, 5:-5], np.tile(np.arange(5, 195.0), (90, 1)), atol=0.6)


def test_normals_of_a_slanted_plane_are_exact() -> None:
    camera = Intrinsics(50.0, 50.0, 20.0, 15.0)
    normal = np.array([0.3, -0.2, -1.0]) / np.linalg.norm([0.3, -0.2, -1.0])
    v, u = np.mgrid[:30, :40]
    rays = np.stack([(u - 20.0) / 50, (v - 15.0) / 50, np.ones(u.shape)], axis=2)
    depth = (-2.0 / (rays @ normal)).astype(np.float32)
    estimated = normals_of_depth(depth, camera)[2:-2, 2:-2]
    np.testing.assert_allclose(estimated, np.broadcast_to(normal, estimated.shape), atol=5e-3)


def test_sigma_grows_where_tasks_disagree() -> None:
    camera = Intrinsics(50.0, 50.0, 20.0, 15.0)
    depth = np.full((30, 40), 2.0, np.float32)
    facing = np.zeros((30, 40, 3), np.float32)
    facing[..., 2] = -1
    labels = np.ones((30, 40), np.uint8)
    labels[:, 20:] = 2
    agreeing = sigma_factor(depth, facing, labels, label_borders(labels), camera)
    np.testing.assert_allclose(agreeing, 1, atol=1e-6)
    facing[:, :10] = (1, 0, 0)
    contradicting = sigma_factor(depth, facing, labels, np.zeros_like(depth), camera)
    np.testing.assert_allclose(contradicting[:, :10], 1.5, atol=1e-6)
    np.testing.assert_allclose(contradicting[:, 19:21], 1.25, atol=1e-6)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ((480, 640), (144, 192)),
        ((640, 480), (192, 144)),
        ((256, 320), (144, 192)),
        ((428, 760), (128, 224)),
        ((720, 1280), (128, 224)),
        ((500, 500), (160, 160)),
        ((1, 9000), (112, 256)),
    ],
)
def test_images_of_another_shape_get_an_input_that_they_fill(
    image: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert size_for(image, (144, 192), 16) == expected
    lost = 1 - np.prod(fit(image, expected).inner_size) / np.prod(expected)
    assert lost < 0.12 or max(image) > 2.5 * min(image)


INTERRUPTED = """
import os, signal, sys, time
from m2h.predictor import Predictor
first, second = (Predictor("m2h_tiny", "openvino", size=(64, 96), cache=None) for _ in range(2))
del first
del second
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(7)
"""


def test_ctrl_c_after_networks_of_openvino_were_dropped_is_no_crash() -> None:
    # freed cores of OpenVINO left the stack of signal handlers unmapped: segmentation fault
    command = [sys.executable, "-X", "faulthandler", "-c", INTERRUPTED]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 7
