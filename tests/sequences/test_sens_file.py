"""The `.sens` container: all codes, both versions, and files that end too early."""

import struct
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.errors import DatasetError
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.sequences.sens_file import (
    COLOR_JPEG,
    COLOR_PNG,
    COLOR_RAW,
    DEPTH_RAW,
    DEPTH_ZLIB,
    SensFile,
    SensHeader,
    write_sens,
)

from . import folders


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("depth_code", [DEPTH_RAW, DEPTH_ZLIB])
@pytest.mark.parametrize("color_code", [COLOR_RAW, COLOR_PNG, COLOR_JPEG])
def test_what_was_written_is_read(
    color_code: int, depth_code: int, version: int, tmp_path: Path
) -> None:
    path = folders.sens(
        tmp_path / "a.sens", color_code=color_code, depth_code=depth_code, version=version
    )
    file = SensFile(path)
    assert len(file.frames) == file.n_declared == folders.N
    assert not file.is_truncated
    rgb, raw = file.rgb(2), file.depth_raw(2)
    assert rgb is not None
    assert raw is not None
    tolerance = 6 if color_code == COLOR_JPEG else 0
    assert np.abs(rgb.astype(int) - folders.picture(2)).max() <= tolerance
    np.testing.assert_array_equal(raw, folders.depth_raw((32, 24)))
    np.testing.assert_allclose(file.frames[1].T_world_camera, folders.pose(1), atol=1e-6)


def test_depth_keeps_its_own_camera_and_stamp(tmp_path: Path) -> None:
    sequence = open_sequence(folders.sens(tmp_path / "a.sens"))
    frame = next(iter(sequence.frames()))
    depth = sequence.reference().depth(frame)
    assert depth is not None
    np.testing.assert_allclose(depth.camera.vector(), [30, 30, 15.5, 11.5])
    assert depth.stamp_s - frame.stamp_s == pytest.approx(0.003)


def test_lost_pose_is_unknown(tmp_path: Path) -> None:
    _, poses = open_sequence(folders.sens(tmp_path / "a.sens")).reference().trajectory()
    assert np.isfinite(poses[:-1]).all()
    assert np.isnan(poses[-1]).all()


@pytest.mark.parametrize("scale", [1.0, 9.81])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_imu_units_and_sign_are_found(scale: float, sign: float, tmp_path: Path) -> None:
    rows = folders.sens_imu(scale=scale, sign=sign)
    sequence = open_sequence(folders.sens(tmp_path / "a.sens", imu=rows))
    imu = sequence.imu()
    assert imu is not None
    assert sequence.info.has_imu
    np.testing.assert_allclose(imu.accel_m_s2.mean(axis=0), [0, 0, 9.81], atol=0.01)
    note = " ".join(sequence.notes)
    assert ("in g" if scale == 1.0 else "in m/s^2") in note
    assert ("turned" if sign < 0 else "against gravity") in note


def test_imu_without_gravity_gets_it_back(tmp_path: Path) -> None:
    rows = folders.sens_imu(scale=0.01)
    imu = open_sequence(folders.sens(tmp_path / "a.sens", imu=rows)).imu()
    assert imu is not None
    np.testing.assert_allclose(imu.accel_m_s2.mean(axis=0), [0, 0, 9.81], atol=0.15)


def test_imu_in_no_known_unit_is_not_used(tmp_path: Path) -> None:
    sequence = open_sequence(folders.sens(tmp_path / "a.sens", imu=folders.sens_imu(scale=3.0)))
    assert sequence.imu() is None
    assert "neither 1 (g) nor 9.81" in sequence.notes[-1]


def test_without_stamps_the_index_gives_them(tmp_path: Path) -> None:
    sequence = open_sequence(folders.sens(tmp_path / "a.sens", stamped=False))
    assert not sequence.info.has_stamps
    frames = list(sequence.frames())
    np.testing.assert_allclose([f.stamp_s for f in frames], np.arange(5) / 30.0)
    assert sequence.reference().depth(frames[3]) is not None


def test_file_cut_short_keeps_its_whole_frames_and_says_so(tmp_path: Path) -> None:
    path = folders.sens(tmp_path / "a.sens", imu=folders.sens_imu())
    file = SensFile(path)
    data = path.read_bytes()
    path.write_bytes(data[: file.frames[3].offset + 10])
    sequence = open_sequence(path)
    assert len(list(sequence.frames())) == 3
    assert sequence.imu() is None
    assert "3 of 5 frames" in " ".join(sequence.notes)


def test_imu_tail_cut_short_keeps_its_whole_rows(tmp_path: Path) -> None:
    path = folders.sens(tmp_path / "a.sens", imu=folders.sens_imu(20))
    path.write_bytes(path.read_bytes()[:-100])
    assert len(SensFile(path).imu) == 19


def test_any_cut_is_one_line_or_fewer_frames(tmp_path: Path) -> None:
    whole = folders.sens(tmp_path / "a.sens")
    data = whole.read_bytes()
    ends = [f.offset + f.color_bytes + f.depth_bytes for f in SensFile(whole).frames]
    for size in np.linspace(0, len(data) - 1, 60).astype(int):
        path = tmp_path / "cut.sens"
        path.write_bytes(data[:size])
        n_frames, message = _opened(path)
        assert n_frames == sum(end <= size for end in ends)
        assert "\n" not in message
        assert bool(message) == (n_frames == 0)


def _opened(path: Path) -> tuple[int, str]:
    try:
        return len(list(open_sequence(path).frames())), ""
    except DatasetError as error:
        return 0, str(error)


def test_vendor_packed_depth_names_the_export_command(tmp_path: Path) -> None:
    path = tmp_path / "a.sens"
    write_sens(path, SensHeader(folders.SIZE, (32, 24), depth_code=2), [])
    with pytest.raises(DatasetError, match="--export_depth_images"):
        SensFile(path)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", "ends inside its header"),
        (struct.pack("<I", 5), "version 5 is not 3 or 4"),
        (struct.pack("<IQ", 4, 10**9), "sensor name"),
    ],
)
def test_what_is_no_sens_file_is_refused(head: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.sens"
    path.write_bytes(head)
    with pytest.raises(DatasetError, match=message):
        SensFile(path)


def test_broken_picture_inside_is_skipped_and_counted(tmp_path: Path) -> None:
    path = folders.sens(tmp_path / "a.sens")
    frame = SensFile(path).frames[1]
    data = bytearray(path.read_bytes())
    data[frame.offset : frame.offset + frame.color_bytes + frame.depth_bytes] = bytes(
        frame.color_bytes + frame.depth_bytes
    )
    path.write_bytes(bytes(data))
    sequence = open_sequence(path)
    assert [f.index for f in sequence.frames()] == [0, 2, 3, 4]
    assert sequence.skipped == {"unreadable image": 1}
