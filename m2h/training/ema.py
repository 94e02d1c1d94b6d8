"""Exponential moving average of the weights: what is evaluated and shipped.

Source: Polyak averaging with the warm-up of TensorFlow's moving averages, (1 + t) / (10 + t).
"""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """A copy of the network whose weights follow it slowly."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, n_updates: int) -> None:
        """Move towards the network after its update number `n_updates` (from 0)."""
        keep = min(self.decay, (1 + n_updates) / (10 + n_updates))
        theirs = dict(model.named_parameters())
        mine = dict(self.model.named_parameters())
        torch._foreach_lerp_(list(mine.values()), [theirs[name] for name in mine], 1 - keep)
        # running statistics are averages already
        buffers = dict(model.named_buffers())
        for name, buffer in self.model.named_buffers():
            buffer.copy_(buffers[name])
