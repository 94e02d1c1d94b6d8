"""ScanNet: a tablet with a depth sensor; poses by BundleFusion, labels by people.

    scene0000_00/
      scene0000_00.sens                      give the file or its folder; read frame by frame
      label-filt/0.png ...                   optional, 16-bit raw label ids at colour size
      scannetv2-labels.combined.tsv          optional, here or up to three folders above

or as exported by ScanNet's reader:

    scene0000_00/
      color/0.jpg ...   depth/0.png ...      depth 16-bit millimetres, its own size and intrinsics
      pose/0.txt ...                         4x4 T_world_camera, -inf where lost
      intrinsic/intrinsic_color.txt, intrinsic_depth.txt, extrinsic_color.txt, extrinsic_depth.txt
      label-filt/0.png ...

Depth lies in the colour view up to its own intrinsics. Poses belong to the depth camera; colour and
depth extrinsics other than the identity are taken as T_device_camera and registered.
"""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.geometry import se3
from mono_hydra.sequences.calibration import read_calibration
from mono_hydra.sequences.files_source import FileFrame, FileSource
from mono_hydra.sequences.images import depth_from_raw, image_size, read_ids
from mono_hydra.sequences.imu_units import to_si
from mono_hydra.sequences.poses import read_pose
from mono_hydra.sequences.recorded import RecordedSequence, Selection, rate_of, stack_poses
from mono_hydra.sequences.register import register_depth
from mono_hydra.sequences.sens_file import SensFile, SensHeader
from mono_hydra.types import F8, U1, Camera, DepthImage, ImuSamples, SequenceInfo

RATE_HZ = 30.0
LABEL_MAP = "scannetv2-labels.combined.tsv"
LABEL_FOLDER = "label-filt"


def open_sens(path: Path, *, selection: Selection | None = None) -> RecordedSequence:
    """Open a `.sens` file, or the folder that holds one.

    Raises:
        DatasetError: not one `.sens` file, unreadable, or without a whole frame.
    """
    if path.is_dir():
        files = sorted(path.glob("*.sens"))
        if len(files) != 1:
            raise DatasetError(f"{path}: holds {len(files)} .sens files; give one of them")
        path = files[0]
    file = SensFile(path)
    if not file.frames:
        raise DatasetError(f"{path}: holds no whole frame; fetch the file again")
    labels, notes = _labels_beside(path.parent)
    source = SensSource(file, labels)
    notes += (f"ends early: {len(file.frames)} of {file.n_declared} frames",) * file.is_truncated
    imu, imu_note = _imu(file)
    info = SequenceInfo(
        name=path.stem,
        kind="scannet",
        has_stamps=source.has_stamps,
        camera=source.color_camera,
        n_frames=None,
        rate_hz=rate_of(source.stamps_s, RATE_HZ),
        has_depth=True,
        has_labels=bool(labels),
    )
    return RecordedSequence(info, source, selection=selection, imu=imu, notes=(*notes, *imu_note))


class SensSource:
    """Frames of a `.sens` file; labels from the pictures beside it."""

    def __init__(self, file: SensFile, labels: LabelFiles | None) -> None:
        header = file.header
        self._file = file
        self._labels = labels
        self.color_camera = _camera(header.K_color, header.color_size)
        self._depth_camera = _camera(header.K_depth, header.depth_size)
        T_color_depth = _between(header)
        self._T_color_depth = T_color_depth
        T_depth_color = np.eye(4) if T_color_depth is None else se3.inverse(T_color_depth)
        color_s = np.array([f.color_stamp_us for f in file.frames]) / 1e6
        depth_s = np.array([f.depth_stamp_us for f in file.frames]) / 1e6
        self.has_stamps = bool((np.diff(color_s) > 0.0).all())
        if not self.has_stamps:  # zero or repeated: the file states none
            color_s = np.arange(len(file.frames)) / RATE_HZ
            depth_s = color_s
        self.stamps_s = color_s
        self._depth_stamps_s = depth_s if depth_s.any() else color_s
        self.T_world_camera = stack_poses([f.T_world_camera for f in file.frames]) @ T_depth_color

    def rgb(self, index: int) -> U1 | None:
        """(H, W, 3) picture."""
        return self._file.rgb(index)

    def depth(self, index: int) -> DepthImage | None:
        """Depth in the colour view, with the depth camera's intrinsics."""
        raw = self._file.depth_raw(index)
        if raw is None:
            return None
        depth_m = depth_from_raw(raw, self._file.header.depth_units_per_metre)
        camera = self._depth_camera
        if self._T_color_depth is not None:
            target = self.color_camera.resized(camera.width, camera.height)
            depth_m = register_depth(depth_m, camera, self._T_color_depth, target)
            camera = target
        return DepthImage(depth_m, camera, float(self._depth_stamps_s[index]))

    def labels(self, index: int) -> U1 | None:
        """(H, W) NYU40 ids."""
        return None if self._labels is None else self._labels.read(index)


def open_exported(path: Path, *, selection: Selection | None = None) -> RecordedSequence:
    """Open a scene exported to folders.

    Raises:
        DatasetError: no images, no intrinsics, or none that can be read.
    """
    images = {int(p.stem): p for p in (path / "color").glob("*") if p.stem.isdecimal()}
    depths = {int(p.stem): p for p in (path / "depth").glob("*.png") if p.stem.isdecimal()}
    size = next((s for s in map(image_size, images.values()) if s is not None), None)
    if size is None:
        raise DatasetError(f"{path}: no readable image in color/; export the scene again")
    color_camera = read_calibration(path / "intrinsic" / "intrinsic_color.txt").camera(*size)
    depth_camera = _exported_depth_camera(path, depths)
    T_color_depth = _exported_extrinsics(path)
    T_depth_color = np.eye(4) if T_color_depth is None else se3.inverse(T_color_depth)
    labels, notes = _labels_beside(path)
    frames = []
    for number, image in sorted(images.items()):
        pose = read_pose(path / "pose" / f"{number}.txt")
        frames.append(
            FileFrame(
                stamp_s=number / RATE_HZ,
                image=image,
                depth=depths.get(number),
                labels=labels.path(number) if labels else None,
                T_world_camera=None if pose is None else pose @ T_depth_color,
            )
        )
    register = None
    if T_color_depth is not None and depth_camera is not None:
        target = color_camera.resized(depth_camera.width, depth_camera.height)
        register = partial(
            register_depth,
            depth_camera=depth_camera,
            T_color_depth=T_color_depth,
            color_camera=target,
        )
        depth_camera = target
    source = FileSource(
        frames,
        color_camera,
        depth_camera=depth_camera,
        label_table=labels.table if labels else None,
        register=register,
    )
    info = SequenceInfo(
        name=path.resolve().name,
        kind="scannet",
        has_stamps=False,
        camera=color_camera,
        n_frames=None,
        rate_hz=rate_of(source.stamps_s, RATE_HZ),
        has_depth=bool(depths),
        has_labels=bool(labels),
    )
    return RecordedSequence(info, source, selection=selection, notes=notes)


class LabelFiles:
    """Label pictures by frame number, and the table from raw ids to NYU40."""

    def __init__(self, folder: Path, table: U1) -> None:
        self._folder = folder
        self.table = table

    def path(self, number: int) -> Path:
        """Where the labels of a frame lie."""
        return self._folder / f"{number}.png"

    def read(self, number: int) -> U1 | None:
        """(H, W) NYU40 ids, None if the picture cannot be read."""
        raw = read_ids(self.path(number))
        return None if raw is None else np.asarray(self.table[raw])


def read_label_map(path: Path) -> U1:
    """(65536,) table raw ScanNet id -> NYU40 id, from `scannetv2-labels.combined.tsv`.

    Raises:
        DatasetError: if the file has no columns `id` and `nyu40id`.
    """
    table = np.zeros(65536, np.uint8)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                table[int(row["id"])] = int(row["nyu40id"] or 0)
    except (OSError, UnicodeDecodeError, KeyError, ValueError, IndexError, OverflowError) as error:
        raise DatasetError(f"{path}: needs the columns id and nyu40id; fetch it again") from error
    return table


def _labels_beside(folder: Path) -> tuple[LabelFiles | None, tuple[str, ...]]:
    if not (folder / LABEL_FOLDER).is_dir():
        return None, ()
    here = folder.resolve()
    for place in (here, *here.parents[:3]):
        if (place / LABEL_MAP).is_file():
            return LabelFiles(folder / LABEL_FOLDER, read_label_map(place / LABEL_MAP)), ()
    return None, (f"labels not used: put {LABEL_MAP} beside {LABEL_FOLDER}/",)


def _imu(file: SensFile) -> tuple[ImuSamples | None, tuple[str, ...]]:
    if len(file.imu) == 0:
        return None, ()
    values = np.asarray(file.imu["values"], dtype=np.float64)
    stamps_s = file.imu["stamp_us"].astype(np.float64) / 1e6
    imu, note = to_si(stamps_s, values[:, 0], values[:, 1], values[:, 4])
    return imu, (note,)


def _camera(K: F8, size: tuple[int, int]) -> Camera:
    return Camera(*size, float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))


def _between(header: SensHeader) -> F8 | None:
    """T_color_depth, None where both cameras are stated to coincide or the matrices are void."""
    color, depth = header.T_device_color, header.T_device_depth
    if not (se3.is_rigid(color) and se3.is_rigid(depth)):
        return None
    T = se3.inverse(color) @ depth
    return None if np.allclose(T, np.eye(4), atol=1e-5) else T


def _exported_depth_camera(path: Path, depths: dict[int, Path]) -> Camera | None:
    size = next((s for s in map(image_size, depths.values()) if s is not None), None)
    file = path / "intrinsic" / "intrinsic_depth.txt"
    return read_calibration(file).camera(*size) if size and file.is_file() else None


def _exported_extrinsics(path: Path) -> F8 | None:
    color = read_pose(path / "intrinsic" / "extrinsic_color.txt")
    depth = read_pose(path / "intrinsic" / "extrinsic_depth.txt")
    if color is None or depth is None:
        return None
    return _between(SensHeader((1, 1), (1, 1), T_device_color=color, T_device_depth=depth))
