"""Given depth and labels become predictions, and what does not fit is refused."""

import numpy as np
import pytest

from mono_hydra.config import PerceptionConfig
from mono_hydra.errors import LabelError
from mono_hydra.labels import load_label_space
from mono_hydra.perception.given import GivenPredictor
from mono_hydra.types import U1, Camera, DepthImage, Frame

CAMERA = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
POSE = np.eye(4)


class Views:
    """A reference with one depth and one label image."""

    def __init__(self, depth_m: float = 2.0, late_s: float = 0.0, label: int = 5) -> None:
        self.depth_m, self.late_s, self.label = depth_m, late_s, label

    def depth(self, frame: Frame) -> DepthImage | None:
        depth_m = np.full((48, 64), self.depth_m, np.float32)
        return DepthImage(depth_m, CAMERA, frame.stamp_s + self.late_s)

    def labels(self, frame: Frame) -> U1 | None:
        labels = np.full((48, 64), self.label, np.uint8)
        labels[:24] = 0
        return labels


def _predictor(views: Views, *, use_labels: bool = True) -> GivenPredictor:
    space = load_label_space("nyu40")
    return GivenPredictor(views, space, PerceptionConfig(), 32, use_labels=use_labels)


def _frame() -> Frame:
    return Frame(0, 1.0, np.zeros((48, 64, 3), np.uint8), CAMERA)


def test_prediction_lies_on_one_grid_of_the_mapping_width() -> None:
    out = _predictor(Views()).step(_frame(), POSE)
    assert out is not None
    assert (out.camera.width, out.camera.height) == (32, 24)
    assert out.rgb.shape == (24, 32, 3)
    for image in (out.depth_m, out.depth_sigma, out.labels, out.confidence):
        assert image.shape == (24, 32)
    assert out.depth_sigma.max() == np.float32(0.01)


def test_confidence_is_one_where_a_label_is_known() -> None:
    out = _predictor(Views()).step(_frame(), POSE)
    assert out is not None
    np.testing.assert_array_equal(out.confidence, (out.labels != 0).astype(np.float32))
    assert set(np.unique(out.labels)) == {0, 5}


def test_people_keep_their_label() -> None:
    out = _predictor(Views(label=31)).step(_frame(), POSE)
    assert out is not None
    assert 31 in out.labels


def test_without_labels_all_is_unknown() -> None:
    out = _predictor(Views(), use_labels=False).step(_frame(), POSE)
    assert out is not None
    assert not out.labels.any()
    assert not out.confidence.any()


@pytest.mark.parametrize("late_s", [0.019, -0.019])
def test_depth_within_20_ms_is_taken(late_s: float) -> None:
    assert _predictor(Views(late_s=late_s)).step(_frame(), POSE) is not None


@pytest.mark.parametrize("late_s", [0.021, -0.021, 1.0])
def test_depth_out_of_step_is_refused_and_counted(late_s: float) -> None:
    predictor = _predictor(Views(late_s=late_s))
    assert predictor.step(_frame(), POSE) is None
    assert predictor.skipped == {"depth more than 20 ms apart": 1}


@pytest.mark.parametrize("depth_m", [float("nan"), float("inf"), -1.0, 10.5])
def test_impossible_depth_is_unknown(depth_m: float) -> None:
    out = _predictor(Views(depth_m=depth_m)).step(_frame(), POSE)
    assert out is not None
    assert not out.depth_m.any()


def test_void_is_unknown_but_a_strange_id_is_one_line() -> None:
    out = _predictor(Views(label=255)).step(_frame(), POSE)
    assert out is not None
    assert not out.labels.any()
    with pytest.raises(LabelError, match="label id 77 is not in label space nyu40") as caught:
        _predictor(Views(label=77)).step(_frame(), POSE)
    assert "\n" not in str(caught.value)
