"""Scores on pictures kept from the training, by source, for the curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import nn

from m2h.metrics import Scorer, protocol_named
from m2h.metrics.predicted import predictions_of, samples_of, tasks_of
from m2h.training.step import forward, to_device
from m2h.types import Batch

# what a curve shows of each block
KEYS = (
    ("depth", "abs_rel"), ("depth", "abs_rel_median"), ("depth", "delta1"),
    ("semantics", "miou"), ("semantics", "miou16"), ("semantics", "pixel_accuracy"),
    ("normals", "mean_deg"), ("edges", "ods_fast"),
    ("uncertainty", "within_1sigma"), ("uncertainty", "ause"),
)  # fmt: skip
N_THRESHOLDS = 9


class HeldOut:
    """Called with a network in evaluation mode; gives scores named `source.block.key`."""

    def __init__(
        self,
        sources: Mapping[str, Callable[[], Iterable[Batch]]],
        *,
        canonical_focal_px: float | None,
        device: str = "cpu",
        bf16: bool = False,
    ) -> None:
        """Keep ways to make the batches and not the batches: they are large."""
        self.sources = dict(sources)
        self.canonical_focal_px = canonical_focal_px
        self.device, self.bf16 = device, bf16

    @torch.no_grad()
    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Score all sources."""
        scores: dict[str, float] = {}
        for source, batches in sorted(self.sources.items()):
            blocks = self._score(model, source, batches())
            for block, key in KEYS:
                value = blocks.get(block, {}).get(key)
                if isinstance(value, float):
                    scores[f"{source}.{block}.{key}"] = value
        return scores

    def _score(
        self, model: nn.Module, source: str, batches: Iterable[Batch]
    ) -> dict[str, dict[str, object]]:
        scorer: Scorer | None = None
        for batch in batches:
            moved = to_device(batch, self.device, channels_last=True)
            outputs = forward(model, moved, bf16=self.bf16)
            if scorer is None:
                scorer = Scorer(
                    protocol_named("simulated"),
                    tasks=tasks_of(outputs),
                    has_sigma=outputs.log_sigma is not None,
                    is_fast=True,
                    n_thresholds=N_THRESHOLDS,
                )
            predictions = predictions_of(outputs, moved, self.canonical_focal_px)
            for prediction, sample in zip(predictions, samples_of(batch, source), strict=True):
                scorer.add(prediction, sample)
        return scorer.result() if scorer is not None else {}
