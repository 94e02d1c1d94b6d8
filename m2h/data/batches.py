"""Samples as tensors: one batch, and an endless mixture of sources.

A mixture has no state: batch k depends on the seed and k alone, so a training that is taken up
again at step k meets the batches it would have met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from m2h.data.augment import Framing, augment, centred
from m2h.data.label_sets import TEACHER_UNSURE
from m2h.errors import DataError
from m2h.types import EDGE_UNKNOWN, F8, N_CLASSES, U1, Batch, Sample

SHARES: dict[str, float] = {"simulated": 0.5, "nyuv2": 0.3, "photos": 0.2}


class Reader(Protocol):
    """A data set: samples by number."""

    def __len__(self) -> int:
        """How many."""

    def __getitem__(self, index: int) -> Sample:
        """One of them."""


def collate(samples: Sequence[Sample]) -> Batch:
    """Samples of one size as tensors; what a sample does not know is marked unknown.

    Raises:
        DataError: no samples, or of different sizes.
    """
    if not samples:
        raise DataError("batch: has no samples; give at least one")
    sizes = {s.image.shape[:2] for s in samples}
    if len(sizes) > 1:
        raise DataError(f"batch: has images of sizes {sorted(sizes)}; resize them to one first")
    (size,) = sizes
    k = torch.tensor([_camera(s) for s in samples], dtype=torch.float32)
    depth_m = _stack([s.depth_m for s in samples], np.zeros(size, np.float32))
    normals = _stack([s.normals for s in samples], np.zeros((*size, 3), np.float32))
    edges = _stack([s.edges for s in samples], np.full(size, EDGE_UNKNOWN, np.uint8)).float()
    teacher = _stack([s.teacher for s in samples], np.full(size, TEACHER_UNSURE, np.uint8))
    return Batch(
        image=_stack([s.image for s in samples]).permute(0, 3, 1, 2).float().div_(255.0),
        focal_px=torch.sqrt(k[:, 0] * k[:, 1]),
        intrinsics=k,
        depth_m=depth_m[:, None],
        depth_step_m=torch.tensor([s.depth_step_m for s in samples], dtype=torch.float32),
        labels=_stack([s.labels for s in samples], np.zeros(size, np.uint8)).long(),
        normals=normals.permute(0, 3, 1, 2).contiguous(),
        edges=torch.where(edges == EDGE_UNKNOWN, -1.0, edges)[:, None],
        teacher=teacher.long(),
    )


class MixedBatches:
    """Augmented batches of several sources in fixed shares: `batches(k)` is batch k."""

    def __init__(
        self,
        sources: Mapping[str, Reader],
        *,
        batch: int,
        seed: int = 0,
        framing: Framing | None = None,
        shares: Mapping[str, float] | None = None,
    ) -> None:
        """Take the sources that there are; their shares are scaled to a sum of 1.

        Args:
            sources: by the name that the shares use.
            batch: samples of one batch.
            seed: of everything drawn.
            framing: size and crop of the samples.
            shares: of the samples by source; `SHARES` if None.

        Raises:
            DataError: no source, an empty one, or one without a share.
        """
        shares = SHARES if shares is None else shares
        for name, reader in sources.items():
            if shares.get(name, 0.0) <= 0.0:
                raise DataError(f"source {name}: has no share; name it among {', '.join(shares)}")
            if not len(reader):
                raise DataError(f"source {name}: has no samples; check its folder")
        if not sources:
            raise DataError("training data: no source is given; name one of " + ", ".join(shares))
        self._names = sorted(sources)
        self._sources = dict(sources)
        parts = np.array([shares[name] for name in self._names])
        self.shares: F8 = parts / parts.sum()
        self.batch, self.seed, self.framing = batch, seed, framing or Framing()

    def __call__(self, step: int) -> Batch:
        """Batch number `step`, counted from 0; equal for equal seeds and numbers."""
        rng = np.random.default_rng([self.seed, step])
        samples = [self._draw(name, rng) for name in self.draw_names(rng)]
        styles: list[U1] = [s.image for s in samples if s.source != "simulated"]
        return collate([self._augmented(s, styles, rng) for s in samples])

    def draw_names(self, rng: np.random.Generator) -> list[str]:
        """The source of each sample: shares are kept within one sample in every batch."""
        at = (np.arange(self.batch) + rng.random()) / self.batch
        index = np.searchsorted(np.cumsum(self.shares)[:-1], at, side="right")
        return [self._names[k] for k in index]

    def _draw(self, name: str, rng: np.random.Generator) -> Sample:
        reader = self._sources[name]
        return reader[int(rng.integers(len(reader)))]

    def _augmented(self, sample: Sample, styles: list[U1], rng: np.random.Generator) -> Sample:
        style = styles[int(rng.integers(len(styles)))] if styles else None
        return augment(sample, self.framing, rng, style)


def label_counts(batches: MixedBatches, n_batches: int = 32) -> torch.Tensor:
    """(K,) labelled pixels of every class in the first batches of a training."""
    counts = torch.zeros(N_CLASSES, dtype=torch.int64)
    for step in range(n_batches):
        counts += torch.bincount(batches(step).labels.flatten(), minlength=N_CLASSES)
    return counts


def held_out_batches(reader: Reader, framing: Framing, *, batch: int, most: int) -> list[Batch]:
    """Up to `most` samples spread over a data set, unchanged but for their size."""
    index = np.unique(np.linspace(0, len(reader) - 1, min(most, len(reader))).round().astype(int))
    samples = [centred(reader[int(k)], framing) for k in index]
    return [collate(samples[k : k + batch]) for k in range(0, len(samples), batch)]


def _camera(sample: Sample) -> tuple[float, float, float, float]:
    k = sample.intrinsics
    return (k.fx, k.fy, k.cx, k.cy) if k is not None else (0.0, 0.0, 0.0, 0.0)


def _stack(planes: Sequence[Any], unknown: Any = None) -> torch.Tensor:
    return torch.from_numpy(np.stack([unknown if p is None else p for p in planes]))
