"""The common half of all recordings on disk: which frames to give, what to count, what to check.

A data set's own file only builds a `Source`: stamps, poses, and how to read picture, depth and
labels number i. `RecordedSequence` turns any source into a `Sequence`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.geometry import se3
from mono_hydra.types import F8, U1, DepthImage, Frame, ImuSamples, SequenceInfo

MAX_DEPTH_DELAY_S = 0.020  # colour and depth of one keyframe may be this far apart


class Source(Protocol):
    """Random access to the parts of a recording; None where a part is missing or broken."""

    stamps_s: F8  # (N,), not decreasing
    T_world_camera: F8  # (N, 4, 4), NaN where unknown

    def rgb(self, index: int) -> U1 | None:
        """(H, W, 3) picture."""
        ...

    def depth(self, index: int) -> DepthImage | None:
        """Depth, registered to the colour view."""
        ...

    def labels(self, index: int) -> U1 | None:
        """(H, W) label ids of the sequence's label space."""
        ...


@dataclass(frozen=True)
class Selection:
    """Which frames of a recording to give: every n-th, at most so many, all by default."""

    every: int = 1
    max_frames: int | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise DatasetError(f"--every {self.every}: give a whole number of at least 1")
        if self.max_frames is not None and self.max_frames < 1:
            raise DatasetError(f"--max-frames {self.max_frames}: give a whole number of at least 1")

    def indices(self, n_frames: int) -> range:
        """Frame indices among `n_frames`."""
        stop = n_frames if self.max_frames is None else min(n_frames, self.max_frames * self.every)
        return range(0, stop, self.every)


class RecordedSequence:
    """A recording with random access; `Frame.index` counts the recording's own frames from 0."""

    def __init__(
        self,
        info: SequenceInfo,
        source: Source,
        *,
        selection: Selection | None = None,
        imu: ImuSamples | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self._selection = selection or Selection()
        n_all = len(source.stamps_s)
        if n_all == 0:
            raise DatasetError(f"{info.name}: holds no frames; check the path and the folder tree")
        self.info = replace(
            info,
            n_frames=len(self._selection.indices(n_all)),
            rate_hz=info.rate_hz / self._selection.every,
            has_imu=imu is not None,
            has_poses=bool(np.isfinite(source.T_world_camera).all(axis=(1, 2)).any()),
        )
        self.skipped: dict[str, int] = {}
        self.notes = notes  # what the reader found out and a person should know
        self._source = source
        self._imu = imu
        self._counted: set[tuple[str, int]] = set()

    @property
    def stamps_s(self) -> F8:
        """(N,) stamps of the selected frames, readable or not."""
        return np.asarray(
            self._source.stamps_s[self._selection.indices(len(self._source.stamps_s))]
        )

    def frames(self) -> Iterator[Frame]:
        """Readable frames in the order of their stamps.

        Raises:
            DatasetError: if not one picture could be read.
        """
        n_given = 0
        camera = self.info.camera
        for index in self._selection.indices(len(self._source.stamps_s)):
            rgb = self._source.rgb(index)
            if rgb is None:
                self._skip("unreadable image", index)
            elif rgb.shape[:2] != (camera.height, camera.width):
                self._skip("image of another size", index)
            else:
                n_given += 1
                yield Frame(index, float(self._source.stamps_s[index]), rgb, camera)
        if n_given == 0:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(self.skipped.items()))
            raise DatasetError(
                f"{self.info.name}: no frame could be read ({reasons}); check the files"
            )

    def imu(self) -> ImuSamples | None:
        """All inertial samples, None without an IMU."""
        return self._imu

    def reference(self) -> RecordedReference:
        """Recorded poses, depth and labels."""
        return RecordedReference(self.info, self._source, self._skip)

    def _skip(self, reason: str, index: int) -> None:
        if (reason, index) not in self._counted:  # a frame asked for twice is one frame
            self._counted.add((reason, index))
            self.skipped[reason] = self.skipped.get(reason, 0) + 1


class RecordedReference:
    """Recorded poses, depth and labels; what is broken is None and counted by the sequence."""

    def __init__(
        self, info: SequenceInfo, source: Source, skip: Callable[[str, int], None]
    ) -> None:
        self._info = info
        self._source = source
        self._skip = skip

    def trajectory(self) -> tuple[F8, F8]:
        """Stamps (N,) and T_world_camera (N, 4, 4) of all frames; NaN matrices where unknown."""
        if not self._info.has_poses:
            raise DatasetError(f"{self._info.name}: holds no usable poses; use --poses vio or vo")
        return self._source.stamps_s.copy(), self._source.T_world_camera.copy()

    def depth(self, frame: Frame) -> DepthImage | None:
        """Depth of the frame; None where missing, broken, or more than 20 ms apart."""
        if not self._info.has_depth:
            raise DatasetError(f"{self._info.name}: holds no depth; use --depth m2h")
        depth = self._source.depth(frame.index)
        if depth is None:
            self._skip("no readable depth", frame.index)
        elif abs(depth.stamp_s - frame.stamp_s) > MAX_DEPTH_DELAY_S:
            self._skip("depth more than 20 ms apart", frame.index)
            return None
        return depth

    def labels(self, frame: Frame) -> U1 | None:
        """Label ids of the frame's view, None where missing or broken."""
        if not self._info.has_labels:
            raise DatasetError(f"{self._info.name}: holds no labels; use --labels m2h or none")
        labels = self._source.labels(frame.index)
        if labels is None:
            self._skip("no readable labels", frame.index)
        return labels


def rigid_or_nan(T: F8 | None) -> F8:
    """The pose with its rotation made orthonormal, or a NaN matrix if it is no rigid motion."""
    if T is None or not se3.is_rigid(T):
        return np.full((4, 4), np.nan)
    U, _, Vt = np.linalg.svd(T[:3, :3])
    return se3.from_rt(U @ Vt, T[:3, 3])


def stack_poses(poses: list[F8 | None]) -> F8:
    """(N, 4, 4) of poses, NaN where unknown or not rigid."""
    if not poses:
        return np.empty((0, 4, 4))
    return np.stack([rigid_or_nan(T) for T in poses])


def rate_of(stamps_s: F8, default_hz: float) -> float:
    """Frames per second from the median distance of stamps."""
    steps = np.diff(stamps_s)
    steps = steps[steps > 0.0]
    return float(1.0 / np.median(steps)) if len(steps) else default_hz
