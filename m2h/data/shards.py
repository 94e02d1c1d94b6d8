"""Rendered training views: a folder of `house_<seed>.npz`, any view read by one seek.

Each file holds the compressed images of one simulated home's views, one behind the other:

    version     ()          1
    intrinsics  (N, 4)      fx, fy, cx, cy in pixels
    starts      (N, 6)      streams of view n: stream[starts[n, k] : starts[n, k + 1]]
    stream      (bytes)     per view: JPEG, then PNGs of depth (16 bit, `DEPTH_STEP_M`), labels,
                            normals (127 n + 128 in R, G, B; 0 = unknown) and edges

`stream` is not compressed again, so its place in the file is known and a view costs one read.
"""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2h.data.pictures import decoded
from m2h.errors import DataError
from m2h.types import F8, U1, Intrinsics, Sample

VERSION = 1
DEPTH_STEP_M = 0.0005
LOCAL_HEADER = 30  # bytes of a zip entry's header before its name


@dataclass(frozen=True, eq=False)
class _Shard:
    path: Path
    stream_at: int  # offset of the first byte of `stream` in the file
    starts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]  # (N, 6)
    intrinsics: F8  # (N, 4)


class SimulatedViews:
    """All views of a folder of shards, in the order of their names."""

    def __init__(self, folder: Path | str, max_houses: int | None = None) -> None:
        """Index the files; images are read when asked for.

        Args:
            folder: of `house_<seed>.npz`.
            max_houses: take only the first so many files.

        Raises:
            DataError: no file, or one that is no shard.
        """
        paths = sorted(Path(folder).glob("house_*.npz"))[:max_houses]
        if not paths:
            raise DataError(f"{folder}: holds no house_*.npz; render training views into it first")
        self._shards = [_opened(path) for path in paths]
        counts = [len(s.starts) for s in self._shards]
        self._ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def n_houses(self) -> int:
        """How many homes the views are of."""
        return len(self._shards)

    def __getitem__(self, index: int) -> Sample:
        """One view with all its truth.

        Raises:
            DataError: the file was changed or is damaged. IndexError: no such view.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        k = int(np.searchsorted(self._ends, index, side="right"))
        shard = self._shards[k]
        view = index - int(self._ends[k]) + len(shard.starts)
        return _sample(shard, view)


def _opened(path: Path) -> _Shard:
    try:
        with np.load(path) as stored:
            version = int(stored["version"])
            starts, intrinsics = stored["starts"], stored["intrinsics"]
        stream_at = _data_offset(path, "stream.npy")
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is no file of training views; delete it and render again") from (
            error
        )
    if version != VERSION:
        raise DataError(f"{path}: has version {version}, {VERSION} is read; render it again")
    return _Shard(path, stream_at, starts, intrinsics)


def _data_offset(path: Path, member: str) -> int:
    """Where the values of an uncompressed array of an npz begin in the file."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(member)
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError("compressed")
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(LOCAL_HEADER)
        n_name, n_extra = struct.unpack("<HH", header[26:30])
        file.seek(n_name + n_extra, 1)
        version = np.lib.format.read_magic(file)
        reader = np.lib.format.read_array_header_1_0
        (reader if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
        return file.tell()


def _sample(shard: _Shard, view: int) -> Sample:
    begin = shard.starts[view]
    where = f"{shard.path}: view {view}"
    with shard.path.open("rb") as file:
        file.seek(shard.stream_at + int(begin[0]))
        data = np.frombuffer(file.read(int(begin[5] - begin[0])), np.uint8)
    streams: list[U1] = [data[a - begin[0] : b - begin[0]] for a, b in zip(begin, begin[1:])]  # noqa: B905, RUF007 - one shorter
    image, depth, labels, normals, edges = (decoded(s, where) for s in streams)
    known = normals.any(axis=-1, keepdims=True)
    unit = (normals.astype(np.float32) - 128.0) * known
    unit /= np.maximum(np.linalg.norm(unit, axis=-1, keepdims=True), 1e-6)
    fx, fy, cx, cy = (float(x) for x in shard.intrinsics[view])
    return Sample(
        source="simulated",
        name=f"{shard.path.stem}/{view:03d}",
        image=image,
        intrinsics=Intrinsics(fx, fy, cx, cy),
        depth_m=depth.astype(np.float32) * np.float32(DEPTH_STEP_M),
        labels=labels,
        normals=unit,
        edges=(edges > 0).astype(np.uint8),
    )
