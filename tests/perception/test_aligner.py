"""The aligner in a box room whose depth has a smooth factor on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.config import PerceptionConfig
from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.labels import load_label_space
from mono_hydra.perception.aligner import Aligner
from mono_hydra.perception.error_field import infer_error
from mono_hydra.types import F8, U1, Camera, Prediction, TrackedPose

CAMERA = Camera(160, 120, 100.0, 100.0, 79.5, 59.5)
SIZE_M = np.array([5.0, 4.0, 2.5])  # of the room, from the origin
NYU = load_label_space("nyu40")
WALL, FLOOR, CEILING = 1, 2, 22


def pose(k: int) -> TrackedPose:
    """View k of a walk through the room, looking around and a little down."""
    yaw, pitch = 0.5 * k, -0.2
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    R = np.stack([right, np.cross(forward, right), forward], axis=1)
    place = np.array([2.5 + np.cos(0.7 * k), 2.0 + 0.8 * np.sin(0.9 * k), 1.4])
    return TrackedPose(k, 0.3 * k, se3.from_rt(R, place))


def room(T: F8) -> tuple[F8, U1, F8]:
    """Depth (H, W), labels and world points of the empty room."""
    rays = pixel_rays(CAMERA) @ T[:3, :3].T
    bound = np.where(rays > 0.0, SIZE_M, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = (bound - T[:3, 3]) / rays
    hits = np.where(hits > 1e-6, hits, np.inf)
    axis, depth_m = hits.argmin(axis=-1), hits.min(axis=-1)
    labels = np.where(axis < 2, WALL, np.where(rays[..., 2] < 0.0, FLOOR, CEILING))
    return depth_m, labels.astype(np.uint8), T[:3, 3] + rays * depth_m[..., None]


class Waves:
    """A smooth error of ln depth over surface and viewing direction, plus a scale per view."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.waves = rng.normal(0.0, 1.0 / 0.5, (60, 3))
        self.turns = rng.normal(0.0, 1.0, (60, 3))
        self.phases = rng.uniform(0.0, 2.0 * np.pi, 60)
        self.scales = rng.normal(0.0, 0.03, 100)

    def __call__(self, points: F8, view: F8, k: int) -> F8:
        view = view / np.linalg.norm(view, axis=-1, keepdims=True)
        phase = points @ self.waves.T + view @ self.turns.T + self.phases
        return np.asarray(
            0.06 * np.sqrt(2.0 / 60) * np.cos(phase).sum(axis=-1) + self.scales[k], dtype=float
        )


def predicted(depth_m: F8, labels: U1, sigma: float) -> Prediction:
    shape = depth_m.shape
    return Prediction(
        camera=CAMERA,
        rgb=np.zeros((*shape, 3), np.uint8),
        depth_m=depth_m.astype(np.float32),
        depth_sigma=np.full(shape, sigma, np.float32),
        labels=labels,
        confidence=np.ones(shape, np.float32),
        label_space="nyu40",
    )


def noisy_view(k: int, waves: Waves) -> tuple[Prediction, F8]:
    """A prediction with errors, and its true depth."""
    T = pose(k).T_world_camera
    depth_m, labels, points = room(T)
    error = waves(points, points - T[:3, 3], k)
    return predicted(depth_m * np.exp(error), labels, 0.067), depth_m


def trained(n_views: int, waves: Waves) -> Aligner:
    aligner = Aligner(PerceptionConfig(), NYU)
    for k in range(n_views):
        aligner.step(noisy_view(k, waves)[0], pose(k))
    return aligner


def rms(prediction: Prediction, truth: F8, where: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.log(prediction.depth_m[where] / truth[where]) ** 2)))


def test_error_of_floors_and_walls_shrinks_by_half() -> None:
    waves = Waves(1)
    aligner = trained(25, waves)
    before: dict[int, list[float]] = {FLOOR: [], WALL: []}
    after: dict[int, list[float]] = {FLOOR: [], WALL: []}
    for k in range(25, 40):
        view, truth = noisy_view(k, waves)
        aligned = aligner.step(view, pose(k))
        for label in (FLOOR, WALL):
            here = view.labels == label
            before[label].append(rms(view, truth, here))
            after[label].append(rms(aligned, truth, here))
    for label in (FLOOR, WALL):
        assert np.mean(after[label]) < 0.5 * np.mean(before[label])


def test_depth_of_a_sensor_is_returned_as_it_is() -> None:
    depth_m, labels, _ = room(pose(0).T_world_camera)
    view = predicted(depth_m, labels, 0.01)
    assert Aligner(PerceptionConfig(), NYU).step(view, pose(0)) is view


def test_switched_off_it_returns_the_prediction() -> None:
    view, _ = noisy_view(0, Waves(1))
    assert Aligner(PerceptionConfig(align="off"), NYU).step(view, pose(0)) is view


@pytest.mark.parametrize("label", [0, 5])
def test_without_structure_depth_and_sigma_stay(label: int) -> None:
    aligner = Aligner(PerceptionConfig(), NYU)
    for k in range(5):
        view, _ = noisy_view(k, Waves(1))
        view = replace(view, labels=np.full_like(view.labels, label))
        aligned = aligner.step(view, pose(k))
        np.testing.assert_allclose(aligned.depth_m, view.depth_m, rtol=1e-5)
        np.testing.assert_allclose(aligned.depth_sigma, view.depth_sigma, rtol=1e-5)


def test_no_depth_at_all_passes() -> None:
    view = predicted(np.zeros((120, 160)), np.zeros((120, 160), np.uint8), 0.067)
    assert Aligner(PerceptionConfig(), NYU).step(view, pose(0)) is view


def test_wrong_labels_move_no_surface_by_more_than_the_gate() -> None:
    waves = Waves(2)
    aligner = trained(25, waves)
    view, _ = noisy_view(26, waves)
    depth_m = view.depth_m.copy()
    depth_m[40:80, 40:90] *= 0.6  # something stands there, and is called wall
    labels = view.labels.copy()
    labels[40:80, 40:90] = WALL
    aligned = aligner.step(replace(view, depth_m=depth_m, labels=labels), pose(26))
    moved = np.abs(np.log(aligned.depth_m[45:75, 45:85] / depth_m[45:75, 45:85]))
    assert np.median(moved) < 0.067


def test_equal_input_gives_equal_bytes() -> None:
    waves = Waves(3)
    view, _ = noisy_view(12, waves)
    first, second = (trained(12, waves).step(view, pose(12)) for _ in range(2))
    assert first.depth_m.tobytes() == second.depth_m.tobytes()
    assert first.depth_sigma.tobytes() == second.depth_sigma.tobytes()


def test_error_field_returns_to_the_prior_far_from_what_is_known() -> None:
    near, far = np.zeros((1, 3)), np.full((1, 3), 50.0)
    many = np.random.default_rng(0).normal(0.0, 0.05, (10, 3))
    mean, share = infer_error(
        many, np.full(10, 0.1), np.full(10, 0.005), np.zeros(10, np.int32),
        np.full(10, 0.067), np.concatenate([near, far]),
    )  # fmt: skip
    assert 0.067 * mean[0] == pytest.approx(0.1, abs=0.02)
    assert 0.067 * abs(mean[1]) < 0.03
    assert share[0] < 0.15
    assert share[1] > 0.75


def test_slanted_surface_labelled_wall_keeps_its_shape() -> None:
    waves = Waves(2)
    aligner = trained(25, waves)
    view, truth = noisy_view(26, waves)
    ramp = np.linspace(0.5, 0.75, 60)  # oblique to every wall of the room
    depth_m, labels = view.depth_m.copy(), view.labels.copy()
    depth_m[30:90, 50:110] = truth[30:90, 50:110] * ramp
    labels[30:90, 50:110] = WALL
    aligned = aligner.step(replace(view, depth_m=depth_m, labels=labels), pose(26))
    moved = np.log(aligned.depth_m[30:90, 50:110] / depth_m[30:90, 50:110])
    assert np.median(np.abs(moved)) < 0.067
    assert np.std(moved) < 0.05


def test_stated_sigma_is_the_size_of_the_error() -> None:
    errors: dict[int, list[F8]] = {FLOOR: [], WALL: []}
    for seed in range(4):
        waves = Waves(10 + seed)
        aligner = trained(15, waves)
        for k in range(15, 30, 2):
            view, truth = noisy_view(k, waves)
            aligned = aligner.step(view, pose(k))
            normalised = np.log(aligned.depth_m / truth) / aligned.depth_sigma
            for label, found in errors.items():
                found.append(normalised[view.labels == label])
    for found in errors.values():
        assert 0.7 < np.sqrt(np.mean(np.concatenate(found) ** 2)) < 1.7


def test_planes_of_a_room_lie_on_its_sides() -> None:
    planes = trained(30, Waves(4)).planes
    assert {plane.kind for plane in planes} >= {"floor", "wall"}
    for plane in planes:
        n, axis = plane.normal_world, int(np.argmax(np.abs(plane.normal_world)))
        assert abs(n[axis]) > 0.99
        along_m = float(plane.patches[:, 3].mean()) if plane.kind == "wall" else 0.0
        middle = plane.offset_m * n + along_m * plane.along_world
        side_m = SIZE_M[axis] if n[axis] < 0.0 else 0.0
        assert abs(middle[axis] - side_m) < 3.5 * plane.sigma_m


def test_flying_pixels_stay_uncertain() -> None:
    waves = Waves(5)
    aligner = trained(20, waves)
    view, _ = noisy_view(21, waves)
    sigma = view.depth_sigma.copy()
    sigma[:, 80:84] = 0.3  # flying pixels between a front and a back
    labels = np.where(np.arange(160) // 4 == 20, 5, view.labels).astype(np.uint8)
    aligned = aligner.step(replace(view, depth_sigma=sigma, labels=labels), pose(21))
    assert aligned.depth_sigma[:, 80:84].min() > 0.28
