"""ScanNet's `.sens` container, versions 3 and 4: read frame by frame, and written (small files).

Little endian: u32 version; u64 length, sensor name; 4 x 16 f32: colour intrinsics, colour
extrinsics, depth intrinsics, depth extrinsics; i32 colour code, i32 depth code; u32 colour width,
height, depth width, height; f32 depth units per metre; u64 frames; per frame 16 f32
camera-to-world, u64 colour and depth stamps (microseconds), u64 colour and depth sizes, their
bytes; then, in version 4, u64 IMU frames, each 5 x 3 f64 (rotation rate, acceleration, magnetic
field, attitude, gravity) and a u64 stamp (microseconds).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from mono_hydra.errors import DatasetError
from mono_hydra.sequences.images import read_rgb
from mono_hydra.types import F8, U1

COLOR_RAW, COLOR_PNG, COLOR_JPEG = 0, 1, 2
DEPTH_RAW, DEPTH_ZLIB, DEPTH_VENDOR = 0, 1, 2
VERSIONS = (3, 4)
MAX_SIDE_PX = 20_000
IMU_ROW = np.dtype([("values", "<f8", (5, 3)), ("stamp_us", "<u8")])

_FRAME = struct.Struct("<16f4Q")


@dataclass(frozen=True, eq=False)
class SensHeader:
    """What stands before the first frame."""

    color_size: tuple[int, int]  # width, height
    depth_size: tuple[int, int]
    K_color: F8 = field(default_factory=lambda: np.eye(4))  # (4, 4)
    K_depth: F8 = field(default_factory=lambda: np.eye(4))
    T_device_color: F8 = field(default_factory=lambda: np.eye(4))  # extrinsics
    T_device_depth: F8 = field(default_factory=lambda: np.eye(4))
    color_code: int = COLOR_JPEG
    depth_code: int = DEPTH_ZLIB
    depth_units_per_metre: float = 1000.0
    version: int = 4
    sensor: str = "StructureSensor"


@dataclass(frozen=True, eq=False)
class SensFrame:
    """Head of one frame and where its bytes lie."""

    T_world_camera: F8  # (4, 4), not finite where the pose is unknown
    color_stamp_us: int
    depth_stamp_us: int
    color_bytes: int
    depth_bytes: int
    offset: int  # of the colour bytes; depth follows


class SensFile:
    """Index of a `.sens` file; pictures are read from disk when asked for.

    A file that ends early keeps its whole frames, and `is_truncated` says so.
    """

    def __init__(self, path: Path) -> None:
        """Read the header and the heads of all frames.

        Raises:
            DatasetError: not a `.sens` file, an unknown version or a code that cannot be read.
        """
        self.path = path
        self.frames: list[SensFrame] = []
        self.imu = np.empty(0, IMU_ROW)
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(0)
                self.header, self.n_declared = _read_header(path, file)
                self._index(file, size)
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read ({error.strerror}); check it") from error
        except struct.error as error:
            raise DatasetError(f"{path}: ends inside its header; fetch the file again") from error
        self.is_truncated = len(self.frames) < self.n_declared

    def rgb(self, index: int) -> U1 | None:
        """(H, W, 3) picture of a frame, None if it cannot be decoded."""
        frame = self.frames[index]
        data = self._bytes(frame.offset, frame.color_bytes)
        if self.header.color_code != COLOR_RAW:
            return read_rgb(data)
        width, height = self.header.color_size
        if len(data) != width * height * 3:
            return None
        return np.frombuffer(data, np.uint8).reshape(height, width, 3).copy()

    def depth_raw(self, index: int) -> NDArray[np.uint16] | None:
        """(H, W) sensor units of a frame, None if it cannot be decoded."""
        frame = self.frames[index]
        data = self._bytes(frame.offset + frame.color_bytes, frame.depth_bytes)
        width, height = self.header.depth_size
        if self.header.depth_code == DEPTH_ZLIB:
            try:
                data = zlib.decompress(data)
            except zlib.error:
                return None
        if len(data) != width * height * 2:
            return None
        return np.frombuffer(data, "<u2").reshape(height, width)

    def _bytes(self, offset: int, size: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def _index(self, file: BinaryIO, size: int) -> None:
        for _ in range(self.n_declared):
            head = file.read(_FRAME.size)
            if len(head) < _FRAME.size:
                return
            *pose, color_us, depth_us, color_bytes, depth_bytes = _FRAME.unpack(head)
            offset = file.tell()
            end = offset + color_bytes + depth_bytes
            if end > size:
                return
            T = np.array(pose).reshape(4, 4)
            self.frames.append(SensFrame(T, color_us, depth_us, color_bytes, depth_bytes, offset))
            file.seek(end)
        count = file.read(8)
        if self.header.version >= 4 and len(count) == 8:
            n_bytes = min(struct.unpack("<Q", count)[0] * IMU_ROW.itemsize, size - file.tell())
            n_bytes -= n_bytes % IMU_ROW.itemsize
            self.imu = np.frombuffer(file.read(n_bytes), IMU_ROW)


def _read_header(path: Path, file: BinaryIO) -> tuple[SensHeader, int]:
    def take(form: str) -> tuple[int, ...]:
        return struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))

    (version,) = take("I")
    if version not in VERSIONS:
        raise DatasetError(f"{path}: version {version} is not 3 or 4; is this a .sens file?")
    (length,) = take("Q")
    if length > 4096:
        raise DatasetError(f"{path}: sensor name of {length} bytes; is this a .sens file?")
    sensor = file.read(length).decode("utf-8", "replace")
    matrices = np.array(take("64f"), dtype=np.float64).reshape(4, 4, 4)
    color_code, depth_code = take("2i")
    color_w, color_h, depth_w, depth_h = take("4I")
    (units,) = take("f")
    (n_frames,) = take("Q")
    _check(path, color_code, depth_code, (color_w, color_h, depth_w, depth_h), float(units))
    header = SensHeader(
        color_size=(color_w, color_h),
        depth_size=(depth_w, depth_h),
        K_color=matrices[0],
        T_device_color=matrices[1],
        K_depth=matrices[2],
        T_device_depth=matrices[3],
        color_code=color_code,
        depth_code=depth_code,
        depth_units_per_metre=float(units),
        version=version,
        sensor=sensor,
    )
    return header, n_frames


def _check(
    path: Path, color_code: int, depth_code: int, sides: tuple[int, ...], units: float
) -> None:
    if depth_code == DEPTH_VENDOR:
        raise DatasetError(
            f"{path}: depth is packed in the sensor vendor's own format; export it with ScanNet's "
            "SensReader (python reader.py --filename FILE.sens --output_path DIR "
            "--export_depth_images --export_color_images --export_poses --export_intrinsics) "
            "and give DIR"
        )
    if color_code not in (COLOR_RAW, COLOR_PNG, COLOR_JPEG) or depth_code not in (
        DEPTH_RAW,
        DEPTH_ZLIB,
    ):
        raise DatasetError(
            f"{path}: unknown picture codes {color_code}, {depth_code}; is this a .sens file?"
        )
    if not all(0 < side <= MAX_SIDE_PX for side in sides) or not units > 0.0:
        raise DatasetError(f"{path}: impossible image sizes or depth unit; fetch the file again")


def write_sens(
    path: Path,
    header: SensHeader,
    frames: list[tuple[F8, int, int, bytes, bytes]],
    imu: NDArray[np.void] | None = None,
) -> None:
    """Write a `.sens` file.

    Args:
        path: the file.
        header: sizes, codes and matrices; `version` 3 writes no IMU tail.
        frames: T_world_camera (4, 4), stamps of colour and depth in microseconds, their bytes.
        imu: rows of `IMU_ROW`; None writes version 4's count of zero.
    """
    name = header.sensor.encode()
    matrices = (header.K_color, header.T_device_color, header.K_depth, header.T_device_depth)
    with path.open("wb") as file:
        file.write(struct.pack("<IQ", header.version, len(name)) + name)
        file.write(np.stack(matrices).astype("<f4").tobytes())
        file.write(struct.pack("<2i", header.color_code, header.depth_code))
        file.write(struct.pack("<4I", *header.color_size, *header.depth_size))
        file.write(struct.pack("<fQ", header.depth_units_per_metre, len(frames)))
        for T, color_us, depth_us, color, depth in frames:
            file.write(np.asarray(T).astype("<f4").tobytes())
            file.write(struct.pack("<4Q", color_us, depth_us, len(color), len(depth)))
            file.write(color + depth)
        if header.version >= 4:
            rows = np.empty(0, IMU_ROW) if imu is None else imu
            file.write(struct.pack("<Q", len(rows)) + rows.tobytes())
