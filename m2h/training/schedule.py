"""Learning rate of every step: warm-up, cosine, a frozen encoder at first, warm-up after a restart.

Source of the cosine: SGDR, Loshchilov and Hutter 2017.
"""

from __future__ import annotations

import math

from m2h.training.config import TrainingConfig

RESTART_STEPS = 200  # Adam's moments forget over 1 / (1 - 0.999) steps; the rates grow meanwhile


def rate_factor(step: int, config: TrainingConfig, *, restarted_at: int | None = None) -> float:
    """Share of the full rate at `step` (from 0).

    Args:
        step: of the whole training.
        config: length, warm-up and final share.
        restarted_at: step at which the optimiser started without moments, None if it never did.
    """
    progress = min(1.0, step / config.steps)
    low = config.final_rate_share
    factor = low + (1 - low) * 0.5 * (1 + math.cos(math.pi * progress))
    factor *= _ramp(step, config.warmup_steps)
    if restarted_at is not None:
        factor *= _ramp(step - restarted_at, RESTART_STEPS)
    return factor


def encoder_factor(step: int, config: TrainingConfig) -> float:
    """Further share for the encoder: 0 while it is frozen, then its own warm-up."""
    if step < config.freeze_steps:
        return 0.0
    if config.freeze_steps == 0:
        return 1.0
    return _ramp(step - config.freeze_steps, config.warmup_steps)


def _ramp(step: int, n_steps: int) -> float:
    return min(1.0, (step + 1) / n_steps) if n_steps else 1.0
