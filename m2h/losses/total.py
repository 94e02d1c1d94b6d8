"""All terms of a batch and their weighted sum.

A task that the outputs or the batch lack gives no term, so any mixture of data sets and any subset
of heads can be trained.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from m2h.data.batches import MixedBatches, label_counts
from m2h.data.label_sets import allowed_classes
from m2h.losses.balance import make_balance
from m2h.losses.config import LossConfig
from m2h.losses.consistency import depth_normal_loss, edge_semantic_loss
from m2h.losses.depth import depth_loss, log_depth_error, sigma_loss
from m2h.losses.semantics import (
    at_logits,
    class_logits,
    class_weights,
    label_loss,
    partial_label_loss,
)
from m2h.losses.surfaces import edge_loss, normal_loss
from m2h.types import TASKS, Batch, Outputs

CONSISTENCY = ("depth_normal", "edge_semantic")


def loss_terms(
    outputs: Outputs,
    batch: Batch,
    config: LossConfig,
    *,
    canonical_focal_px: float | None = None,
    allowed: Tensor | None = None,
    class_weights: Tensor | None = None,
    progress: float = 1.0,
) -> dict[str, Tensor]:
    """Unweighted terms by name; terms of weight 0 are not computed.

    Args:
        outputs: raw outputs at the batch's image size.
        batch: images and what is known of them.
        config: weights and choices.
        canonical_focal_px: focal length for which the network's depth is metric; None: for all.
        allowed: (T, K) bool, classes each class of the teacher may stand for; None: no teacher.
        class_weights: (K - 1,) of the labels' classes; None: all equal.
        progress: share of the training that is done.
    """
    terms = _depth_terms(outputs, batch, config, canonical_focal_px)
    terms.update(_label_terms(outputs, batch, config, allowed, class_weights))
    if outputs.normals is not None and config.normals:
        terms["normals"] = normal_loss(outputs.normals, batch.normals)
    if outputs.edges is not None and config.edges:
        terms["edges"] = edge_loss(outputs.edges, batch.edges)
    if outputs.depth is not None and outputs.normals is not None and config.depth_normal:
        terms["depth_normal"] = depth_normal_loss(
            outputs.depth,
            outputs.normals,
            batch,
            teach_normals=progress >= config.consistency_ramp,
            stride=config.stride,
        )
    return {name: value for name, value in terms.items() if value is not None}


def _depth_terms(
    outputs: Outputs, batch: Batch, config: LossConfig, canonical_focal_px: float | None
) -> dict[str, Tensor | None]:
    if outputs.depth is None or not (config.depth or config.sigma):
        return {}
    error = log_depth_error(outputs.depth, batch, canonical_focal_px)
    if error is None:
        return {}
    terms: dict[str, Tensor | None] = {}
    if config.depth:
        terms["depth"] = depth_loss(error, config.depth_gradients)
    if outputs.log_sigma is not None and config.sigma:
        terms["sigma"] = sigma_loss(outputs.log_sigma, error, config.sigma_law)
    return terms


def _label_terms(
    outputs: Outputs,
    batch: Batch,
    config: LossConfig,
    allowed: Tensor | None,
    class_weights: Tensor | None,
) -> dict[str, Tensor | None]:
    terms: dict[str, Tensor | None] = {}
    if outputs.semantics is None:
        return terms
    planes = [batch.labels.float(), batch.teacher.float()]
    if outputs.edges is not None:
        planes.append(outputs.edges[:, 0])
    small = torch.stack(planes, dim=1)
    height, width = (int(n) for n in outputs.semantics.shape[-2:])
    if (height, width) == small.shape[-2:]:
        logits = class_logits(outputs.semantics, config.stride)
        small = small[..., :: config.stride, :: config.stride]
    else:
        logits = class_logits(outputs.semantics, 1)
        small = at_logits(small, (height, width))
    labels, teacher = small[:, 0].long(), small[:, 1].long()
    if config.semantics:
        terms["semantics"] = label_loss(logits, labels, class_weights)
    if config.semantics_partial and allowed is not None:
        terms["semantics_partial"] = partial_label_loss(logits, teacher, labels, allowed)
    if outputs.edges is not None and config.edge_semantic:
        terms["edge_semantic"] = edge_semantic_loss(small[:, 2:], logits)
    return terms


class MultiTaskLoss(nn.Module):
    """The number to minimise for a batch.

    The consistency terms come in linearly over the first third of the training: labels that still
    know nothing change at every pixel, and would draw edges everywhere.
    """

    allowed: Tensor | None
    class_weights: Tensor | None

    def __init__(
        self,
        config: LossConfig,
        *,
        canonical_focal_px: float | None = None,
        allowed: Tensor | None = None,
        class_weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.canonical_focal_px = canonical_focal_px
        self.balance = make_balance(config)
        self.register_buffer("allowed", allowed, persistent=False)
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(
        self, outputs: Outputs, batch: Batch, progress: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted sum (a scalar, 0 if nothing is known) and the unweighted terms, detached."""
        terms = loss_terms(
            outputs,
            batch,
            self.config,
            canonical_focal_px=self.canonical_focal_px,
            allowed=self.allowed,
            class_weights=self.class_weights,
            progress=progress,
        )
        weighted = {name: self._weight(name, progress) * term for name, term in terms.items()}
        tasks = {name: term for name, term in weighted.items() if name in TASKS}
        rest = [term for name, term in weighted.items() if name not in TASKS]
        parts = ([self.balance(tasks)] if tasks else []) + rest
        total = torch.stack(parts).sum() if parts else _nothing(outputs)
        return total, {name: term.detach() for name, term in terms.items()}

    def observe(self, values: Mapping[str, float]) -> None:
        """Tell the balance what the terms of a step were."""
        self.balance.observe({task: values[task] for task in TASKS if task in values})

    def _weight(self, name: str, progress: float) -> float:
        weight = float(getattr(self.config, name))
        if name in CONSISTENCY:
            return weight * min(1.0, progress / self.config.consistency_ramp)
        return weight


def _nothing(outputs: Outputs) -> Tensor:
    """A zero with a gradient, for a batch without any truth."""
    present = [output for output in outputs if output is not None]
    return torch.stack([output.sum() * 0 for output in present]).sum()


def make_loss(
    config: LossConfig,
    batches: MixedBatches,
    *,
    canonical_focal_px: float | None,
    has_teacher: bool,
) -> MultiTaskLoss:
    """The loss of a training on these batches: their classes are counted, the teacher's known."""
    weights = None
    if config.class_balance:
        weights = class_weights(label_counts(batches), config.class_balance)
    return MultiTaskLoss(
        config,
        canonical_focal_px=canonical_focal_px,
        allowed=torch.from_numpy(allowed_classes()) if has_teacher else None,
        class_weights=weights,
    )
