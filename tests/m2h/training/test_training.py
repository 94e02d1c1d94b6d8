"""The loop on a network of two convolutions: resuming, budgets, freezing, states, curves."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import torch

from m2h.errors import CheckpointError, DataError, M2HError
from m2h.losses import LossConfig, MultiTaskLoss
from m2h.training import Trainer, TrainingConfig, with_settings
from m2h.training.ema import MovingAverage
from m2h.training.optimiser import make_optimiser, set_rates
from m2h.training.prefetch import prefetched
from m2h.training.schedule import RESTART_STEPS, encoder_factor, rate_factor
from tests.m2h.batches_by_hand import TinyNetwork, batch_of, random_batch

CONFIG = TrainingConfig(
    steps=6,
    freeze_steps=2,
    warmup_steps=2,
    log_every=1,
    save_every=1000,
    evaluate_every=2,
    draw=False,
)


def trainer(out: Path, config: TrainingConfig = CONFIG, **options) -> Trainer:
    out.mkdir(exist_ok=True)
    loss = MultiTaskLoss(config.loss)
    return Trainer(
        TinyNetwork(), loss, options.pop("batches", random_batch), config, out, **options
    )


def losses(run: Trainer) -> list[tuple[int, float]]:
    return [(r["step"], r["loss.total"]) for r in run.curves.read() if "loss.total" in r]


def interrupted_after(n_steps: int, run: Trainer) -> None:
    """Let a run be interrupted by Ctrl-C during step `n_steps`."""

    def interrupt(step: int, terms) -> None:
        if step == n_steps:
            os.kill(os.getpid(), signal.SIGINT)

    run.observe = interrupt
    with pytest.raises(KeyboardInterrupt):
        run.run()


@pytest.mark.parametrize("balance", ["fixed", "dwa", "uncertainty"])
def test_interrupted_and_resumed_run_equals_the_uninterrupted_one(tmp_path, balance):
    config = CONFIG.model_copy(
        update={"accumulate": 2, "loss": LossConfig(balance=balance, dwa_period_steps=2)}
    )
    straight = trainer(tmp_path / "straight", config)
    straight.run()
    interrupted_after(3, trainer(tmp_path / "parts", config))
    resumed = trainer(tmp_path / "parts", config)
    resumed.resume(tmp_path / "parts" / "last.ckpt")
    assert resumed.step == 3
    resumed.run()
    assert losses(resumed) == losses(straight)
    for name, tensor in straight.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name])
    for name, tensor in straight.average.model.state_dict().items():
        assert torch.equal(tensor, resumed.average.model.state_dict()[name])


def test_lines_written_after_the_saved_step_are_written_again(tmp_path):
    run = trainer(tmp_path, CONFIG.model_copy(update={"save_every": 2}))
    run.run()
    run.curves.append({"step": 99, "loss.total": 0.0})
    again = trainer(tmp_path)
    again.resume(tmp_path / "last.ckpt")
    assert max(record["step"] for record in again.curves.read()) == 6


def test_small_state_goes_on_with_a_second_warm_up(tmp_path):
    run = trainer(tmp_path)
    run.run()
    longer = trainer(tmp_path, CONFIG.model_copy(update={"steps": 12}))
    longer.resume(tmp_path / "state.safetensors")
    assert (longer.step, longer.restarted_at) == (6, 6)
    weights = dict(run.model.named_parameters())
    for name, tensor in longer.model.named_parameters():
        torch.testing.assert_close(tensor, weights[name], atol=1e-3, rtol=1e-3)
    full = rate_factor(6, longer.config)
    assert rate_factor(6, longer.config, restarted_at=6) == pytest.approx(full / RESTART_STEPS)
    assert longer.run().step == 12


def test_small_state_holds_values_that_half_precision_cannot(tmp_path):
    run = trainer(tmp_path)
    with torch.no_grad():
        run.model.heads.bias[0] = 1e6
    run.save()
    again = trainer(tmp_path)
    again.resume(tmp_path / "state.safetensors")
    assert again.model.heads.bias[0].item() == 1e6


def test_encoder_stands_still_while_it_is_frozen(tmp_path):
    run = trainer(tmp_path, CONFIG.model_copy(update={"steps": 2}))
    start = TinyNetwork().state_dict()
    run.run()
    moved = {name: not torch.equal(t, start[name]) for name, t in run.model.state_dict().items()}
    assert {name for name, m in moved.items() if m} == {"heads.weight", "heads.bias"}


def test_encoder_moves_after_it(tmp_path):
    run = trainer(tmp_path)
    start = TinyNetwork().state_dict()
    run.run()
    assert not torch.equal(run.model.encoder[0].weight, start["encoder.0.weight"])


def test_budget_stops_cleanly_and_saves(tmp_path):
    run = trainer(tmp_path, CONFIG.model_copy(update={"steps": 10**6, "minutes": 1e-6}))
    report = run.run()
    assert (report.reason, report.step) == ("time", 1)
    again = trainer(tmp_path)
    again.resume(tmp_path / "last.ckpt")
    assert again.step == 1


def test_held_out_scores_of_the_average_stand_in_the_curves(tmp_path):
    seen = []

    def evaluate(model):
        seen.append(model)
        return {"depth.abs_rel": 0.5}

    run = trainer(tmp_path, CONFIG.model_copy(update={"draw": True}), evaluate=evaluate)
    run.run()
    scores = [r for r in run.curves.read() if "heldout.depth.abs_rel" in r]
    assert [r["step"] for r in scores] == [2, 4, 6]
    assert all(model is run.average.model and not model.training for model in seen)
    assert (tmp_path / "curves.png").stat().st_size > 5000


def test_training_lowers_the_loss(tmp_path):
    config = TrainingConfig(
        steps=60, freeze_steps=0, warmup_steps=5, rate=0.03, log_every=1, draw=False,
        loss=LossConfig(depth_normal=0, edge_semantic=0),
    )  # fmt: skip
    run = trainer(tmp_path, config, batches=lambda i: random_batch(0))
    run.run()
    curve = [value for _, value in losses(run)]
    assert curve[-1] < 0.8 * curve[0]


def test_ten_broken_gradients_in_a_row_end_the_run_and_spare_the_weights(tmp_path):
    broken = batch_of(depth_m=torch.full((2, 1, 8, 12), 2.0), image=torch.full((2, 3, 8, 12), 1e38))
    run = trainer(tmp_path, CONFIG.model_copy(update={"steps": 20}), batches=lambda i: broken)
    with pytest.raises(M2HError, match="10 steps in a row; resume with a lower rate"):
        run.run()
    assert torch.equal(run.model.heads.weight, TinyNetwork().heads.weight)


def test_bf16_trains(tmp_path):
    run = trainer(tmp_path, CONFIG.model_copy(update={"bf16": True}))
    run.run()
    assert all(value == value for _, value in losses(run))


def test_state_of_another_network_is_refused_in_one_line(tmp_path):
    run = trainer(tmp_path)
    run.save()
    for name in ("last.ckpt", "state.safetensors"):
        other = trainer(tmp_path)
        other.model.heads = torch.nn.Conv2d(6, 9, 1)
        with pytest.raises(CheckpointError, match=r"another network.*heads") as error:
            other.resume(tmp_path / name)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["last.ckpt", "state.safetensors"])
def test_damaged_or_absent_state_is_refused_in_one_line(tmp_path, name):
    with pytest.raises(CheckpointError, match="no such file"):
        trainer(tmp_path).resume(tmp_path / name)
    (tmp_path / name).write_bytes(b"not a state")
    with pytest.raises(CheckpointError, match=r"resume from|older copy") as error:
        trainer(tmp_path).resume(tmp_path / name)
    assert "\n" not in str(error.value)


def test_rate_warms_up_and_falls_to_its_share():
    config = TrainingConfig(steps=1000, warmup_steps=10, freeze_steps=100, final_rate_share=0.1)
    assert rate_factor(0, config) == pytest.approx(0.1)
    assert rate_factor(500, config) == pytest.approx(0.55)
    assert rate_factor(1000, config) == pytest.approx(0.1)
    assert [encoder_factor(s, config) for s in (99, 104, 200)] == pytest.approx([0, 0.5, 1])


class Transformer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = torch.nn.Module()
        self.backbone.embed = torch.nn.Linear(2, 2)
        self.backbone.blocks = torch.nn.ModuleList([torch.nn.Linear(2, 2) for _ in range(2)])
        self.head = torch.nn.Linear(2, 2)


def test_rates_fall_from_the_heads_to_the_first_block():
    config = TrainingConfig(rate=1.0, warmup_steps=0, freeze_steps=0, layer_decay=0.5)
    model = Transformer()
    optimiser = make_optimiser(model, config)
    set_rates(optimiser, 0, config, restarted_at=None)
    rates = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    named = {name: rates[id(p)] for name, p in model.named_parameters() if "weight" in name}
    assert named == pytest.approx(
        {
            "head.weight": 1.0,
            "backbone.blocks.1.weight": 0.05,
            "backbone.blocks.0.weight": 0.025,
            "backbone.embed.weight": 0.0125,
        }
    )


def test_average_follows_slowly():
    model = TinyNetwork()
    average = MovingAverage(model, decay=0.9)
    start = model.heads.bias.detach().clone()
    with torch.no_grad():
        model.heads.bias += 1.0
    average.update(model, n_updates=10**6)
    torch.testing.assert_close(average.model.heads.bias, start + 0.1)


def test_batches_come_in_order_and_errors_where_they_belong():
    def make(i: int) -> int:
        if i == 5:
            raise DataError("image 5 is damaged")
        return i

    batches = prefetched(make, range(9), n_threads=3)
    assert [next(batches) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="image 5"):
        next(batches)


def test_settings_reach_nested_values_and_wrong_ones_are_named():
    config = with_settings(TrainingConfig(), ["loss.depth=0.5", "steps=7", "bf16=true"])
    assert (config.loss.depth, config.steps, config.bf16) == (0.5, 7, True)
    with pytest.raises(DataError, match=r"did you mean loss\.depth"):
        with_settings(TrainingConfig(), ["loss.dept=1"])
    with pytest.raises(DataError, match="steps: input should be"):
        with_settings(TrainingConfig(), ["steps=many"])
    assert json.loads(config.model_dump_json())["loss"]["depth"] == 0.5


def test_part_that_the_model_froze_stays_frozen(tmp_path):
    model = TinyNetwork()
    model.encoder.requires_grad_(False)
    run = Trainer(model, MultiTaskLoss(CONFIG.loss), random_batch, CONFIG, tmp_path)
    run.run()
    assert torch.equal(run.model.encoder[0].weight, TinyNetwork().encoder[0].weight)
    assert not run.model.encoder.training
