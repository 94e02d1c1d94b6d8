from dataclasses import replace

import numpy as np
import pytest

from m2h.data.augment import Framing, augment, centred, random_crop
from m2h.data.derive import normals_of_depth, rays
from m2h.data.geometry import cropped, mirrored, resized
from m2h.data.photometric import REAL_LOOK, SIMULATED_LOOK, change_look, with_style
from tests.m2h.data.samples import made_sample, photo_of

FRAMING = Framing(32, 48)


def points_of(sample):
    return sample.depth_m[..., None] * rays(sample.intrinsics, *sample.depth_m.shape)


def off_plane_m(sample):
    """How far the sample's points are from the plane of its own normal."""
    unit = sample.normals[0, 0]
    along = points_of(sample) @ unit
    return np.abs(along + 2.0).max()


@pytest.mark.parametrize(
    "change",
    [
        lambda s: cropped(s, 7, 11, 40, 50),
        mirrored,
        lambda s: resized(s, 60, 160),
        lambda s: mirrored(resized(cropped(s, 3, 5, 51, 70), 51, 140)),
    ],
)
def test_a_plane_stays_the_same_plane(change):
    sample = made_sample()
    changed = change(sample)
    # nearest depth of an enlarged image is up to half a pixel off: 2 m / 60 px * slope
    assert off_plane_m(sample) < 1e-5
    assert off_plane_m(changed) < 0.02


def test_a_mirrored_plane_has_the_normals_of_its_depth():
    changed = mirrored(made_sample())
    derived = normals_of_depth(changed.depth_m, changed.intrinsics)
    assert np.allclose(derived[1:-1, 1:-1], changed.normals[1:-1, 1:-1], atol=1e-3)


def test_mirroring_twice_changes_nothing():
    sample = made_sample()
    again = mirrored(mirrored(sample))
    assert np.array_equal(again.image, sample.image)
    assert np.array_equal(again.normals, sample.normals)
    assert again.intrinsics == sample.intrinsics


def test_a_crop_moves_the_principal_point_and_keeps_the_pixels():
    part = cropped(made_sample(), 7, 11, 40, 50)
    assert part.image[0, 0, :2].tolist() == [11, 7]
    assert part.intrinsics.cx == pytest.approx(39.5 - 11)
    assert part.intrinsics.cy == pytest.approx(29.5 - 7)


def test_resizing_keeps_labels_whole_and_depth_metric():
    small = resized(made_sample(), 30, 40)
    assert set(np.unique(small.labels)) == {1, 2, 3, 4}
    assert small.intrinsics.fx == pytest.approx(30.0)
    assert np.median(small.depth_m) == pytest.approx(np.median(made_sample().depth_m), rel=0.02)


def test_a_crop_lies_inside_and_has_about_the_framing_s_shape():
    rng = np.random.default_rng(3)
    sizes = []
    for _ in range(50):
        part = random_crop(made_sample(), FRAMING, rng)
        height, width = part.image.shape[:2]
        sizes.append(width / 80)
        assert width / height == pytest.approx(1.5, rel=0.35)
        assert part.depth_m.shape == part.normals.shape[:2] == (height, width)
    assert min(sizes) < 0.65
    assert max(sizes) > 0.95


def test_equal_generators_give_equal_samples_and_others_do_not():
    first, second, third = (
        augment(made_sample(), FRAMING, np.random.default_rng(k), photo_of()) for k in (5, 5, 6)
    )
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.depth_m, second.depth_m)
    assert not np.array_equal(first.image, third.image)


def test_augmenting_leaves_the_given_sample_alone():
    sample = made_sample()
    before = sample.image.copy(), sample.normals.copy()
    for k in range(8):
        augment(sample, FRAMING, np.random.default_rng(k), photo_of())
    assert np.array_equal(sample.image, before[0])
    assert np.array_equal(sample.normals, before[1])


def test_an_unknown_camera_stays_unknown():
    sample = replace(made_sample(source="photos"), intrinsics=None)
    assert augment(sample, FRAMING, np.random.default_rng(0)).intrinsics is None
    assert centred(sample, FRAMING).image.shape == (32, 48, 3)


def test_the_middle_part_is_unchanged_but_for_its_size():
    sample = made_sample()
    whole = centred(sample, Framing(60, 80))
    assert np.array_equal(whole.image, sample.image)
    assert whole.intrinsics == sample.intrinsics


def test_style_takes_the_photograph_s_colour_and_keeps_the_picture_s_shapes():
    rng = np.random.default_rng(0)
    picture = (100 + 60 * (rng.random((40, 60, 1)) > 0.5)).astype(np.uint8).repeat(3, axis=-1)
    photo = np.full((30, 30, 3), (180, 90, 60), np.uint8)
    styled = with_style(picture, photo, 0.005)
    assert np.allclose(styled.mean(axis=(0, 1)), [180, 90, 60], atol=6)
    fine = np.corrcoef(styled[..., 1].ravel(), picture[..., 1].ravel())[0, 1]
    assert fine > 0.95
    assert np.abs(with_style(picture, picture, 0.01).astype(int) - picture).max() <= 1


@pytest.mark.parametrize("look", [REAL_LOOK, SIMULATED_LOOK])
def test_pictures_stay_recognisable(look):
    picture = photo_of(4)
    changed = [change_look(picture, look, np.random.default_rng(k), photo_of(9)) for k in range(40)]
    grey = picture.mean(axis=-1).ravel()
    alike = [np.corrcoef(c.mean(axis=-1).ravel(), grey)[0, 1] for c in changed]
    assert np.median(alike) > 0.8
    assert len({c.tobytes() for c in changed}) == 40
    assert all(c.dtype == np.uint8 and c.shape == picture.shape for c in changed)
