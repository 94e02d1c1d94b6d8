"""Losses of ln depth: absolute, scale-invariant, gradients, and the learned sigma.

Sources: scale-invariant error (Eigen, Puhrsch, Fergus 2014), multi-scale gradients (MegaDepth, Li
and Snavely 2018), heteroscedastic likelihood (Kendall and Gal 2017). Sensor depth that is quantised
gets a dead zone of half a step; its gradients count only where the jump exceeds three steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from m2h.losses.masked import masked_mean
from m2h.types import Batch

MIN_DEPTH_M, MAX_DEPTH_M = 0.1, 10.0
N_LEVELS = 4  # of the gradient loss: neighbours 1, 2, 4, 8 pixels apart
BORDER_STEPS = 3.0
SCALE_INVARIANCE = 0.85


@dataclass(frozen=True, eq=False)
class LogDepthError:
    """ln d - ln d* of a batch in canonical form, and where it counts."""

    error: Tensor  # (B, 1, H, W), 0 where unknown
    known: Tensor  # (B, 1, H, W) bool
    metric: Tensor  # (B, 1, 1, 1) bool, false: unknown camera, only the shape is judged
    slack: Tensor  # (B, 1, H, W), half a quantisation step as a share of the depth
    truth_m: Tensor  # (B, 1, H, W)
    step_m: Tensor  # (B, 1, 1, 1)


def log_depth_error(
    depth: Tensor, batch: Batch, canonical_focal_px: float | None
) -> LogDepthError | None:
    """Compare predicted with true depth; None if the batch has no true depth in 0.1-10 m.

    Args:
        depth: (B, 1, H, W), metric for the canonical focal length, or as it is without one.
        batch: the truth; its depth is divided by focal_px / canonical_focal_px.
        canonical_focal_px: in pixels of the batch's image size.
    """
    truth_m = batch.depth_m
    known = (truth_m > MIN_DEPTH_M) & (truth_m < MAX_DEPTH_M)
    if not bool(known.any()):
        return None
    metric = torch.ones_like(batch.focal_px, dtype=torch.bool)
    ratio = torch.ones_like(batch.focal_px)
    if canonical_focal_px is not None:
        metric = batch.focal_px > 0
        ratio = torch.where(metric, batch.focal_px / canonical_focal_px, ratio)
    safe_m = torch.where(known, truth_m, truth_m.new_ones(()))
    error = depth.clamp(min=1e-3).log() - safe_m.log() + ratio.log().view(-1, 1, 1, 1)
    step_m = batch.depth_step_m.view(-1, 1, 1, 1)
    return LogDepthError(
        error=torch.where(known, error, error.new_zeros(())),
        known=known,
        metric=metric.view(-1, 1, 1, 1),
        slack=0.5 * step_m / safe_m,
        truth_m=truth_m,
        step_m=step_m,
    )


def depth_loss(e: LogDepthError, gradients: float = 0.5) -> Tensor:
    """Log L1 + 0.5 scale-invariant + `gradients` multi-scale gradients."""
    outside = (e.error.abs() - e.slack).clamp(min=0)  # beyond the dead zone
    absolute = masked_mean(outside, e.known & e.metric)
    return (
        absolute
        + 0.5 * _scale_invariant(outside * e.error.sign(), e.known)
        + gradients * gradient_loss(e)
    )


def _scale_invariant(error: Tensor, known: Tensor) -> Tensor:
    """sqrt(mean(e^2) - 0.85 mean(e)^2) of each image, averaged over the images with truth."""
    n_pixels = known.flatten(1).sum(1)
    total = (error * known).flatten(1)
    mean = total.sum(1) / n_pixels.clamp(min=1)
    mean_square = total.square().sum(1) / n_pixels.clamp(min=1)
    spread = (mean_square - SCALE_INVARIANCE * mean.square()).clamp(min=0)
    # 1e-6 under the root keeps its slope finite where a prediction is perfect
    return masked_mean((spread + 1e-6).sqrt(), n_pixels > 0)


def gradient_loss(e: LogDepthError) -> Tensor:
    """L1 of the differences of the error between neighbours 1, 2, 4 and 8 pixels apart."""
    levels = []
    for level in range(N_LEVELS):
        s = 2**level
        error, known = e.error[..., ::s, ::s], e.known[..., ::s, ::s]
        truth_m = e.truth_m[..., ::s, ::s]
        for axis in (2, 3):
            if error.shape[axis] < 2:
                continue
            jump_m = truth_m.diff(dim=axis).abs()
            n = error.shape[axis] - 1
            both = known.narrow(axis, 0, n) & known.narrow(axis, 1, n)
            counts = both & ((jump_m > BORDER_STEPS * e.step_m) | (e.step_m == 0))
            levels.append(masked_mean(error.diff(dim=axis).abs(), counts))
    return torch.stack(levels).mean() if levels else e.error.sum() * 0


def sigma_loss(
    log_sigma: Tensor, e: LogDepthError, law: Literal["laplace", "gaussian"] = "laplace"
) -> Tensor:
    """Negative log-likelihood of the error of ln depth under sigma, its standard deviation.

    The error is taken as given (no gradient), so this teaches sigma and nothing about depth.
    """
    error = e.error.detach()
    if law == "laplace":  # scale b = sigma / sqrt(2)
        likelihood = math.sqrt(2) * error.abs() * (-log_sigma).exp() + log_sigma + 0.5 * math.log(2)
    else:
        likelihood = 0.5 * (error * (-log_sigma).exp()).square() + log_sigma
        likelihood = likelihood + 0.5 * math.log(2 * math.pi)
    return masked_mean(likelihood, e.known & e.metric)
