"""Losses of the four tasks, masked by what a batch knows, and how they are weighed."""

from m2h.losses.config import LossConfig
from m2h.losses.total import MultiTaskLoss, loss_terms, make_loss

__all__ = ["LossConfig", "MultiTaskLoss", "loss_terms", "make_loss"]
