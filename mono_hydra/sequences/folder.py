"""A plain folder: images, and depth, labels, intrinsics, poses where they are there.

    any_name/
      color/ | rgb/ | images/ | image/      00003.jpg ...; or the images in the folder itself,
                                            NAME.color.jpg beside NAME.depth.png and NAME.pose.txt
      depth/NAME.png                        16-bit, millimetres, in the colour view, any size
      labels/ | label/ NAME.png             8-bit ids of the label space named in calibration.yaml
      calibration.yaml | camera.yaml | K.txt | camera-intrinsics.txt | intrinsics.txt
      poses.txt | pose.txt | trajectory.txt | groundtruth.txt      T_world_camera, see poses.py
      pose/NAME.txt | poses/NAME.txt        or one file a frame
      gravity-direction.txt                 optional, direction of gravity in the world

Stamps: a number of seconds or nanoseconds since 1970 in the name is the stamp; else the number in
the name (else the index) divided by the frame rate.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.geometry.camera import camera_from_fov
from mono_hydra.sequences.calibration import Calibration, read_calibration
from mono_hydra.sequences.files_source import FileFrame, FileSource
from mono_hydra.sequences.images import IMAGE_SUFFIXES, image_size
from mono_hydra.sequences.poses import read_pose, read_pose_list
from mono_hydra.sequences.recorded import RecordedSequence, Selection, rate_of
from mono_hydra.sequences.sevenscenes import read_gravity
from mono_hydra.types import F8, Camera, SequenceInfo

IMAGE_FOLDERS = ("color", "rgb", "images", "image", "colour")
DEPTH_FOLDERS = ("depth", "depths")
LABEL_FOLDERS = ("labels", "label")
POSE_FOLDERS = ("pose", "poses")
CALIBRATION_FILES = (
    "calibration.yaml",
    "calibration.json",
    "camera.yaml",
    "camera.json",
    "K.txt",
    "camera-intrinsics.txt",
    "intrinsics.txt",
)
POSE_LISTS = ("poses.txt", "pose.txt", "trajectory.txt", "groundtruth.txt")
_PARTS = re.compile(r"[._-](color|colour|rgb|image|depth|labels?|pose)$")
_OTHERS = re.compile(r"[._-](depth|labels?|normals?|instances?|mask)$")


def recognises(path: Path) -> bool:
    """Whether a folder holds images where this reader looks."""
    return bool(_images(path))


def open_folder(
    path: Path,
    *,
    calibration: Path | None = None,
    fov_deg: float | None = None,
    fps: float | None = None,
    selection: Selection | None = None,
) -> RecordedSequence:
    """Open a folder of images.

    Args:
        path: the folder.
        calibration: overrides the file found in the folder.
        fov_deg: horizontal field of view, used where there is no calibration.
        fps: frames a second of numbered names, 30 if not given.
        selection: which frames to give.

    Raises:
        DatasetError: no images, no calibration and no field of view, poses that fit no image.
    """
    images = _images(path)
    if not images:
        raise DatasetError(f"{path}: no images found; put them in {path.name}/color/")
    found = _calibration(path, calibration)
    camera = _camera(path, images, found, fov_deg)
    names = [_key(image) for image in images]
    stamps_s, notes = stamps_of(names, fps)
    poses = _poses(path, names, stamps_s)
    depth = _companions(path, DEPTH_FOLDERS, "depth")
    labels = _companions(path, LABEL_FOLDERS, "label")
    frames = [
        FileFrame(
            stamp_s=float(stamp_s),
            image=image,
            depth=depth.get(name),
            labels=labels.get(name),
            T_world_camera=pose,
        )
        for name, image, stamp_s, pose in zip(names, images, stamps_s, poses, strict=True)
    ]
    units = found.depth_units_per_metre if found else None
    source = FileSource(frames, camera, units_per_metre=units or 1000.0)
    info = SequenceInfo(
        name=path.resolve().name,
        kind="folder",
        has_stamps=not notes,
        camera=camera,
        n_frames=None,
        rate_hz=rate_of(source.stamps_s, fps or 30.0),
        has_depth=any(frame.depth is not None for frame in frames),
        has_labels=any(frame.labels is not None for frame in frames),
        up_world=read_gravity(path),
    )
    return RecordedSequence(info, source, selection=selection, notes=notes)


def stamps_of(names: list[str], fps: float | None) -> tuple[F8, tuple[str, ...]]:
    """Stamps of frames from the numbers in their names, and what was assumed."""
    numbers = [number_in(name) for name in names]
    values = np.array([np.nan if n is None else n for n in numbers])
    rate_hz = fps or 30.0
    if not np.isfinite(values).all() or (np.diff(values) <= 0.0).any():
        note = f"image names hold no rising numbers: stamps are index / {rate_hz:g} s"
        return np.arange(len(names)) / rate_hz, (note,)
    if values[0] >= 1e17:  # nanoseconds since 1970
        return values / 1e9, ()
    if values[0] >= 1e8 and any("." in name for name in names):  # seconds since 1970
        return values, ()
    return values / rate_hz, (f"stamps are the number in the image's name / {rate_hz:g} s",)


def number_in(name: str) -> float | None:
    """The last number in a name, None if it holds none."""
    found = re.findall(r"\d+(?:\.\d+)?", name)
    return float(found[-1]) if found else None


def _images(path: Path) -> list[Path]:
    for name in IMAGE_FOLDERS:
        images = _pictures(path / name)
        if images:
            return images
    return [image for image in _pictures(path) if not _OTHERS.search(image.stem)]


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    pictures = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
    return sorted(pictures, key=lambda p: (number_in(_key(p)) or 0.0, p.name))


def _key(path: Path) -> str:
    """What the files of one frame have in common: the name without ending and part."""
    return _PARTS.sub("", path.stem)


def _companions(path: Path, folders: tuple[str, ...], part: str) -> dict[str, Path]:
    for name in folders:
        pictures = _pictures(path / name)
        if pictures:
            return {_key(picture): picture for picture in pictures}
    pattern = re.compile(rf"[._-]{part}s?$")
    return {_key(p): p for p in _pictures(path) if pattern.search(p.stem)}


def _calibration(path: Path, given: Path | None) -> Calibration | None:
    if given is not None:
        return read_calibration(given)
    for name in CALIBRATION_FILES:
        if (path / name).is_file():
            return read_calibration(path / name)
    return None


def _camera(
    path: Path, images: list[Path], found: Calibration | None, fov_deg: float | None
) -> Camera:
    size = next((s for s in map(image_size, images) if s is not None), None)
    if size is None:
        raise DatasetError(f"{path}: none of its {len(images)} images can be read; check the files")
    if found is not None:
        return found.camera(*size)
    if fov_deg is None:
        raise DatasetError(
            f"{path}: no calibration file; add K.txt (3x3), or give --fov DEG (horizontal)"
        )
    if not 10.0 <= fov_deg <= 170.0:
        raise DatasetError(f"--fov {fov_deg:g}: give a horizontal field of view of 10 to 170")
    return camera_from_fov(*size, fov_deg)


def _poses(path: Path, names: list[str], stamps_s: F8) -> list[F8 | None]:
    for name in POSE_LISTS:
        if (path / name).is_file():
            return read_pose_list(path / name, names, stamps_s)
    for name in POSE_FOLDERS:
        if (path / name).is_dir():
            return [read_pose(path / name / f"{key}.txt") for key in names]
    return [read_pose(path / f"{key}.pose.txt") for key in names]
