"""Scores of a variant's networks on held-out pictures: of every source, and of blocks of them.

A block is a run of neighbours of one source, the unit of the paired comparison. Edges are matched
by distance transforms (`ods_fast`): the networks are compared with each other, not with papers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from m2h.ablation.consistency import ConsistencyScores, truth_as_prediction
from m2h.data.augment import Framing, centred
from m2h.data.batches import Reader, collate
from m2h.metrics import Scorer, protocol_named
from m2h.metrics.predicted import predictions_of, samples_of, tasks_of
from m2h.model import M2H
from m2h.training.held_out import KEYS
from m2h.training.step import forward, to_device
from m2h.types import Batch, Intrinsics, Outputs, Prediction, Sample

Scores = dict[str, float]
_BATCH = 8


@dataclass(frozen=True)
class Judging:
    """Which pictures are judged."""

    size: tuple[int, int]  # (height, width), that of the training
    n_images: int  # of each source, at most
    n_blocks: int  # of each source

    def blocks(self, reader: Reader) -> list[list[int]]:
        """Indices of the pictures of each block, spread over the source."""
        n = min(len(reader), self.n_images)
        indices = [k * len(reader) // n for k in range(n)]
        n_blocks = min(self.n_blocks, n)
        bounds = [k * n // n_blocks for k in range(n_blocks + 1)]
        return [indices[a:b] for a, b in pairwise(bounds)]


@dataclass(frozen=True)
class Judged:
    """Scores by source, and by block (`source/number`)."""

    whole: dict[str, Scores]
    blocks: dict[str, Scores]


@torch.no_grad()
def judge(
    networks: Sequence[M2H], held_out: Mapping[str, Reader], judging: Judging, device: str = "cpu"
) -> Judged:
    """Score networks that share the tasks among them.

    Args:
        networks: in evaluation mode, with one canonical focal length.
        held_out: reader of each source.
        judging: which pictures.
        device: of torch.
    """
    for network in networks:
        network.to(device)
    judged = Judged({}, {})
    for source, reader in sorted(held_out.items()):
        total: _Collected | None = None
        for number, indices in enumerate(judging.blocks(reader)):
            block: _Collected | None = None
            for batch in _batches(reader, indices, judging.size):
                outputs = _joint_outputs(networks, to_device(batch, device, channels_last=True))
                total, block = total or _Collected(outputs), block or _Collected(outputs)
                focal_px = networks[0].config.canonical_focal_px
                predictions = predictions_of(outputs, batch, focal_px)
                for item in zip(
                    predictions, samples_of(batch, source), _cameras(batch), strict=True
                ):
                    total.add(*item)
                    block.add(*item)
            if block is not None:
                judged.blocks[f"{source}/{number}"] = block.result()
        if total is not None:
            judged.whole[source] = total.result()
    return judged


def consistency_of_truth(held_out: Mapping[str, Reader], judging: Judging) -> dict[str, Scores]:
    """The scores `consistency.*` that the truth of each source reaches."""
    found = {}
    for source, reader in sorted(held_out.items()):
        scores = ConsistencyScores()
        for indices in judging.blocks(reader):
            for batch in _batches(reader, indices, judging.size):
                for sample, camera in zip(samples_of(batch, source), _cameras(batch), strict=True):
                    scores.add(truth_as_prediction(sample), camera)
        found[source] = {f"consistency.{k}": v for k, v in scores.result().items()}
    return found


class _Collected:
    """All scores of some pictures."""

    def __init__(self, outputs: Outputs) -> None:
        self._scorer = Scorer(
            protocol_named("simulated"),
            tasks=tasks_of(outputs),
            has_sigma=outputs.log_sigma is not None,
            is_fast=True,
        )
        self._consistency = ConsistencyScores()

    def add(self, prediction: Prediction, sample: Sample, camera: Intrinsics | None) -> None:
        """Count one picture."""
        self._scorer.add(prediction, sample)
        self._consistency.add(prediction, camera)

    def result(self) -> Scores:
        """Flat keys; those without truth are absent."""
        blocks = self._scorer.result()
        values = {f"{block}.{key}": blocks.get(block, {}).get(key) for block, key in KEYS}
        scores = {key: value for key, value in values.items() if isinstance(value, float)}
        return scores | {f"consistency.{k}": v for k, v in self._consistency.result().items()}


def _batches(reader: Reader, indices: Sequence[int], size: tuple[int, int]) -> Iterator[Batch]:
    framing = Framing(height=size[0], width=size[1])
    for first in range(0, len(indices), _BATCH):
        yield collate([centred(reader[i], framing) for i in indices[first : first + _BATCH]])


def _joint_outputs(networks: Sequence[M2H], batch: Batch) -> Outputs:
    """Each output from the network that has it."""
    joint = Outputs()
    for network in networks:
        outputs = forward(network, batch, bf16=False)
        present = {name: x.cpu() for name, x in outputs._asdict().items() if x is not None}
        joint = joint._replace(**present)
    return joint


def _cameras(batch: Batch) -> Iterator[Intrinsics | None]:
    for row in batch.intrinsics.tolist():
        yield Intrinsics(*row) if row[0] > 0 else None
