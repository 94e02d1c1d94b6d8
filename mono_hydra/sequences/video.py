"""A video file, through OpenCV; no poses, no depth, no labels.

    walk.mp4                      with --calibration FILE or --fov DEG (horizontal)

Stamps are the frame number divided by the file's frame rate (or `--fps`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.geometry.camera import camera_from_fov
from mono_hydra.sequences.calibration import read_calibration
from mono_hydra.sequences.recorded import Selection
from mono_hydra.types import F8, U1, DepthImage, Frame, ImuSamples, SequenceInfo

MAX_BROKEN_IN_A_ROW = 30
# no video file tells it; rolling shutters of phones take 10 to 33 ms from the first to the last row
PHONE_READOUT_S = 0.02


class VideoSequence:
    """Frames of a video file in their order."""

    def __init__(
        self,
        path: Path,
        *,
        calibration: Path | None = None,
        fov_deg: float | None = None,
        fps: float | None = None,
        selection: Selection | None = None,
    ) -> None:
        """Open the file and read its head.

        Raises:
            DatasetError: not a video OpenCV can read, or neither calibration nor field of view.
        """
        self._path = path
        self._selection = selection or Selection()
        self.skipped: dict[str, int] = {}
        capture = self._capture()
        size = (
            int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
        )
        self._rate_hz = fps or float(capture.get(cv2.CAP_PROP_FPS)) or 30.0
        n_all = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        if min(size) <= 0:
            raise DatasetError(f"{path}: holds no pictures; convert it to mp4 (H.264)")
        if calibration is not None:
            camera = read_calibration(calibration).camera(*size)
        elif fov_deg is not None:
            camera = camera_from_fov(*size, fov_deg)
        else:
            raise DatasetError(f"{path}: give --calibration FILE or --fov DEG (horizontal)")
        self.info = SequenceInfo(
            name=path.stem,
            kind="video",
            camera=camera,
            n_frames=len(self._selection.indices(n_all)) if n_all > 0 else None,
            rate_hz=self._rate_hz / self._selection.every,
            readout_s=PHONE_READOUT_S,
        )

    def frames(self) -> Iterator[Frame]:
        """Frames in the order of the file; what cannot be decoded is skipped and counted.

        Raises:
            DatasetError: if not one frame can be decoded.
        """
        capture = self._capture()
        index, n_given, n_broken = 0, 0, 0
        while n_given != self._selection.max_frames and n_broken < MAX_BROKEN_IN_A_ROW:
            if not capture.grab():
                break
            if index % self._selection.every == 0:
                decoded, image = capture.retrieve()
                if decoded and image.shape[:2] == (self.info.camera.height, self.info.camera.width):
                    n_given, n_broken = n_given + 1, 0
                    rgb = np.ascontiguousarray(image[:, :, ::-1]).astype(np.uint8, copy=False)
                    yield Frame(index, index / self._rate_hz, rgb, self.info.camera)
                else:
                    n_broken += 1
                    self.skipped["unreadable image"] = self.skipped.get("unreadable image", 0) + 1
            index += 1
        capture.release()
        if n_given == 0:
            raise DatasetError(f"{self._path}: no frame can be decoded; convert it to mp4 (H.264)")

    def imu(self) -> ImuSamples | None:
        """A video has no IMU."""
        return None

    def reference(self) -> VideoReference:
        """A reference that holds nothing."""
        return VideoReference(self._path)

    def _capture(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened():
            raise DatasetError(f"{self._path}: not a video that can be read; convert it to mp4")
        return capture


class VideoReference:
    """Says that a video holds neither poses nor depth nor labels."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def trajectory(self) -> tuple[F8, F8]:
        """Raises DatasetError: a video holds no poses."""
        raise DatasetError(f"{self._path}: a video holds no poses; use --poses vo")

    def depth(self, frame: Frame) -> DepthImage | None:
        """Raises DatasetError: a video holds no depth."""
        raise DatasetError(f"{self._path}: a video holds no depth; use --depth m2h")

    def labels(self, frame: Frame) -> U1 | None:
        """Raises DatasetError: a video holds no labels."""
        raise DatasetError(f"{self._path}: a video holds no labels; use --labels m2h or none")
