"""A source whose frames lie as one file each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono_hydra.sequences.images import read_depth, read_ids, read_rgb
from mono_hydra.sequences.recorded import stack_poses
from mono_hydra.types import F4, F8, U1, Camera, DepthImage


@dataclass(frozen=True, eq=False)
class FileFrame:
    """Where the parts of one frame lie."""

    stamp_s: float
    image: Path
    depth: Path | None = None
    depth_stamp_s: float | None = None  # None: taken with the picture
    labels: Path | None = None
    T_world_camera: F8 | None = None


class FileSource:
    """Frames from picture files.

    Args:
        frames: in any order; sorted by stamp here.
        depth_camera: of the depth pictures as `register` leaves them; None: the depth picture's
            size gives it, as the colour camera's view at that size.
        label_table: (65536,) raw label id -> id of the sequence's label space; None: as stored.
        register: brings a depth picture into the colour view.
    """

    def __init__(
        self,
        frames: list[FileFrame],
        camera: Camera,
        *,
        units_per_metre: float = 1000.0,
        depth_camera: Camera | None = None,
        label_table: U1 | None = None,
        register: Callable[[F4], F4] | None = None,
    ) -> None:
        self._frames = sorted(frames, key=lambda frame: frame.stamp_s)
        self._camera = camera
        self._units_per_metre = units_per_metre
        self._depth_camera = depth_camera
        self._label_table = label_table
        self._register = register
        self.stamps_s = np.array([frame.stamp_s for frame in self._frames], dtype=np.float64)
        self.T_world_camera = stack_poses([frame.T_world_camera for frame in self._frames])

    def rgb(self, index: int) -> U1 | None:
        """(H, W, 3) picture, None if it cannot be read."""
        return read_rgb(self._frames[index].image)

    def depth(self, index: int) -> DepthImage | None:
        """Depth in the colour view, None if it is missing or cannot be read."""
        frame = self._frames[index]
        depth_m = None if frame.depth is None else read_depth(frame.depth, self._units_per_metre)
        if depth_m is None:
            return None
        if self._register is not None:
            depth_m = self._register(depth_m)
        height, width = depth_m.shape
        camera = self._depth_camera or self._camera.resized(width, height)
        if (camera.width, camera.height) != (width, height):
            return None
        stamp_s = frame.stamp_s if frame.depth_stamp_s is None else frame.depth_stamp_s
        return DepthImage(depth_m, camera, stamp_s)

    def labels(self, index: int) -> U1 | None:
        """(H, W) label ids, None if they are missing or cannot be read."""
        path = self._frames[index].labels
        raw = None if path is None else read_ids(path)
        if raw is None:
            return None
        if self._label_table is not None:
            return np.asarray(self._label_table[raw])
        return np.where(raw < 256, raw, 0).astype(np.uint8)
