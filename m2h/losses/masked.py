"""Means over the known pixels of a batch."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `values` where `mask` (same shape, bool); 0 with a gradient of 0 if none is set."""
    # not values * mask: an infinite value at an unknown pixel would give NaN
    kept = torch.where(mask, values, values.new_zeros(()))
    return kept.sum() / mask.sum().clamp(min=1)
