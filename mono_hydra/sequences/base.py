"""What every recording offers: frames and IMU, and a reference for those allowed it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from mono_hydra.types import F8, U1, DepthImage, Frame, ImuSamples, SequenceInfo


class Reference(Protocol):
    """True or recorded poses, depth and labels; walled off from everything that estimates them."""

    def trajectory(self) -> tuple[F8, F8]:
        """Stamps (N,) and T_world_camera (N, 4, 4) of all frames; NaN matrices where unknown."""
        ...

    def depth(self, frame: Frame) -> DepthImage | None:
        """Sensor or true depth of the frame, registered to its colour view, None where missing."""
        ...

    def labels(self, frame: Frame) -> U1 | None:
        """(H, W) label ids of the frame's view (any size), None where missing."""
        ...


class Sequence(Protocol):
    """A recording, read lazily. Frames that cannot be read are skipped and counted in `skipped`."""

    info: SequenceInfo
    skipped: dict[str, int]  # reason -> frames

    def frames(self) -> Iterator[Frame]:
        """Frames in the order of their stamps."""
        ...

    def imu(self) -> ImuSamples | None:
        """All inertial samples, None without an IMU."""
        ...

    def reference(self) -> Reference:
        """Recorded poses, depth and labels; raises DatasetError for parts that do not exist."""
        ...
