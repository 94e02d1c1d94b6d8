"""Bad input is one line that says what to do, or a frame that is skipped and counted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.errors import DatasetError
from mono_hydra.sequences.cards import MissingSequenceError, known_sequences, load_cards
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.tracking.given import GivenTracker

from . import folders


def _refused(path: Path, message: str, **options: object) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        list(open_sequence(path, **options).frames())  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def _no_calibration(root: Path) -> None:
    (root / "K.txt").unlink()


def _broken_calibration(root: Path) -> None:
    (root / "K.txt").write_text("60 0 nonsense")


def _short_calibration(root: Path) -> None:
    (root / "K.txt").write_text("60 0 31")


def _negative_focal(root: Path) -> None:
    (root / "K.txt").write_text("-60 60 31 23")


def _too_few_poses(root: Path) -> None:
    (root / "poses.txt").write_text("0 0 0 0 0 0 1\n")


def _foreign_poses(root: Path) -> None:
    (root / "poses.txt").write_text("99.5 0 0 0 0 0 0 1\n" * 5)


def _empty_poses(root: Path) -> None:
    (root / "poses.txt").write_text("# nothing\n")


def _all_images_cut_off(root: Path) -> None:
    for image in (root / "color").iterdir():
        image.write_bytes(image.read_bytes()[:200])


def _gravity(root: Path) -> None:
    (root / "gravity-direction.txt").write_text("0 nan 1")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_no_calibration, "no calibration file; add K.txt .* or give --fov"),
        (_broken_calibration, "not a list of numbers"),
        (_short_calibration, "3 numbers; a calibration has 4, 6, 9 or 16"),
        (_negative_focal, "focal lengths must be positive"),
        (_too_few_poses, "1 poses for 5 images; begin each line with"),
        (_foreign_poses, "neither an image name nor a stamp"),
        (_empty_poses, "holds no poses"),
        (_all_images_cut_off, "none of its 5 images can be read"),
        (_gravity, "must hold three numbers"),
    ],
)
def test_folder_that_cannot_be_used(
    harm: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    root = folders.plain_folder(tmp_path / "room")
    harm(root)
    _refused(root, message)


def test_nothing_there_and_nothing_known(tmp_path: Path) -> None:
    _refused(tmp_path / "nowhere", "no such path and no known sequence; see --list")
    (tmp_path / "empty").mkdir()
    _refused(tmp_path / "empty", "holds no images")
    (tmp_path / "text.txt").write_text("x")
    _refused(tmp_path / "text.txt", "not a .sens and not a video file")
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    _refused(tmp_path / "broken.mp4", "not a video that can be read", fov_deg=60.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "--every 0"),
        ({"max_frames": 0}, "--max-frames 0"),
        ({"up": "w"}, "--up w: give x, y, z"),
        ({"calibration": Path("missing.yaml")}, "missing.yaml: cannot be read"),
    ],
)
def test_impossible_options(options: dict[str, object], message: str, tmp_path: Path) -> None:
    _refused(folders.plain_folder(tmp_path / "room"), message, **options)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_cut_off_pictures_are_skipped_and_counted(suffix: str, tmp_path: Path) -> None:
    root = folders.plain_folder(tmp_path / "room")
    for image in (root / "color").iterdir():
        image.unlink()
    for i in range(folders.N):
        folders.write_picture(root / "color" / f"{i:05d}{suffix}", folders.picture(i))
    broken = root / "color" / f"00002{suffix}"
    broken.write_bytes(broken.read_bytes()[:-40])
    (root / "color" / f"00003{suffix}").write_bytes(b"")
    folders.write_picture(root / "color" / f"00004{suffix}", folders.picture(4, (32, 24)))
    sequence = open_sequence(root)
    assert [frame.index for frame in sequence.frames()] == [0, 1]
    assert sequence.skipped == {"unreadable image": 2, "image of another size": 1}


def test_broken_depth_is_none_and_counted_once(tmp_path: Path) -> None:
    root = folders.plain_folder(tmp_path / "room")
    (root / "depth" / "00001.png").write_bytes(b"no picture")
    (root / "depth" / "00002.png").unlink()
    sequence = open_sequence(root)
    reference = sequence.reference()
    frames = list(sequence.frames())
    assert [reference.depth(f) is None for f in frames] == [False, True, True, False, False]
    assert reference.depth(frames[1]) is None
    assert sequence.skipped == {"no readable depth": 2}


@pytest.mark.parametrize(
    "broken",
    [
        np.full((4, 4), np.nan),
        np.full((4, 4), -np.inf),
        np.zeros((4, 4)),
        np.diag([2.0, 2.0, 2.0, 1.0]),
        np.diag([1.0, 1.0, -1.0, 1.0]),
    ],
    ids=["nan", "inf", "zero", "scaled", "mirrored"],
)
def test_poses_that_are_no_motion_lose_their_frame(broken: np.ndarray, tmp_path: Path) -> None:
    root = folders.plain_folder(tmp_path / "room")
    poses = [folders.pose(i) for i in range(folders.N)]
    poses[3] = broken
    rows = [f"{i:05d} " + " ".join(str(v) for v in T.ravel()) for i, T in enumerate(poses)]
    (root / "poses.txt").write_text("\n".join(rows))
    sequence = open_sequence(root)
    tracker = GivenTracker(sequence.reference(), np.eye(3))
    tracked = [tracker.step(frame) for frame in sequence.frames()]
    assert [pose is None for pose in tracked] == [False, False, False, True, False]
    assert tracker.counts == {"tracking": 4, "lost": 1}


def test_recording_without_poses_or_depth_says_so_when_asked(tmp_path: Path) -> None:
    root = folders.plain_folder(tmp_path / "room")
    (root / "poses.txt").unlink()
    for depth in (root / "depth").iterdir():
        depth.unlink()
    sequence = open_sequence(root)
    assert not sequence.info.has_poses
    assert not sequence.info.has_depth
    with pytest.raises(DatasetError, match="holds no usable poses"):
        sequence.reference().trajectory()
    with pytest.raises(DatasetError, match="holds no depth"):
        sequence.reference().depth(next(iter(sequence.frames())))


def test_several_seven_scenes_sequences_ask_for_one(tmp_path: Path) -> None:
    root = folders.seven_scenes(tmp_path / "office", 1)
    (root / "seq-02").mkdir()
    (root / "seq-01" / "frame-000000.color.png").rename(root / "seq-02" / "frame-000000.color.png")
    folders.seven_scenes(root, 1)
    _refused(root, "several sequences; give one of seq-01, seq-02")


def test_tum_with_depth_never_beside_a_picture_is_refused(tmp_path: Path) -> None:
    _refused(folders.tum(tmp_path / "room", depth_late_s=0.5), "no depth within 20 ms")


def test_euroc_without_images_or_camera(tmp_path: Path) -> None:
    root = folders.euroc(tmp_path / "V9")
    (root / "mav0" / "cam0" / "sensor.yaml").unlink()
    _refused(root, "no cam0/sensor.yaml")
    (root / "mav0" / "cam0" / "data.csv").unlink()
    for image in (root / "mav0" / "cam0" / "data").iterdir():
        image.unlink()
    _refused(root, "no images")


def test_known_name_without_data_tells_licence_source_and_place(tmp_path: Path) -> None:
    with pytest.raises(MissingSequenceError, match="scannet0000: not found at") as caught:
        open_sequence("scannet0000", data_root=tmp_path)
    assert "\n" not in str(caught.value)
    for part in ("Terms of Use", "scan-net.org", "scene0000_00.sens", str(tmp_path)):
        assert part in caught.value.notice


@pytest.mark.parametrize("name", ["scannet0000", "scene0000_00"])
@pytest.mark.parametrize("exported", [False, True])
def test_known_name_with_data_is_opened(name: str, exported: bool, tmp_path: Path) -> None:
    scene = tmp_path / "scannet" / "scans" / "scene0000_00"
    if exported:
        folders.scannet_export(scene)
    else:
        folders.sens(scene / "scene0000_00.sens")
    sequence = open_sequence(name, data_root=tmp_path)
    assert sequence.info.kind == "scannet"
    assert len(list(sequence.frames())) == folders.N
    present = [known.name for known in known_sequences(tmp_path) if known.path is not None]
    assert present == ["scannet0000", "scene0000_00"]


def test_every_card_is_complete_and_names_are_unique() -> None:
    cards = load_cards()
    assert {card.name for card in cards} >= {"scannet", "sevenscenes", "tum", "euroc"}
    names = [entry.name for card in cards for entry in card.sequences]
    assert len(set(names)) == len(names)
    for card in cards:
        assert card.licence
        assert card.how_to_get
        assert card.tree
