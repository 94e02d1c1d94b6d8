"""One optimisation step: forward passes, one averaged and clipped gradient, one update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from m2h.context import views_of
from m2h.losses import MultiTaskLoss
from m2h.training.config import TrainingConfig
from m2h.training.distributed import World, average_gradients
from m2h.types import Batch, Outputs


def to_device(batch: Batch, device: str, *, channels_last: bool) -> Batch:
    """The batch on another device."""
    moved: dict[str, Tensor] = {
        field.name: getattr(batch, field.name).to(device, non_blocking=True)
        for field in fields(Batch)
    }
    if channels_last:
        moved["image"] = moved["image"].contiguous(memory_format=torch.channels_last)
    return Batch(**moved)


def forward(model: nn.Module, batch: Batch, *, bf16: bool) -> Outputs:
    """Raw outputs in float32 for the images of a batch."""
    normalise: Any = model.normalise
    height, width = (int(n) for n in batch.image.shape[-2:])
    view = views_of(batch.intrinsics, (height, width))
    with torch.autocast(batch.image.device.type, dtype=torch.bfloat16, enabled=bf16):
        outputs = model(normalise(batch.image), view=view)
    return Outputs(*(None if output is None else output.float() for output in outputs))


def accumulate_gradients(
    model: nn.Module,
    loss: MultiTaskLoss,
    batches: Sequence[Batch],
    config: TrainingConfig,
    *,
    progress: float,
) -> dict[str, float]:
    """Add the gradients of the mean loss of some batches; returns the mean of every term."""
    seen: dict[str, list[float]] = {}
    for batch in batches:
        outputs = forward(model, batch, bf16=config.bf16)
        total, terms = loss(outputs, batch, progress)
        (total / len(batches)).backward()
        for name, value in {"total": total.detach(), **terms}.items():
            seen.setdefault(name, []).append(float(value))
    return {name: sum(values) / len(values) for name, values in seen.items()}


def update(
    optimiser: torch.optim.Optimizer,
    parameters: Sequence[nn.Parameter],
    config: TrainingConfig,
    world: World,
) -> bool:
    """Average over the processes, clip, step; False (and no step) if the gradient is not finite."""
    average_gradients(parameters, world)
    norm = torch.nn.utils.clip_grad_norm_(parameters, config.clip_norm)
    is_finite = bool(torch.isfinite(norm))
    if is_finite:
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return is_finite
