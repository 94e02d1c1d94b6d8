"""How the tasks share one gradient: fixed weights, dynamic weight average, learned uncertainty.

Sources: DWA (Liu, Johns, Davison, CVPR 2019); uncertainty (Kendall, Gal, Cipolla, CVPR 2018).
Each module gives a factor per task that multiplies the fixed weight of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from m2h.losses.config import LossConfig
from m2h.types import TASKS


class FixedBalance(nn.Module):
    """Factor 1 for every task."""

    def forward(self, task_losses: Mapping[str, Tensor]) -> Tensor:
        """Sum of the losses of the tasks."""
        return torch.stack(list(task_losses.values())).sum()

    def observe(self, task_values: Mapping[str, float]) -> None:
        """Nothing to learn from the losses of a step."""


class DynamicWeightAverage(nn.Module):
    """Tasks whose loss falls more slowly get more weight; the weights sum to the number of tasks.

    w_k = mean loss of the last period / of the one before; weights = K softmax(w / T); all 1 in the
    first two periods.
    """

    weights: Tensor
    sums: Tensor
    counts: Tensor
    last_means: Tensor
    n_steps: Tensor

    def __init__(self, period_steps: int, temperature: float) -> None:
        super().__init__()
        self.period_steps = period_steps
        self.temperature = temperature
        n = len(TASKS)
        self.register_buffer("weights", torch.ones(n))
        self.register_buffer("sums", torch.zeros(n))
        self.register_buffer("counts", torch.zeros(n))
        self.register_buffer("last_means", torch.full((n,), float("nan")))
        self.register_buffer("n_steps", torch.zeros((), dtype=torch.int64))

    def forward(self, task_losses: Mapping[str, Tensor]) -> Tensor:
        """Weighted sum of the losses of the tasks."""
        weights = dict(zip(TASKS, self.weights.tolist(), strict=True))
        return torch.stack([weights[task] * loss for task, loss in task_losses.items()]).sum()

    def observe(self, task_values: Mapping[str, float]) -> None:
        """Count the losses of one step; at the end of a period set the weights anew."""
        for i, task in enumerate(TASKS):
            if task in task_values:
                self.sums[i] += task_values[task]
                self.counts[i] += 1
        self.n_steps += 1
        if int(self.n_steps) % self.period_steps == 0:
            self._end_period()

    def _end_period(self) -> None:
        means = self.sums / self.counts  # NaN for a task without a loss
        rates = means / self.last_means
        seen = torch.isfinite(rates)
        self.weights.fill_(1.0)
        if bool(seen.any()):
            share = torch.softmax(rates[seen] / self.temperature, dim=0)
            self.weights[seen] = share * int(seen.sum())
        self.last_means.copy_(means)
        self.sums.zero_()
        self.counts.zero_()


class LearnedUncertainty(nn.Module):
    """exp(-s_k) loss_k + s_k with one learned s_k per task."""

    def __init__(self) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(len(TASKS)))

    def forward(self, task_losses: Mapping[str, Tensor]) -> Tensor:
        """Sum of the losses under the learned variances."""
        s: dict[str, Tensor] = {task: self.log_variance[i] for i, task in enumerate(TASKS)}
        return torch.stack(
            [torch.exp(-s[task]) * loss + s[task] for task, loss in task_losses.items()]
        ).sum()

    def observe(self, task_values: Mapping[str, float]) -> None:
        """Nothing: the gradient does it."""


Balance = FixedBalance | DynamicWeightAverage | LearnedUncertainty


def make_balance(config: LossConfig) -> Balance:
    """The balance that the configuration names."""
    if config.balance == "dwa":
        return DynamicWeightAverage(config.dwa_period_steps, config.dwa_temperature)
    return LearnedUncertainty() if config.balance == "uncertainty" else FixedBalance()
