"""The image front end on rendered shifts and turns of a picture, where the flow is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import camera_from_fov, project
from mono_hydra.tracking.front_end import (
    FrontEnd,
    FrontEndOptions,
    corner_ratio,
    guessed_turn,
    likeness,
    one_motion,
    one_translation,
    turn_between,
)
from mono_hydra.types import F8, U1, Camera, Frame

CAMERA = camera_from_fov(320, 240, 75.0)
OPTIONS = FrontEndOptions(n_tracks=80, spacing_px=24)


def picture(seed: int = 0) -> U1:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (60, 80, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)


def turned(rgb: U1, R_old_new: F8, camera: Camera = CAMERA) -> U1:
    """The picture after the camera turned, everything far away."""
    H = camera.K @ R_old_new.T @ np.linalg.inv(camera.K)
    return np.asarray(cv2.warpPerspective(rgb, H, (camera.width, camera.height)), np.uint8)


def frame(k: int, rgb: U1) -> Frame:
    return Frame(k, 0.05 * k, rgb, CAMERA)


def test_a_turn_told_by_the_gyroscope_is_followed():
    front, rgb = FrontEnd(OPTIONS), picture()
    R = se3.exp_so3(np.array([0.02, 0.12, -0.03]))  # 30 px: beyond what the window sees unguided
    first = front.step(frame(0, rgb))
    second = front.step(frame(1, turned(rgb, R)), R)
    _, i, j = np.intersect1d(first.ids, second.ids, return_indices=True)
    assert len(i) > 0.6 * len(first.ids)
    rays = np.column_stack([first.points[i], np.ones(len(i))]) @ R
    error_px = CAMERA.fx * np.abs(rays[:, :2] / rays[:, 2:] - second.points[j])
    assert np.median(error_px) < 0.2
    assert error_px.max() < 2.0


def test_ids_are_never_given_twice():
    front, rgb = FrontEnd(OPTIONS), picture()
    seen: set[int] = set()
    alive: set[int] = set()
    for k in range(6):
        shifted = np.roll(rgb, 25 * k, axis=1)
        ids = set(front.step(frame(k, shifted), np.eye(3)).ids.tolist())
        assert not (ids - alive) & seen  # what was lost does not come back under its old name
        seen |= ids
        alive = ids
    assert len(seen) > 80


def test_tracks_stay_apart():
    front, rgb = FrontEnd(OPTIONS), picture()
    for k in range(4):
        front.step(frame(k, np.roll(rgb, 3 * k, axis=1)), np.eye(3))
    distance = np.linalg.norm(front.pixels[:, None] - front.pixels[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert len(front.pixels) > 40
    assert np.median(distance.min(axis=1)) > 8.0


def test_a_dark_picture_has_no_tracks_and_does_no_harm():
    front, rgb = FrontEnd(OPTIONS), picture()
    assert len(front.step(frame(0, rgb)).ids) > 40
    assert len(front.step(frame(1, np.zeros_like(rgb)), np.eye(3)).ids) == 0
    assert len(front.step(frame(2, np.zeros_like(rgb)), np.eye(3)).ids) == 0
    assert len(front.step(frame(3, rgb), np.eye(3)).ids) > 40


def test_what_moves_by_itself_carries_no_track():
    front, rgb = FrontEnd(OPTIONS), picture()
    moving = np.zeros((240, 320), np.bool_)
    moving[:, 160:] = True
    front.step(frame(0, rgb))
    front.step(frame(1, rgb), np.eye(3), moving)
    assert len(front.pixels) > 20
    assert front.pixels[:, 0].max() <= 160.5


def test_distorted_pictures_give_undistorted_rays():
    camera = Camera(320, 240, 200.0, 200.0, 159.5, 119.5, "radtan", (-0.3, 0.1, 0.0, 0.0))
    front = FrontEnd(OPTIONS)
    tracks = front.step(Frame(0, 0.0, picture(), camera))
    points = np.column_stack([tracks.points, np.ones(len(tracks.ids))])
    np.testing.assert_allclose(project(camera, points), front.pixels, atol=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_outliers_of_a_translation_are_found(share: float):
    rng = np.random.default_rng(3)
    n = 120
    points = rng.uniform([-2, -2, 2], [2, 2, 6], (n, 3))
    moved = points - np.array([0.15, 0.02, 0.05])
    old, new = points / points[:, 2:], moved / moved[:, 2:]
    wrong = rng.random(n) < share
    new[wrong, :2] += rng.uniform(0.05, 0.2, (int(wrong.sum()), 2))
    new[:, :2] += rng.normal(0.0, 0.3 / 460.0, (n, 2))
    good = one_translation(old, new, 1.5 / 460.0, 100, rng)
    assert good[~wrong].mean() > 0.95
    if share:
        assert good[wrong].mean() < 0.25  # those along the flow cannot be told


def test_without_motion_every_track_agrees():
    rng = np.random.default_rng(4)
    rays = np.column_stack([rng.uniform(-0.5, 0.5, (50, 2)), np.ones(50)])
    assert one_translation(rays, rays.copy(), 1.5 / 460.0, 100, rng).all()
    noisy = rays.copy()
    noisy[:, :2] += rng.normal(0.0, 0.2 / 460.0, (50, 2))
    assert one_translation(rays, noisy, 1.5 / 460.0, 100, rng).mean() > 0.95


def test_without_a_gyroscope_one_rigid_motion_is_looked_for():
    rng = np.random.default_rng(5)
    points = rng.uniform([-2, -2, 2], [2, 2, 6], (100, 3))
    T = se3.from_rt(se3.exp_so3(np.array([0.02, 0.05, 0.01])), np.array([0.1, 0.0, 0.05]))
    moved = se3.transform(T, points)
    old, new = points / points[:, 2:], moved / moved[:, 2:]
    wrong = np.arange(100) < 20
    new[wrong, :2] += 0.1
    good, R_old_new = one_motion(old, new, 1.5 / 460.0)
    assert good[~wrong].mean() > 0.9
    assert good[wrong].mean() < 0.3
    assert R_old_new is not None
    assert np.linalg.norm(se3.log_so3(R_old_new @ T[:3, :3])) < 0.005


def test_few_tracks_are_not_judged():
    rays = np.column_stack([np.linspace(-0.5, 0.5, 8), np.zeros(8), np.ones(8)])
    good, R_old_new = one_motion(rays, rays, 1.5 / 460.0)
    assert good.all()
    assert R_old_new is None


def test_corners_are_told_from_edges() -> None:
    grey = np.full((120, 160), 60, np.uint8)
    grey[60:, 80:] = 200  # one corner, two edges
    pixels = np.array([[80.0, 60.0], [80.0, 100.0], [130.0, 60.0]])
    ratio = corner_ratio(grey, pixels, 21)
    assert ratio[0] > 0.5
    assert (ratio[1:] < 0.05).all()


def test_no_track_begins_on_a_straight_edge() -> None:
    rng = np.random.default_rng(3)
    rgb = np.full((240, 320, 3), 60, np.uint8)
    rgb[:, 200:] = 180
    rgb = np.clip(rgb + rng.normal(0.0, 1.0, rgb.shape), 0, 255).astype(np.uint8)
    rgb[40:200:40, 40:160:40] = 250
    rgb[41:201:40, 40:160:40] = 250
    front_end = FrontEnd()
    front_end.step(Frame(0, 0.0, rgb, Camera(320, 240, 260.0, 260.0, 159.5, 119.5)))
    assert len(front_end.pixels) >= 8
    assert (np.abs(front_end.pixels[:, 0] - 199.5) > 8.0).all()


def test_pictures_that_share_a_view_are_alike_and_others_are_not() -> None:
    rng = np.random.default_rng(4)
    one, other = (
        cv2.resize(rng.integers(0, 255, (12, 16)).astype(np.uint8), (320, 240)) for _ in range(2)
    )
    assert likeness(one, np.roll(one, 40, axis=1)) > 0.9
    assert likeness(one, other) < 0.6


def test_exposure_does_not_pull_tracks_along_the_light() -> None:
    """A weak pattern below a lamp, seen at rest while the exposure settles."""
    rng = np.random.default_rng(3)
    pattern = cv2.GaussianBlur(rng.normal(0.0, 1.0, (240, 320)), (0, 0), 3.0)
    pattern *= 3.0 / pattern.std()
    light = 60.0 + 120.0 * np.linspace(0.0, 1.0, 320)[None] + pattern

    def moved_px(flatten_px: int) -> float:
        front = FrontEnd(FrontEndOptions(n_tracks=80, window_px=15, flatten_px=flatten_px))
        start: dict[int, F8] = {}
        moved: dict[int, F8] = {}
        for k in range(10):
            noisy = light * 0.99**k + rng.normal(0.0, 0.5, light.shape)
            rgb = np.repeat(np.clip(noisy, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
            tracks = front.step(frame(k, rgb), np.eye(3))
            for i, pixel in zip(tracks.ids.tolist(), front.pixels, strict=True):
                moved[i] = pixel - start.setdefault(i, pixel.copy())
        far = [m for i, m in moved.items() if i in set(tracks.ids.tolist()) and m.any()]
        assert len(far) > 20
        return float(np.linalg.norm(np.mean(far, axis=0)))

    flat_px, raw_px = moved_px(25), moved_px(0)
    assert raw_px > 1.0, "the test shows nothing"
    assert flat_px < 0.3 * raw_px


def test_wide_pictures_are_followed_small_and_told_in_their_own_pixels() -> None:
    wide = camera_from_fov(1280, 960, 75.0)
    rgb = cv2.resize(picture(), (1280, 960), interpolation=cv2.INTER_CUBIC)
    front = FrontEnd(OPTIONS)
    first = front.step(Frame(0, 0.0, rgb, wide))
    before = dict(zip(first.ids.tolist(), front.pixels, strict=True))
    assert front.pixels[:, 0].max() > 700.0
    np.testing.assert_allclose(project(wide, rays(first.points)), front.pixels, atol=1e-6)
    second = front.step(Frame(1, 0.05, np.roll(rgb, 24, axis=1), wide))
    after = dict(zip(second.ids.tolist(), front.pixels, strict=True))
    moved = np.array([after[i] - before[i] for i in before.keys() & after.keys()])
    assert len(moved) > 0.6 * len(before)
    np.testing.assert_allclose(np.median(moved, axis=0), [24.0, 0.0], atol=0.3)
    covered = np.zeros((960, 1280), np.bool_)
    covered[:, :640] = True
    front.step(Frame(2, 0.1, np.roll(rgb, 48, axis=1), wide), moving=covered)
    assert front.pixels[:, 0].min() > 630.0


def rays(points: F8) -> F8:
    return np.column_stack([points, np.ones(len(points))])


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.0, 0.11, 0.0), (-0.05, -0.08, 0.0)])
def test_the_image_as_a_whole_tells_how_the_camera_turned(turn: tuple[float, ...]) -> None:
    R = se3.exp_so3(np.array(turn))
    grey = cv2.cvtColor(picture(), cv2.COLOR_RGB2GRAY)
    later = cv2.cvtColor(turned(picture(), R), cv2.COLOR_RGB2GRAY)
    assert turn_between(guessed_turn(grey, later, CAMERA, None), R) < 0.01
    # what was seen before does not mislead it
    assert turn_between(guessed_turn(grey, later, CAMERA, se3.exp_so3(np.full(3, 0.1))), R) < 0.01


def test_a_quick_turn_without_a_gyroscope_is_followed() -> None:
    front, rgb = FrontEnd(OPTIONS), picture()
    R = se3.exp_so3(np.array([0.0, 0.3, 0.0]))  # 60 px, beyond what flow finds by itself
    first = front.step(frame(0, rgb))
    second = front.step(frame(1, turned(rgb, R)))
    assert front.R_guessed is not None
    _, i, j = np.intersect1d(first.ids, second.ids, return_indices=True)
    assert len(i) > 0.3 * len(first.ids)
    back = rays(first.points[i]) @ R
    error_px = CAMERA.fx * np.abs(back[:, :2] / back[:, 2:] - second.points[j])
    assert np.median(error_px) < 0.5
