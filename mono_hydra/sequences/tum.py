"""TUM RGB-D: hand-held Kinect with motion capture.

    rgbd_dataset_freiburg1_desk/
      rgb.txt             stamp file            "1305031102.175304 rgb/1305031102.175304.png"
      depth.txt           stamp file            16-bit, 5000 units a metre, in the colour view
      groundtruth.txt     stamp tx ty tz qx qy qz qw       T_world_camera
      calibration.yaml    optional; else the set's own numbers by the robot in the folder's name

Depth belongs to a picture if taken within 20 ms of it; poses are interpolated. World z is up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.sequences.calibration import read_calibration
from mono_hydra.sequences.files_source import FileFrame, FileSource
from mono_hydra.sequences.images import image_size
from mono_hydra.sequences.poses import interpolate_poses, match_stamps, pose_from_quaternion
from mono_hydra.sequences.recorded import (
    MAX_DEPTH_DELAY_S,
    RecordedSequence,
    Selection,
    rate_of,
    stack_poses,
)
from mono_hydra.types import F8, Camera, SequenceInfo

UNITS_PER_METRE = 5000.0
RATE_HZ = 30.0
# published calibrations of the three robots, and the nominal one for all else
CAMERAS = {
    "freiburg1": Camera(
        640, 480, 517.306408, 516.469215, 318.643040, 255.313989, "radtan",
        (0.262383, -0.953104, -0.005358, 0.002628, 1.163314),
    ),
    "freiburg2": Camera(
        640, 480, 520.908620, 521.007327, 325.141442, 249.701764, "radtan",
        (0.231222, -0.784899, -0.003257, -0.000105, 0.917205),
    ),
    "freiburg3": Camera(640, 480, 535.4, 539.2, 320.1, 247.6),
}  # fmt: skip
NOMINAL = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)


def open_tum(
    path: Path, *, calibration: Path | None = None, selection: Selection | None = None
) -> RecordedSequence:
    """Open a TUM RGB-D sequence.

    Raises:
        DatasetError: no rgb.txt, no images, or depth that was never taken beside a picture.
    """
    stamps_s, images = _read_list(path, "rgb.txt")
    depth_stamps_s, depths = _read_list(path, "depth.txt")
    nearest = match_stamps(stamps_s, depth_stamps_s, MAX_DEPTH_DELAY_S)
    if depths and all(i is None for i in nearest):
        raise DatasetError(
            f"{path}: no depth within 20 ms of any picture; check the stamps of depth.txt"
        )
    poses = _poses(path, stamps_s)
    camera, notes = _camera(path, images, calibration)
    frames = [
        FileFrame(
            stamp_s=float(stamp_s),
            image=image,
            depth=None if i is None else depths[i],
            depth_stamp_s=None if i is None else float(depth_stamps_s[i]),
            T_world_camera=pose,
        )
        for stamp_s, image, i, pose in zip(stamps_s, images, nearest, poses, strict=True)
    ]
    source = FileSource(frames, camera, units_per_metre=UNITS_PER_METRE)
    info = SequenceInfo(
        name=path.resolve().name,
        kind="tum",
        camera=camera,
        n_frames=None,
        rate_hz=rate_of(source.stamps_s, RATE_HZ),
        has_depth=bool(depths),
        up_world=(0.0, 0.0, 1.0),
    )
    return RecordedSequence(info, source, selection=selection, notes=notes)


def _read_list(path: Path, name: str) -> tuple[F8, list[Path]]:
    """Stamps (sorted) and files of one list; empty where there is no such list."""
    rows = []
    for words in _rows(path / name):
        try:
            rows.append((float(words[0]), path / words[1]))
        except (ValueError, IndexError) as error:
            raise DatasetError(f"{path / name}: each line must be `stamp file`; mend it") from error
    rows.sort(key=lambda row: row[0])
    if name == "rgb.txt" and not rows:
        raise DatasetError(f"{path / name}: lists no images; check the folder")
    return np.array([stamp_s for stamp_s, _ in rows], dtype=np.float64), [file for _, file in rows]


def _rows(path: Path) -> list[list[str]]:
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as text; check the file") from error
    rows = [line.replace(",", " ").split() for line in lines]
    return [words for words in rows if words and not words[0].startswith("#")]


def _poses(path: Path, stamps_s: F8) -> list[F8 | None]:
    rows = []
    for words in _rows(path / "groundtruth.txt"):
        try:
            values = [float(word) for word in words[:8]]
        except ValueError:
            continue
        if len(values) == 8 and np.isfinite(values).all():
            rows.append(values)
    rows.sort(key=lambda row: row[0])
    T_world_camera = stack_poses([pose_from_quaternion(row[1:]) for row in rows])
    return interpolate_poses(np.array([row[0] for row in rows]), T_world_camera, stamps_s)


def _camera(
    path: Path, images: list[Path], calibration: Path | None
) -> tuple[Camera, tuple[str, ...]]:
    size = next((s for s in map(image_size, images) if s is not None), None)
    if size is None:
        raise DatasetError(f"{path}: none of its {len(images)} images can be read; check the files")
    file = calibration or path / "calibration.yaml"
    if calibration is not None or file.is_file():
        return read_calibration(file).camera(*size), ()
    name = path.resolve().name
    for robot, camera in CAMERAS.items():
        if robot in name:
            return camera.resized(*size) if size != (640, 480) else camera, ()
    note = "no calibration and no freiburg1-3 in the name: nominal Kinect intrinsics (525 px)"
    return NOMINAL.resized(*size) if size != (640, 480) else NOMINAL, (note,)
