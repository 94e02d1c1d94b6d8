"""Each layout is recognised and gives the frames, poses and depth that were written."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from mono_hydra.perception.given import MAX_DEPTH_DELAY_S as PREDICTOR_DELAY_S
from mono_hydra.sequences.detect import detect
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.sequences.recorded import MAX_DEPTH_DELAY_S

from . import folders

WRITERS: dict[str, Callable[[Path], Path]] = {
    "folder": folders.plain_folder,
    "sevenscenes": folders.seven_scenes,
    "tum": folders.tum,
    "euroc": folders.euroc,
    "scannet": folders.scannet_export,
    "sens": lambda root: folders.sens(root / "scene0000_00.sens"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_layout_is_recognised_and_walks_ten_centimetres_a_frame(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / "room")
    assert detect(path) == kind
    sequence = open_sequence(path)
    frames = list(sequence.frames())
    assert sequence.info.has_poses
    assert len(frames) == sequence.info.n_frames
    assert [frame.index for frame in frames] == list(range(len(frames)))
    stamps_s, poses = sequence.reference().trajectory()
    np.testing.assert_array_equal(stamps_s, [frame.stamp_s for frame in frames])
    assert (np.diff(stamps_s) > 0).all()
    good = np.isfinite(poses).all(axis=(1, 2))
    assert good[0]
    steps = np.diff(poses[good][:, :3, 3], axis=0)
    np.testing.assert_allclose(steps, np.tile([0.1, 0, 0], (len(steps), 1)), atol=1e-4)
    np.testing.assert_allclose(poses[0][:3, :3], folders.R_WORLD_CAMERA, atol=1e-6)
    assert not sequence.skipped


@pytest.mark.parametrize("kind", ["folder", "tum", "scannet", "sens"])
def test_depth_is_metres_and_holes_are_zero(kind: str, tmp_path: Path) -> None:
    sequence = open_sequence(WRITERS[kind](tmp_path / "room"))
    frame = next(iter(sequence.frames()))
    depth = sequence.reference().depth(frame)
    assert depth is not None
    assert depth.depth_m.dtype == np.float32
    assert (depth.camera.height, depth.camera.width) == depth.depth_m.shape
    np.testing.assert_allclose(depth.depth_m[1:], 2.0)
    assert depth.depth_m[0, 0] == 0.0
    assert depth.depth_m[0, 1] == 0.0


def test_seven_scenes_depth_lands_where_the_colour_camera_sees_it(tmp_path: Path) -> None:
    root = folders.seven_scenes(tmp_path / "office")
    raw = folders.depth_raw((640, 480))
    raw[200:240, 300:340] = 1000  # a box in front of the wall, straight ahead
    folders.write_picture(root / "seq-01" / "frame-000000.depth.png", raw)
    sequence = open_sequence(root)
    frame = next(iter(sequence.frames()))
    depth = sequence.reference().depth(frame)
    assert depth is not None
    rows, columns = np.nonzero(np.isclose(depth.depth_m, 1.0))
    # the box spans (300-320)/585 m - 25.5 mm to (339-320)/585 m - 25.5 mm before the colour camera
    assert columns.min() == pytest.approx(320 + 525 * (-20 / 585 - 0.0255), abs=1.2)
    assert columns.max() == pytest.approx(320 + 525 * (19 / 585 - 0.0255), abs=1.2)
    assert rows.min() == pytest.approx(240 + 525 * (-40 / 585), abs=1.2)
    _, poses = sequence.reference().trajectory()
    np.testing.assert_allclose(poses[0][:3, 3], [0.0255, 0.0, 1.4], atol=1e-9)


def test_registered_wall_has_no_gaps(tmp_path: Path) -> None:
    sequence = open_sequence(folders.seven_scenes(tmp_path / "office"))
    depth = sequence.reference().depth(next(iter(sequence.frames())))
    assert depth is not None
    assert (depth.depth_m[60:420, 60:560] > 0).all()


def test_tum_poses_are_interpolated_between_ground_truth(tmp_path: Path) -> None:
    sequence = open_sequence(folders.tum(tmp_path / "room"))
    stamps_s, poses = sequence.reference().trajectory()
    np.testing.assert_allclose(poses[:, 0, 3], 3.0 * (stamps_s - 1000.0), atol=1e-5)


def test_euroc_body_poses_become_camera_poses_and_imu_is_read(tmp_path: Path) -> None:
    sequence = open_sequence(folders.euroc(tmp_path / "V9"))
    assert sequence.info.camera.model == "radtan"
    assert sequence.info.up_world == (0.0, 0.0, 1.0)
    imu = sequence.imu()
    assert imu is not None
    np.testing.assert_allclose(imu.accel_m_s2.mean(axis=0), [0, 0, 9.81])
    frame = next(iter(sequence.frames()))
    assert frame.rgb.shape == (48, 64, 3)


def test_euroc_csv_may_be_packed(tmp_path: Path) -> None:
    import gzip

    root = folders.euroc(tmp_path / "V9")
    plain = root / "mav0" / "imu0" / "data.csv"
    (root / "mav0" / "imu0" / "data.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    assert open_sequence(root).imu() is not None


def test_scannet_raw_labels_become_nyu40(tmp_path: Path) -> None:
    sequence = open_sequence(folders.scannet_export(tmp_path / "scene0001_00"))
    assert sequence.info.has_labels
    labels = sequence.reference().labels(next(iter(sequence.frames())))
    assert labels is not None
    assert set(np.unique(labels)) == {40}


def test_scannet_labels_without_the_map_are_not_guessed(tmp_path: Path) -> None:
    root = folders.scannet_export(tmp_path / "scene0001_00")
    (root / "scannetv2-labels.combined.tsv").unlink()
    sequence = open_sequence(root)
    assert not sequence.info.has_labels
    assert "scannetv2-labels.combined.tsv" in sequence.notes[0]


def test_video_gives_its_frames_and_no_reference(tmp_path: Path) -> None:
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, folders.SIZE)
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no video")
    for i in range(8):
        writer.write(np.ascontiguousarray(folders.picture(i)[..., ::-1]))
    writer.release()
    sequence = open_sequence(path, fov_deg=60.0, every=2)
    frames = list(sequence.frames())
    assert [frame.index for frame in frames] == [0, 2, 4, 6]
    np.testing.assert_allclose([frame.stamp_s for frame in frames], [0.0, 0.2, 0.4, 0.6])
    assert abs(int(frames[2].rgb[..., 0].mean()) - 80) < 12
    assert not sequence.info.has_poses


@pytest.mark.parametrize("kind", ["folder", "sens", "tum"])
def test_every_and_max_frames_keep_indices_and_stamps(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / "room")
    everything = list(open_sequence(path).frames())
    thinned = open_sequence(path, every=2, max_frames=2)
    some = list(thinned.frames())
    assert [frame.index for frame in some] == [0, 2]
    assert some[1].stamp_s == everything[2].stamp_s
    assert thinned.info.n_frames == 2


@pytest.mark.parametrize("delay_s", [0.021, -0.021])
def test_depth_out_of_step_is_refused(delay_s: float, tmp_path: Path) -> None:
    assert MAX_DEPTH_DELAY_S == PREDICTOR_DELAY_S == 0.020
    path = folders.sens(tmp_path / "a.sens", depth_late_us=0)
    sequence = open_sequence(path)
    source = sequence.reference()._source  # type: ignore[attr-defined]
    source._depth_stamps_s = source._depth_stamps_s + delay_s
    for frame in sequence.frames():
        assert sequence.reference().depth(frame) is None
    assert sequence.skipped == {"depth more than 20 ms apart": 5}


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (lambda i, T: " ".join(f"{v:.9g}" for v in T.ravel()), "16 numbers"),
        (lambda i, T: " ".join(f"{v:.9g}" for v in T[:3].ravel()), "12 numbers"),
        (lambda i, T: f"{i:05d}.png " + ",".join(f"{v:.9g}" for v in T.ravel()), "name, commas"),
        (lambda i, T: _position_quaternion(T), "7 numbers"),
        (lambda i, T: f"{i:05d} " + _position_quaternion(T), "name and 7"),
        (lambda i, T: f"{i / 30:.5f} " + _position_quaternion(T), "stamp and 7"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_poses_in_every_spelling(
    lines: Callable[[int, np.ndarray], str], name: str, tmp_path: Path
) -> None:
    del name
    root = folders.plain_folder(tmp_path / "room")
    rows = [lines(i, folders.pose(i)) for i in range(folders.N)]
    (root / "poses.txt").write_text("\n".join(rows) + "\n")
    _, poses = open_sequence(root).reference().trajectory()
    np.testing.assert_allclose(poses, [folders.pose(i) for i in range(folders.N)], atol=1e-6)


def _position_quaternion(T: np.ndarray) -> str:
    from mono_hydra.geometry import se3

    values = [*T[:3, 3], *se3.quat_xyzw_from_matrix(T[:3, :3])]
    return " ".join(f"{v:.9g}" for v in values)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("K.txt", "60 0 31.5\n0 60 23.5\n0 0 1\n"),
        ("intrinsics.txt", "60 60 31.5 23.5"),
        ("camera.yaml", "fx: 60\nfy: 60\ncx: 31.5\ncy: 23.5\nwidth: 64\nheight: 48\n"),
        ("camera.json", '{"K": [[60, 0, 31.5], [0, 60, 23.5], [0, 0, 1]]}'),
        ("calibration.yaml", "intrinsics: [60, 60, 31.5, 23.5]\nresolution: [64, 48]\n"),
        ("calibration.yaml", "fx: 120\nfy: 120\ncx: 63.5\ncy: 47.5\nresolution: [128, 96]\n"),
    ],
)
def test_calibration_in_every_spelling(file: str, text: str, tmp_path: Path) -> None:
    root = folders.plain_folder(tmp_path / "room")
    (root / "K.txt").unlink()
    (root / file).write_text(text)
    camera = open_sequence(root).info.camera
    np.testing.assert_allclose(camera.vector(), [60, 60, 31.5, 23.5])


def test_stamps_come_from_names_or_the_index(tmp_path: Path) -> None:
    from mono_hydra.sequences.folder import stamps_of

    np.testing.assert_allclose(stamps_of(["f3", "f6"], None)[0], [0.1, 0.2])
    np.testing.assert_allclose(stamps_of(["f3", "f6"], 10.0)[0], [0.3, 0.6])
    np.testing.assert_allclose(stamps_of(["b", "a"], 10.0)[0], [0.0, 0.1])
    seconds = stamps_of(["1305031102.175304", "1305031102.211214"], None)[0]
    assert seconds[1] - seconds[0] == pytest.approx(0.03591, abs=1e-6)
    nanoseconds = stamps_of(["1403715273262142976", "1403715273312143104"], None)[0]
    assert nanoseconds[1] - nanoseconds[0] == pytest.approx(0.05, abs=1e-5)
