"""A simulated sequence is read like any recording, and its truth only on demand."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.errors import DatasetError
from mono_hydra.sequences.simulated import SimulatedSequence


def test_frames_carry_stamp_image_and_camera(tiny_sequence: Path) -> None:
    sequence = SimulatedSequence(tiny_sequence)
    frames = list(sequence.frames())
    assert len(frames) == sequence.info.n_frames
    assert frames[0].rgb.shape == (120, 160, 3)
    np.testing.assert_allclose(np.diff([f.stamp_s for f in frames]), 0.25, atol=1e-6)
    assert sequence.info.up_world == (0.0, 0.0, 1.0)
    assert not sequence.info.stand_in
    assert frames[0].rgb.std() > 5.0


def test_the_reference_belongs_to_the_frames(tiny_sequence: Path) -> None:
    sequence = SimulatedSequence(tiny_sequence)
    reference = sequence.reference()
    stamps, poses = reference.trajectory()
    assert np.isfinite(poses).all()
    for frame in list(sequence.frames())[::10]:
        depth, labels = reference.depth(frame), reference.labels(frame)
        assert depth is not None
        assert labels is not None
        assert depth.stamp_s == frame.stamp_s == stamps[frame.index]
        assert depth.depth_m.shape == labels.shape == frame.rgb.shape[:2]
        assert (labels[depth.depth_m > 0] > 0).all()


def test_inertial_samples_cover_the_frames(tiny_sequence: Path) -> None:
    sequence = SimulatedSequence(tiny_sequence)
    imu = sequence.imu()
    assert imu is not None
    stamps, _ = sequence.reference().trajectory()
    assert imu.stamps_s[0] <= stamps[0]
    assert imu.stamps_s[-1] >= stamps[-1]
    at_rest = imu.accel_m_s2[imu.stamps_s < 0.9].mean(axis=0)
    assert np.linalg.norm(at_rest) == pytest.approx(9.81, abs=0.25)


def test_a_sequence_without_truth_still_runs_and_refuses_the_reference(
    tiny_sequence: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(tiny_sequence, tmp_path / "copy", ignore=shutil.ignore_patterns("truth"))
    sequence = SimulatedSequence(copy)
    assert not sequence.info.has_poses
    assert next(iter(sequence.frames())).index == 0
    with pytest.raises(DatasetError, match="no trajectory"):
        sequence.reference()


@pytest.mark.parametrize("name", ["sequence.yaml", "images.csv", "imu.csv"])
def test_a_garbled_file_is_refused_in_one_line(
    tiny_sequence: Path, tmp_path: Path, name: str
) -> None:
    copy = shutil.copytree(tiny_sequence, tmp_path / "copy")
    (copy / name).write_text("?: [\n1,2\n")
    with pytest.raises(DatasetError) as caught:
        SimulatedSequence(copy)
    assert "\n" not in str(caught.value)
