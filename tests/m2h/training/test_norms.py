"""Batch norms: measured over batches, kept from then on, and a resumed run does not notice."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from m2h.losses import MultiTaskLoss
from m2h.training import Trainer, TrainingConfig
from m2h.training.distributed import World
from m2h.training.norms import measure_norms, norms_of, rest_norms
from tests.m2h.batches_by_hand import TinyNetwork, random_batch

CONFIG = TrainingConfig(
    steps=8, freeze_steps=1, warmup_steps=1, log_every=1, norm_share=0.5, norm_batches=3, draw=False
)


class NormedNetwork(TinyNetwork):
    """The tiny network with a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())


def trainer(out: Path) -> Trainer:
    out.mkdir(exist_ok=True)
    return Trainer(NormedNetwork(), MultiTaskLoss(CONFIG.loss), random_batch, CONFIG, out)


def statistics(model: nn.Module) -> list[torch.Tensor]:
    return [x.clone() for norm in norms_of(model) for x in (norm.running_mean, norm.running_var)]


def test_measured_statistics_are_the_mean_over_the_batches():
    model, batches = NormedNetwork(), [random_batch(k) for k in range(4)]
    with torch.no_grad():
        maps = [model.encoder[0](model.normalise(batch.image)) for batch in batches]
    measure_norms(model, batches, World(), bf16=False)
    mean, variance = statistics(model)
    torch.testing.assert_close(mean, torch.stack([m.mean((0, 2, 3)) for m in maps]).mean(0))
    torch.testing.assert_close(variance, torch.stack([m.var((0, 2, 3)) for m in maps]).mean(0))
    assert model.encoder[1].momentum == pytest.approx(0.1)


def test_resting_norms_keep_their_statistics_and_learn_their_scale():
    model = NormedNetwork().train()
    rest_norms(model)
    before = statistics(model)
    model(random_batch(0).image).semantics.sum().backward()
    assert all(torch.equal(a, b) for a, b in zip(before, statistics(model), strict=True))
    assert model.encoder[1].weight.grad.abs().sum() > 0
    assert model.training


def test_a_training_measures_once_and_keeps_what_it_measured(tmp_path):
    run, seen = trainer(tmp_path), []
    run.observe = lambda step, terms: seen.append((step, statistics(run.model)[0]))
    run.run()
    moved = [not torch.equal(a, b) for (_, a), (_, b) in pairwise(seen)]
    assert moved == [True] * 4 + [False] * 3  # the fifth step is the first after the measuring
    assert torch.equal(statistics(run.average.model)[0], seen[-1][1])


@pytest.mark.parametrize("stopped_at", [3, 4, 6])
def test_a_resumed_training_measures_the_same(tmp_path, stopped_at):
    straight = trainer(tmp_path / "straight")
    straight.run()
    first = trainer(tmp_path / "parts")

    def stop(step, terms):
        if step == stopped_at:
            first.save()
            raise InterruptedError

    first.observe = stop
    with pytest.raises(InterruptedError):
        first.run()
    resumed = trainer(tmp_path / "parts")
    resumed.resume(tmp_path / "parts" / "last.ckpt")
    resumed.run()
    for name, tensor in straight.average.model.state_dict().items():
        assert torch.equal(tensor, resumed.average.model.state_dict()[name]), name
