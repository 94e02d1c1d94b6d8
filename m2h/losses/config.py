"""Weights and choices of the losses."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LossConfig(BaseModel):
    """Weight of every term (0 leaves it out), and how the tasks are balanced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth: float = Field(default=1.0, ge=0)
    depth_gradients: float = Field(default=0.5, ge=0)  # within the loss of depth
    semantics: float = Field(default=1.0, ge=0)
    semantics_partial: float = Field(default=0.5, ge=0)  # half of true labels: a teacher errs
    normals: float = Field(default=1.0, ge=0)
    edges: float = Field(default=1.0, ge=0)
    sigma: float = Field(default=0.1, ge=0)
    depth_normal: float = Field(default=0.1, ge=0)
    edge_semantic: float = Field(default=0.1, ge=0)
    # rare classes count more: weight = frequency ** -class_balance
    class_balance: float = Field(default=0.35, ge=0, le=1)
    sigma_law: Literal["laplace", "gaussian"] = "laplace"
    balance: Literal["fixed", "dwa", "uncertainty"] = "fixed"
    dwa_period_steps: int = Field(default=200, ge=1)  # what the paper calls an epoch
    dwa_temperature: float = Field(default=2.0, gt=0)
    # labels and consistency use every n-th pixel: the heads end at stride 2, so 2 loses nothing
    stride: int = Field(default=2, ge=1)
    consistency_ramp: float = Field(default=1 / 3, gt=0, le=1)  # share of the training
