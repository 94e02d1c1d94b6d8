"""AdamW with one group of parameters per rate: heads, encoder, blocks of a transformer.

No decay on biases, norms and other vectors. Layer decay as in BEiT (Bao et al. 2022): block b of N
learns with decay^(N - b), the embeddings before the blocks with decay^(N + 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from m2h.training.config import TrainingConfig
from m2h.training.schedule import encoder_factor, rate_factor

ENCODERS = ("encoder.", "backbone.")
_BLOCK = re.compile(r"\bblocks\.(\d+)\.")


def encoder_of(model: nn.Module) -> list[nn.Module]:
    """The pretrained part of a network: its child `encoder` or `backbone`; none is allowed."""
    return [child for name, child in model.named_children() if f"{name}." in ENCODERS]


def make_optimiser(
    model: nn.Module, config: TrainingConfig, extra: Iterable[nn.Parameter] = ()
) -> torch.optim.AdamW:
    """AdamW over the model's parameters and `extra` ones (learned loss weights).

    Each group carries `share` (of the head rate) and `is_encoder`, which `set_rates` reads.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    n_blocks = 1 + max((_block(name) for name, _ in named), default=-1)
    groups: dict[tuple[bool, float, float], list[nn.Parameter]] = {}
    for name, parameter in named:
        is_encoder = name.startswith(ENCODERS)
        share = _encoder_share(name, n_blocks, config) if is_encoder else 1.0
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((is_encoder, share, decay), []).append(parameter)
    groups.setdefault((False, 1.0, 0.0), []).extend(extra)
    records: list[dict[str, Any]] = [
        {"params": params, "weight_decay": decay, "share": share, "is_encoder": is_encoder}
        for (is_encoder, share, decay), params in groups.items()
        if params
    ]
    return torch.optim.AdamW(records, lr=config.rate, betas=(0.9, 0.999))


def set_rates(
    optimiser: torch.optim.Optimizer,
    step: int,
    config: TrainingConfig,
    *,
    restarted_at: int | None,
) -> float:
    """Give every group its rate for this step; returns that of the heads."""
    rate = config.rate * rate_factor(step, config, restarted_at=restarted_at)
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"]
        if group["is_encoder"]:
            group["lr"] *= encoder_factor(step, config)
    return rate


def tuned_encoder(model: nn.Module) -> list[nn.Parameter]:
    """Parameters of the encoder that shall learn; those frozen by the model itself stay so."""
    return [p for encoder in encoder_of(model) for p in encoder.parameters() if p.requires_grad]


def freeze_encoder(model: nn.Module, tuned: list[nn.Parameter], *, frozen: bool) -> None:
    """Stop or resume the gradients of the tuned part and the encoder's running statistics."""
    for parameter in tuned:
        parameter.requires_grad_(not frozen)
    for encoder in encoder_of(model):
        encoder.train(bool(tuned) and not frozen)


def _block(name: str) -> int:
    found = _BLOCK.search(name)
    return int(found[1]) if found else -1


def _encoder_share(name: str, n_blocks: int, config: TrainingConfig) -> float:
    if config.layer_decay == 1.0 or n_blocks == 0:
        return config.encoder_rate_share
    is_last_norm = "blocks." not in name and "norm" in name
    below = 0 if is_last_norm else n_blocks - _block(name)
    return float(config.encoder_rate_share * config.layer_decay**below)
