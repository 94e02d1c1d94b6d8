"""What a training run is made of; every value can be set by `key=value`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from m2h.errors import DataError
from m2h.losses import LossConfig


class TrainingConfig(BaseModel):
    """Numbers of a run. Rates are those of the heads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0)
    steps: int = Field(default=6000, ge=1)
    batch: int = Field(default=16, ge=1)  # images of one forward pass
    accumulate: int = Field(default=1, ge=1)  # forward passes of one step
    rate: float = Field(default=1e-3, gt=0)
    final_rate_share: float = Field(default=0.01, ge=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0)
    encoder_rate_share: float = Field(
        default=0.1, ge=0
    )  # a pretrained encoder forgets when it moves fast
    layer_decay: float = Field(default=1.0, gt=0, le=1)  # per transformer block, towards the input
    freeze_steps: int = Field(default=300, ge=0)  # until the heads settle
    norm_share: float = Field(default=0.2, ge=0, le=1)  # of the training; then batch norms rest
    norm_batches: int = Field(default=50, ge=1)  # over which they are measured then
    warmup_steps: int = Field(default=200, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.999, ge=0, lt=1)
    bf16: bool = False
    channels_last: bool = True
    log_every: int = Field(default=20, ge=1)
    evaluate_every: int = Field(default=500, ge=1)
    save_every: int = Field(default=200, ge=1)
    draw: bool = True  # curves.png
    minutes: float | None = Field(default=None, gt=0)
    loaders: int = Field(default=1, ge=1)  # threads that make batches ahead of the step
    loss: LossConfig = LossConfig()


def with_settings(config: TrainingConfig, settings: Sequence[str]) -> TrainingConfig:
    """A configuration with `key=value` settings applied, nested keys as `loss.depth=0.5`.

    Raises:
        DataError: a key is unknown or a value does not fit.
    """
    values: dict[str, Any] = config.model_dump()
    for setting in settings:
        key, equals, text = setting.partition("=")
        *parents, name = key.strip().split(".")
        inner = values
        for parent in parents:
            inner = inner.get(parent, {})
        if not equals or not isinstance(inner, dict) or name not in inner:
            raise DataError(f"--set {setting}: {_known(key, values)}")
        inner[name] = text.strip()
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"training setting {where}: {first['msg'].lower()}") from None


def _known(key: str, values: dict[str, Any]) -> str:
    names = [name for name in values if name != "loss"]
    names += [f"loss.{name}" for name in values["loss"]]
    near = difflib.get_close_matches(key, names, n=1)
    return f"did you mean {near[0]}?" if near else f"write KEY=VALUE with one of {', '.join(names)}"
