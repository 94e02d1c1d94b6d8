"""Every n-th frame of a sequence that has no random access of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mono_hydra.sequences.base import Reference, Sequence
from mono_hydra.sequences.recorded import Selection
from mono_hydra.types import Frame, ImuSamples


class ThinnedSequence:
    """A sequence with a selection of its frames; indices and stamps stay as they were."""

    def __init__(self, sequence: Sequence, selection: Selection) -> None:
        self._sequence = sequence
        self._selection = selection
        n_all = sequence.info.n_frames
        n_frames = None if n_all is None else len(selection.indices(n_all))
        self.info = replace(
            sequence.info, n_frames=n_frames, rate_hz=sequence.info.rate_hz / selection.every
        )
        self.skipped = sequence.skipped

    def frames(self) -> Iterator[Frame]:
        """The selected frames in the order of their stamps."""
        n_given = 0
        for frame in self._sequence.frames():
            if n_given == self._selection.max_frames:
                return
            if frame.index % self._selection.every == 0:
                n_given += 1
                yield frame

    def imu(self) -> ImuSamples | None:
        """All inertial samples, None without an IMU."""
        return self._sequence.imu()

    def reference(self) -> Reference:
        """The sequence's own reference."""
        return self._sequence.reference()
