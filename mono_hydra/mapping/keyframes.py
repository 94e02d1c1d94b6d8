"""Which frames become keyframes, and the store that the map is a function of.

A stored keyframe is quantised once; live fusion and re-fusion read the same stored values, so the
map never depends on when a block was computed. Past the memory budget the oldest records go to one
SQLite file.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import lz4.block
import numpy as np

from mono_hydra.config import KeyframeConfig
from mono_hydra.errors import DatasetError, OutputError
from mono_hydra.geometry import se3
from mono_hydra.types import F4, F8, Camera, Frame, Keyframe, MovedKeyframe, Prediction, TrackedPose

DEPTH_STEP_M = 0.0005  # uint16 reaches 32 m
_SIGMA_LOG_LOW, _SIGMA_LOG_RANGE = np.log(0.002), np.log(1.0 / 0.002)  # of ln depth, 0.2 % .. 100 %
_JPEG_QUALITY = 92


class KeyframePolicy:
    """Decides by motion, rotation and time; the same numbers for every source of poses."""

    def __init__(self, config: KeyframeConfig, *, has_stamps: bool = True) -> None:
        self.config = config
        self.has_stamps = has_stamps
        self._last: TrackedPose | None = None
        self._median_depth_m = 2.5

    def step(self, tracked: TrackedPose | None) -> bool:
        """Whether this frame becomes a keyframe."""
        if tracked is None or tracked.state == "lost":
            return False
        if self._last is None or self._is_due(self._last, tracked):
            self._last = tracked
            return True
        return False

    def observe_depth(self, depth_m: F4) -> None:
        """Remember the median depth of the newest keyframe: near scenes need denser keyframes."""
        valid = depth_m[depth_m > 0.0]
        if valid.size:
            self._median_depth_m = float(np.median(valid))

    def _is_due(self, last: TrackedPose, now: TrackedPose) -> bool:
        c = self.config
        interval_s = now.stamp_s - last.stamp_s
        if self.has_stamps and interval_s < c.min_interval_s - 1e-6:
            return False
        T = se3.inverse(last.T_world_camera) @ now.T_world_camera
        moved_m = float(np.linalg.norm(T[:3, 3]))
        turned_rad = float(np.linalg.norm(se3.log_so3(T[:3, :3])))
        enough_m = min(c.translation_m, c.translation_share_of_depth * self._median_depth_m)
        if moved_m > enough_m or turned_rad > np.deg2rad(c.rotation_deg):
            return True
        is_moving = moved_m > 0.02 or turned_rad > np.deg2rad(1.0)
        return is_moving and interval_s >= c.max_interval_s


@dataclass(frozen=True, eq=False)
class _Record:
    """One keyframe as stored; `blobs` is None once it lies on disk."""

    frame_index: int
    stamp_s: float
    camera: Camera
    T_world_camera: F8
    blobs: tuple[bytes, ...] | None

    def size(self) -> int:
        return sum(len(b) for b in self.blobs) if self.blobs else 0


class KeyframeStore:
    """Quantised keyframes by id 0, 1, 2 ...; poses can be replaced, images cannot."""

    def __init__(self, config: KeyframeConfig, refusion_tolerance_m: float = 0.0) -> None:
        self.config = config
        self.refusion_tolerance_m = refusion_tolerance_m
        self._records: list[_Record] = []
        self._ram_bytes = 0
        self._next_to_spill = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._database: sqlite3.Connection | None = None

    def __len__(self) -> int:
        return len(self._records)

    def add(self, frame: Frame, prediction: Prediction, tracked: TrackedPose) -> Keyframe:
        """Store one keyframe and return it as fusion will see it.

        Raises:
            DatasetError: if an image of the prediction does not have its camera's size.
        """
        shape = (prediction.camera.height, prediction.camera.width)
        for name in ("depth_m", "depth_sigma", "labels", "confidence"):
            if getattr(prediction, name).shape != shape:
                raise DatasetError(
                    f"frame {frame.index}: {name} is not {shape[1]}x{shape[0]}; check the reader"
                )
        blobs = _encode(prediction)
        record = _Record(
            frame.index, frame.stamp_s, prediction.camera, tracked.T_world_camera.copy(), blobs
        )
        self._records.append(record)
        self._ram_bytes += record.size()
        keyframe = self.get(len(self._records) - 1)
        self._spill()
        return keyframe

    def get(self, keyframe_id: int) -> Keyframe:
        """The stored keyframe of an id."""
        record = self._records[keyframe_id]
        blobs = record.blobs or self._from_disk(keyframe_id)
        shape = (record.camera.height, record.camera.width)
        depth = np.frombuffer(lz4.block.decompress(blobs[1]), np.uint16).reshape(shape)
        sigma, labels, confidence = (
            np.frombuffer(lz4.block.decompress(b), np.uint8).reshape(shape) for b in blobs[2:]
        )
        bgr = cv2.imdecode(np.frombuffer(blobs[0], np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None
        return Keyframe(
            id=keyframe_id,
            frame_index=record.frame_index,
            stamp_s=record.stamp_s,
            camera=record.camera,
            T_world_camera=record.T_world_camera,
            rgb=np.ascontiguousarray(bgr[:, :, ::-1]),
            depth_m=depth.astype(np.float32) * np.float32(DEPTH_STEP_M),
            depth_sigma=_SIGMA_TABLE[sigma],
            labels=labels.copy(),
            confidence=confidence.astype(np.float32) * np.float32(1.0 / 255.0),
        )

    def poses(self) -> list[tuple[int, float, int, F8]]:
        """(id, stamp_s, frame index, T_world_camera) of all keyframes."""
        return [
            (i, r.stamp_s, r.frame_index, r.T_world_camera) for i, r in enumerate(self._records)
        ]

    def __iter__(self) -> Iterator[Keyframe]:
        for keyframe_id in range(len(self._records)):
            yield self.get(keyframe_id)

    def correct(self, poses: dict[int, F8]) -> list[MovedKeyframe]:
        """Replace fused poses that moved by more than the tolerance at their own viewing distance.

        Args:
            poses: id -> T_world_camera (4, 4).

        Returns:
            The keyframes whose pose was replaced, in order of their ids.
        """
        moved = []
        for keyframe_id in sorted(poses):
            record, T_after = self._records[keyframe_id], poses[keyframe_id]
            if not self._has_moved(record.T_world_camera, T_after):
                continue
            moved.append(MovedKeyframe(keyframe_id, record.T_world_camera, T_after.copy()))
            self._records[keyframe_id] = replace(record, T_world_camera=T_after.copy())
        return moved

    def _has_moved(self, T_before: F8, T_after: F8) -> bool:
        if np.array_equal(T_before, T_after):
            return False
        view = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 3.0], [1.0, 0.0, 3.0]])  # camera points
        shift = np.linalg.norm(se3.transform(T_before, view) - se3.transform(T_after, view), axis=1)
        return bool(shift.max() > self.refusion_tolerance_m)

    def _spill(self) -> None:
        budget = self.config.max_ram_mb * 1e6
        while self._ram_bytes > budget and self._next_to_spill < len(self._records) - 1:
            keyframe_id = self._next_to_spill
            record = self._records[keyframe_id]
            assert record.blobs is not None
            self._to_disk(keyframe_id, record.blobs)
            self._ram_bytes -= record.size()
            self._records[keyframe_id] = replace(record, blobs=None)
            self._next_to_spill += 1

    def _to_disk(self, keyframe_id: int, blobs: tuple[bytes, ...]) -> None:
        if self._database is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mono_hydra_")
            self._database = sqlite3.connect(
                Path(self._folder.name) / "keyframes.sqlite", check_same_thread=False
            )
            self._database.execute("PRAGMA synchronous=OFF")
            self._database.execute(
                "CREATE TABLE keyframe (id INTEGER PRIMARY KEY, rgb BLOB, depth BLOB, sigma BLOB,"
                " labels BLOB, confidence BLOB)"
            )
        try:
            self._database.execute(
                "INSERT INTO keyframe VALUES (?,?,?,?,?,?)", (keyframe_id, *blobs)
            )
            self._database.commit()
        except sqlite3.Error as error:
            raise OutputError(
                f"temporary folder: keyframes cannot be spilled ({error}); free space or raise "
                "keyframes.max_ram_mb"
            ) from error

    def _from_disk(self, keyframe_id: int) -> tuple[bytes, ...]:
        assert self._database is not None
        row = self._database.execute(
            "SELECT rgb, depth, sigma, labels, confidence FROM keyframe WHERE id=?", (keyframe_id,)
        ).fetchone()
        return tuple(row)

    def close(self) -> None:
        """Remove the spill file."""
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


_SIGMA_TABLE = np.exp(_SIGMA_LOG_LOW + _SIGMA_LOG_RANGE * np.arange(256) / 255.0).astype(np.float32)


def _encode(prediction: Prediction) -> tuple[bytes, ...]:
    depth = np.clip(np.round(prediction.depth_m / DEPTH_STEP_M), 0, 65535).astype(np.uint16)
    depth[~np.isfinite(prediction.depth_m)] = 0
    log_sigma = np.log(np.maximum(prediction.depth_sigma, 1e-6))
    level = np.round((log_sigma - _SIGMA_LOG_LOW) * (255.0 / _SIGMA_LOG_RANGE))
    sigma = np.clip(level, 0, 255).astype(np.uint8)
    confidence = np.clip(np.round(prediction.confidence * 255.0), 0, 255).astype(np.uint8)
    ok, rgb = cv2.imencode(
        ".jpg", prediction.rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    assert ok
    packed = (
        lz4.block.compress(np.ascontiguousarray(a))
        for a in (depth, sigma, prediction.labels, confidence)
    )
    return (rgb.tobytes(), *packed)
