"""The model of a network's errors has the size, the shape and the honesty it states."""

import numpy as np
import pytest

from mono_hydra.config import PerceptionConfig
from mono_hydra.labels import load_label_space
from mono_hydra.perception import degrade as model
from mono_hydra.perception.confusions import confusable_ids
from mono_hydra.perception.degrade import DegradedPredictor, blur_edges
from mono_hydra.types import F8

from .views import CHAIR, Floor, floor_view, frame, look_at

SPACE = load_label_space("nyu40")


@pytest.fixture(scope="module")
def degraded() -> DegradedPredictor:
    return DegradedPredictor(Floor(), SPACE, PerceptionConfig(degrade="network"))


@pytest.fixture(scope="module")
def many(degraded: DegradedPredictor) -> dict[str, np.ndarray]:
    """Log depth error, stated sigma, wrongness and confidence of 60 views far apart."""
    rng = np.random.default_rng(3)
    rows: dict[str, list[np.ndarray]] = {"error": [], "sigma": [], "wrong": [], "confidence": []}
    for index in range(60):
        target = np.append(rng.uniform(-40, 40, 2), 0.0)
        T = look_at(target, rng.uniform(0, 0.9), rng.uniform(0, 6.28), rng.uniform(1, 4))
        depth_m, _ = floor_view(T)
        seen = depth_m > 0
        out = degraded.step(frame(index), T)
        assert out is not None
        rows["error"].append(np.log(out.depth_m[seen] / depth_m[seen]))
        rows["sigma"].append(out.depth_sigma[seen])
        rows["wrong"].append(out.labels[seen] != CHAIR)
        rows["confidence"].append(out.confidence[seen])
    return {key: np.concatenate(values) for key, values in rows.items()}


def test_depth_error_has_the_stated_size_and_no_bias(many: dict[str, np.ndarray]) -> None:
    # 60 views of a few square metres hold some 200 independent patches: 10 % on a deviation
    assert np.std(many["error"]) == pytest.approx(np.hypot(0.06, 0.03), rel=0.15)
    assert abs(np.mean(many["error"])) < 0.015


def test_stated_sigma_is_honest(many: dict[str, np.ndarray]) -> None:
    assert np.std(many["error"] / many["sigma"]) == pytest.approx(1.0, rel=0.15)


def test_twelve_percent_of_object_pixels_are_wrong(many: dict[str, np.ndarray]) -> None:
    assert np.mean(many["wrong"]) == pytest.approx(0.12, abs=0.015)


def test_confidence_is_calibrated_and_tells_wrong_from_right(many: dict[str, np.ndarray]) -> None:
    confidence, right = many["confidence"], ~many["wrong"]
    bins = np.minimum((confidence * 10).astype(int), 9)
    error = sum(
        (bins == b).mean() * abs(right[bins == b].mean() - confidence[bins == b].mean())
        for b in np.unique(bins)
    )
    assert error < 0.03
    assert confidence[right].mean() - confidence[~right].mean() > 0.3


def _seen_again(degraded: DegradedPredictor, turn_rad: float) -> tuple[F8, F8]:
    """Depth and label fields at the same 600 surface points, seen before and after a turn."""
    first, again = [], []
    rng = np.random.default_rng(5)
    for _ in range(600):
        target = np.append(rng.uniform(-40, 40, 2), 0.0)
        azimuth = rng.uniform(0, 6.28)
        for angle, into in ((-turn_rad / 2, first), (turn_rad / 2, again)):
            T = look_at(target, angle, azimuth, 2.0)
            given = Floor().step(frame(), T)
            depth_m = np.zeros_like(given.depth_m)
            depth_m[60, 80] = given.depth_m[60, 80]  # the pixel that looks at the target
            only = type(given)(**{**given.__dict__, "depth_m": depth_m})
            depth, labels = degraded._fields(only, T)
            into.append((depth[60, 80], labels[0, 60, 80]))
    return np.array(first), np.array(again)


def test_errors_stay_with_the_surface_within_20_degrees_and_change_beyond(
    degraded: DegradedPredictor,
) -> None:
    first, again = _seen_again(degraded, np.deg2rad(20.0))
    assert np.corrcoef(first[:, 0], again[:, 0])[0, 1] > 0.93
    limit = degraded._wrong_above
    assert np.mean((first[:, 1] > limit) == (again[:, 1] > limit)) > 0.95
    first, again = _seen_again(degraded, np.deg2rad(120.0))
    assert abs(np.corrcoef(first[:, 0], again[:, 0])[0, 1]) < 0.45


def test_only_the_scale_jitter_belongs_to_the_frame(degraded: DegradedPredictor) -> None:
    T = look_at(np.zeros(3), 0.4, 1.0, 2.5)
    one, other = degraded.step(frame(1), T), degraded.step(frame(2), T)
    assert one is not None
    assert other is not None
    seen = one.depth_m > 0
    ratio = np.log(one.depth_m[seen] / other.depth_m[seen])
    assert np.ptp(ratio) < 1e-4
    assert abs(ratio.mean()) > 1e-4
    np.testing.assert_array_equal(one.labels, other.labels)


def test_same_seed_same_bytes_other_seed_other_errors() -> None:
    T = look_at(np.zeros(3), 0.4, 1.0, 2.5)
    outs = [
        DegradedPredictor(
            Floor(), SPACE, PerceptionConfig(degrade="network", degrade_seed=seed)
        ).step(frame(), T)
        for seed in (0, 0, 1)
    ]
    a, b, c = (out.depth_m.tobytes() for out in outs if out is not None)
    assert a == b
    assert a != c


def test_depth_steps_become_ramps_and_say_so() -> None:
    depth_m = np.full((40, 60), 1.0, np.float32)
    depth_m[:, 30:] = 3.0
    log_depth, spread = blur_edges(depth_m, 1.5)
    assert 1.2 < np.exp(log_depth[20, 29]) < np.exp(log_depth[20, 30]) < 2.7
    assert np.exp(log_depth[20, 5]) == pytest.approx(1.0)
    assert spread[20, 29] > 0.3
    assert spread[20, 5] < 1e-3


def test_unknown_depth_stays_unknown_and_does_not_bleed() -> None:
    depth_m = np.full((40, 60), 2.0, np.float32)
    depth_m[:, :30] = 0.0
    log_depth, _ = blur_edges(depth_m, 1.5)
    assert np.exp(log_depth[:, 31:]) == pytest.approx(2.0, rel=1e-5)


def _cups(points: F8) -> np.ndarray:
    """Tables (7) with small square things (40) of 8 cm every 40 cm."""
    inside = (np.mod(points[..., :2], 0.4) < 0.08).all(axis=-1)
    return np.where(inside, 40, 7).astype(np.uint8)


def test_a_third_of_small_objects_is_missed_and_takes_the_label_around() -> None:
    degraded = DegradedPredictor(Floor(_cups), SPACE, PerceptionConfig(degrade="network"))
    n_small, n_missed = 0, 0
    for index in range(12):
        T = look_at(np.array([3.0 * index, 0.0, 0.0]), 0.2, 0.5, 1.5)
        _, points = floor_view(T)
        given = _cups(points)
        out = degraded.step(frame(index), T)
        assert out is not None
        cells = np.floor(points[..., 0] / 0.4) * 1000 + np.floor(points[..., 1] / 0.4)
        for cell in np.unique(cells[given == 40]):
            here = (given == 40) & (cells == cell)
            if here.sum() > 20:
                n_small += 1
                n_missed += bool((out.labels[here] == 7).mean() > 0.9)
    assert n_small > 60
    assert 0.2 < n_missed / n_small < 0.5


def test_structure_and_people_keep_their_labels() -> None:
    def halves(points: F8) -> np.ndarray:
        return np.where(points[..., 0] > 0.0, 31, 2).astype(np.uint8)

    degraded = DegradedPredictor(Floor(halves), SPACE, PerceptionConfig(degrade="network"))
    T = look_at(np.zeros(3), 0.2, 0.5, 2.0)
    out = degraded.step(frame(), T)
    assert out is not None
    np.testing.assert_array_equal(out.labels, halves(floor_view(T)[1]))
    assert out.confidence.max() == np.float32(model.SURE)


@pytest.mark.parametrize("name", ["nyu40", "nyud20", "ade20k", "scannet20"])
def test_every_object_label_can_be_taken_for_another(name: str) -> None:
    space = load_label_space(name)
    table = confusable_ids(space)
    assert table.keys() == space.object_ids
    for label_id, partners in table.items():
        assert partners
        assert label_id not in partners
        assert all(p in space.by_id for p in partners)
