"""7-Scenes (Microsoft Research): hand-held Kinect, poses by KinectFusion.

    redkitchen/                      give the scene (if it holds one sequence) or the sequence
      camera-intrinsics.txt          optional, 3x3 of the depth camera
      gravity-direction.txt          optional, unit vector of gravity in the world
      seq-01/
        frame-000000.color.png|jpg   8-bit RGB, 640 x 480, focal length 525 px
        frame-000000.depth.png       16-bit millimetres, focal length 585 px; 0 and 65535: none
        frame-000000.pose.txt        4x4 T_world_camera of the depth camera

The depth picture is not registered to colour: the colour camera sits 25.5 mm to the right (+x).
Frames here are the colour camera's; depth is warped into it, poses are moved to it. No stamps:
30 frames a second by the number in the name.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.geometry import se3
from mono_hydra.sequences.calibration import read_calibration
from mono_hydra.sequences.files_source import FileFrame, FileSource
from mono_hydra.sequences.images import image_size
from mono_hydra.sequences.poses import read_pose
from mono_hydra.sequences.recorded import RecordedSequence, Selection, rate_of
from mono_hydra.sequences.register import register_depth
from mono_hydra.types import F8, Camera, SequenceInfo

SIZE = (640, 480)
COLOR_CAMERA = Camera(*SIZE, 525.0, 525.0, 320.0, 240.0)
DEPTH_CAMERA = Camera(*SIZE, 585.0, 585.0, 320.0, 240.0)
T_DEPTH_COLOR = se3.from_rt(np.eye(3), np.array([0.0255, 0.0, 0.0]))
RATE_HZ = 30.0

_FRAME = re.compile(r"frame-(\d{6})\.color\.(png|jpg|jpeg)$")


def recognises(path: Path) -> bool:
    """Whether a folder is a 7-Scenes scene or sequence."""
    return bool(sequence_folders(path))


def sequence_folders(path: Path) -> list[Path]:
    """The sequence folders at or directly below `path`."""
    folders = [path, *sorted(child for child in path.glob("seq-*") if child.is_dir())]
    return [
        f
        for f in folders
        if re.match(r"seq-\d+$", f.resolve().name) and any(f.glob("frame-*.color.*"))
    ]


def open_sevenscenes(path: Path, *, selection: Selection | None = None) -> RecordedSequence:
    """Open a scene with one sequence, or a sequence.

    Raises:
        DatasetError: no sequence, several of them, or no frames of the set's size.
    """
    folders = sequence_folders(path)
    if not folders:
        raise DatasetError(f"{path}: no seq-XX/frame-000000.color.png; give a 7-Scenes sequence")
    if len(folders) > 1:
        names = ", ".join(folder.name for folder in folders)
        raise DatasetError(f"{path}: holds several sequences; give one of {names}")
    folder = folders[0]
    frames = _frames(folder)
    _check_size(folder, frames)
    source = FileSource(
        frames,
        COLOR_CAMERA,
        depth_camera=COLOR_CAMERA,
        register=partial(
            register_depth,
            depth_camera=_depth_camera(folder),
            T_color_depth=se3.inverse(T_DEPTH_COLOR),
            color_camera=COLOR_CAMERA,
        ),
    )
    info = SequenceInfo(
        name=f"{folder.resolve().parent.name}/{folder.resolve().name}",
        kind="sevenscenes",
        has_stamps=False,
        camera=COLOR_CAMERA,
        n_frames=None,
        rate_hz=rate_of(source.stamps_s, RATE_HZ),
        has_depth=any(frame.depth is not None for frame in frames),
        up_world=read_gravity(folder) or read_gravity(folder.resolve().parent),
    )
    return RecordedSequence(info, source, selection=selection)


def read_gravity(folder: Path) -> tuple[float, float, float] | None:
    """Unit vector against the gravity stated beside a recording, None where nothing is stated."""
    path = folder / "gravity-direction.txt"
    if not path.is_file():
        return None
    try:
        down = np.array([float(word) for word in path.read_text(encoding="utf-8").split()])
    except (ValueError, UnicodeDecodeError):
        down = np.zeros(0)
    if down.shape != (3,) or not np.isfinite(down).all() or not 0.5 < np.linalg.norm(down) < 20.0:
        raise DatasetError(f"{path}: must hold three numbers, the direction of gravity; mend it")
    up = -down / np.linalg.norm(down)
    return float(up[0]), float(up[1]), float(up[2])


def _frames(folder: Path) -> list[FileFrame]:
    frames = []
    for image in sorted(folder.glob("frame-*.color.*")):
        match = _FRAME.match(image.name)
        if match is None:
            continue
        stem = f"frame-{match[1]}"
        depth = folder / f"{stem}.depth.png"
        pose: F8 | None = read_pose(folder / f"{stem}.pose.txt")
        frames.append(
            FileFrame(
                stamp_s=int(match[1]) / RATE_HZ,
                image=image,
                depth=depth if depth.is_file() else None,
                T_world_camera=None
                if pose is None or pose.shape != (4, 4)
                else pose @ T_DEPTH_COLOR,
            )
        )
    return frames


def _depth_camera(folder: Path) -> Camera:
    for place in (folder, folder.resolve().parent):
        path = place / "camera-intrinsics.txt"
        if path.is_file():
            return read_calibration(path).camera(*SIZE)
    return DEPTH_CAMERA


def _check_size(folder: Path, frames: list[FileFrame]) -> None:
    sizes = (image_size(frame.image) for frame in frames)
    size = next((s for s in sizes if s is not None), None)
    if size is not None and size != SIZE:
        raise DatasetError(f"{folder}: images of {size[0]}x{size[1]}; 7-Scenes has 640x480")
