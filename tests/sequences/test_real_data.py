"""Real recordings, where they are on this machine."""

import os
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.sequences.base import Sequence
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.sequences.up import find_up

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def root() -> Path:
    value = os.environ.get("MONO_HYDRA_TEST_DATA")
    if not value:
        pytest.skip("MONO_HYDRA_TEST_DATA is not set")
    return Path(value)


def _cloud(sequence: Sequence, position: int) -> np.ndarray:
    frames = list(sequence.frames())
    depth = sequence.reference().depth(frames[position])
    assert depth is not None
    _, poses = sequence.reference().trajectory()
    points = pixel_rays(depth.camera) * depth.depth_m[..., None]
    known = depth.depth_m > 0
    return se3.transform(poses[frames[position].index], points[known])[::37]


@pytest.mark.parametrize(
    ("path", "tolerance_m"),
    [
        ("sevenscenes/redkitchen", 0.02),
        ("hololens_office", 0.03),
        ("rgbd_small/sun3d_studyroom", 0.04),
    ],
)
def test_clouds_of_neighbouring_frames_coincide(path: str, tolerance_m: float, root: Path) -> None:
    from scipy.spatial import cKDTree

    sequence = open_sequence(root / path, max_frames=3)
    distance_m, _ = cKDTree(_cloud(sequence, 1)).query(_cloud(sequence, 0))
    assert np.median(distance_m) < tolerance_m


def test_up_of_redkitchen_is_found_within_four_degrees_of_the_stated(root: Path) -> None:
    from dataclasses import replace

    sequence = open_sequence(root / "sevenscenes/redkitchen")
    stated = find_up(sequence)
    sequence.info = replace(sequence.info, up_world=None)
    found = find_up(sequence)
    assert (stated.source, found.source) == ("stated", "floor")
    # the stated gravity itself is 2.5 to 3.2 degrees off the table planes
    assert np.rad2deg(np.arccos(found.up_world @ stated.up_world)) < 4.0


def test_up_of_the_hololens_office_is_y(root: Path) -> None:
    found = find_up(open_sequence(root / "hololens_office"))
    assert np.rad2deg(np.arccos(found.up_world[1])) < 1.0


def test_euroc_starts_at_rest_with_gravity(root: Path) -> None:
    sequence = open_sequence(root / "euroc" / "V1_01_micro")
    assert sequence.info.n_frames == 48
    assert sequence.info.camera.model == "radtan"
    imu = sequence.imu()
    assert imu is not None
    # bias of the accelerometer
    assert np.linalg.norm(imu.accel_m_s2[:800].mean(axis=0)) == pytest.approx(9.81, abs=0.2)
    _, poses = sequence.reference().trajectory()
    assert np.isfinite(poses).all()


def test_label_map_of_scannet_reaches_all_nyu40_ids(root: Path) -> None:
    from mono_hydra.sequences.scannet import read_label_map

    table = read_label_map(root / "scannet" / "scannetv2-labels.combined.tsv")
    assert set(np.unique(table)) == set(range(41))
    assert table[2] == 5
