"""Compiled networks on disk, so that a start needs neither PyTorch nor a conversion.

A file a graph: a line with a checksum of the rest, a line of JSON (configuration and size), the
graph. Files get their name when they are whole, so that processes may share a folder; a file that
is damaged all the same is made anew. A folder that cannot be written is only read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m2h.errors import PresetError
from m2h.presets import ModelConfig, config_from_dict

logger = logging.getLogger(__name__)

_FORMAT = 1
_SUFFIX, _UNFINISHED = ".graph", ".part"
_STALE_S = 3600.0  # an unfinished file of this age was left by a process that was killed


@dataclass(frozen=True)
class StoredGraph:
    """A network as an engine keeps it."""

    config: ModelConfig
    size: tuple[int, int]  # height, width of its input
    graph: bytes


class GraphCache:
    """A folder with the graphs that were used last.

    Args:
        folder: made when the first graph is written.
        max_graphs: the least recently used are removed; the newest is always kept.
        max_bytes: of all graphs together.
    """

    def __init__(self, folder: Path, *, max_graphs: int = 8, max_bytes: int = 1 << 30) -> None:
        self.folder = Path(folder)
        self.counts: Counter[str] = Counter()  # hit, missed, damaged, unwritten
        self._max_graphs, self._max_bytes = max_graphs, max_bytes

    def read(self, key: str) -> StoredGraph | None:
        """The graph of a key; None if there is none or it cannot be read."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            self.counts["missed"] += 1
            return None
        try:
            stored = _decoded(data)
        except (ValueError, KeyError, TypeError, PresetError) as error:
            self.damaged(key, error)
            return None
        self.counts["hit"] += 1
        with suppress(OSError):  # a folder that can only be read keeps its order
            os.utime(path)
        return stored

    def damaged(self, key: str, reason: Exception) -> None:
        """Say so and remove the graph, which is to be made anew."""
        self.counts["damaged"] += 1
        told = str(reason).strip().partition("\n")[0][:120]
        logger.warning("%s: not a usable graph (%s); made anew", self._path(key), told)
        with suppress(OSError):
            self._path(key).unlink()

    def write(self, key: str, stored: StoredGraph) -> None:
        """Keep a graph; if the folder cannot be written, the start goes on without."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(self._path(key), _encoded(stored))
        except OSError as error:
            self.counts["unwritten"] += 1
            logger.info("%s: the network's graph is not kept (%s)", self.folder, error)
            return
        self._trim()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _write(self, path: Path, parts: list[bytes]) -> None:
        handle, name = tempfile.mkstemp(_UNFINISHED, dir=self.folder)
        unfinished = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(parts)
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise

    def _trim(self) -> None:
        """Remove what is beyond the bounds, and what killed processes left."""
        n_bytes = 0
        for i, (_, path, size) in enumerate(sorted(self._files(_SUFFIX), reverse=True)):
            n_bytes += size
            if i and (i >= self._max_graphs or n_bytes > self._max_bytes):
                with suppress(OSError):
                    path.unlink()
        for age_s, path, _ in self._files(_UNFINISHED):
            if time.time() - age_s > _STALE_S:
                with suppress(OSError):
                    path.unlink()

    def _files(self, suffix: str) -> list[tuple[float, Path, int]]:
        """Time of last use, path and bytes."""
        files = []
        for path in self.folder.glob(f"*{suffix}"):
            with suppress(OSError):  # another process may have removed it
                stat = path.stat()
                files.append((stat.st_mtime, path, stat.st_size))
        return files


def graph_key(checkpoint: Path, **choice: Any) -> str:
    """Name of the graph of a checkpoint's content, the choices of its engine, and this code."""
    parts = {
        "format": _FORMAT,
        "checkpoint": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        "code": _code(),
        **choice,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _code() -> str:
    """Of the modules that make a graph: a version number would be forgotten."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _encoded(stored: StoredGraph) -> list[bytes]:
    head = json.dumps({"config": stored.config.to_dict(), "size": stored.size}).encode() + b"\n"
    checksum = zlib.crc32(stored.graph, zlib.crc32(head))
    return [f"{checksum:08x}\n".encode(), head, stored.graph]


def _decoded(data: bytes) -> StoredGraph:
    checksum, _, rest = data.partition(b"\n")
    if f"{zlib.crc32(rest):08x}".encode() != checksum:
        raise ValueError("wrong checksum")
    head, _, graph = rest.partition(b"\n")
    values = json.loads(head)
    height, width = values["size"]
    return StoredGraph(config_from_dict(values["config"]), (height, width), graph)
