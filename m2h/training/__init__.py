"""Training of the network: schedule, loop, states that can be resumed, curves."""

from m2h.training.config import TrainingConfig, with_settings
from m2h.training.loop import Report, Trainer

__all__ = ["Report", "Trainer", "TrainingConfig", "with_settings"]
