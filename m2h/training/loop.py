"""The training loop: steps, curves, held-out scores, states, and a clean end.

Deterministic in (seed, step): batches come from their index alone and the random state is set at
every step, so that an interrupted run that is resumed draws the same curve.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import torch
from torch import nn

from m2h.errors import M2HError
from m2h.losses import MultiTaskLoss
from m2h.training.config import TrainingConfig
from m2h.training.curves import Curves
from m2h.training.distributed import World, agree, average_terms, share_start
from m2h.training.ema import MovingAverage
from m2h.training.interrupt import interruption
from m2h.training.norms import measure_norms, rest_norms
from m2h.training.optimiser import freeze_encoder, make_optimiser, set_rates, tuned_encoder
from m2h.training.prefetch import prefetched
from m2h.training.states import load_full, load_small, load_weights, save_full, save_small
from m2h.training.step import accumulate_gradients, to_device, update
from m2h.types import TASKS, Batch

logger = logging.getLogger(__name__)

FULL_NAME, SMALL_NAME = "last.ckpt", "state.safetensors"
MAX_BAD_STEPS = 10
TERMS = (*TASKS, "sigma", "semantics_partial", "depth_normal", "edge_semantic", "total")

Evaluate = Callable[[nn.Module], Mapping[str, float]]
Observe = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Report:
    """How a run ended: `finished` or out of `time`."""

    step: int
    seconds: float
    reason: str


class Trainer:
    """Owns network, optimiser, average and step of one training."""

    def __init__(
        self,
        model: nn.Module,
        loss: MultiTaskLoss,
        batch_of: Callable[[int], Batch],
        config: TrainingConfig,
        out: Path,
        *,
        device: str = "cpu",
        world: World | None = None,
        evaluate: Evaluate | None = None,
        observe: Observe | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            model: has `normalise(rgb01)` and returns `Outputs`; its encoder, if it has one, is the
                child `encoder` or `backbone`.
            loss: what to minimise.
            batch_of: batch number i of the training, equal for equal i.
            config: numbers of the run.
            out: an existing folder for states and curves.
            device: of torch.
            world: processes of the run.
            evaluate: held-out scores of a network in evaluation mode, called with the average.
            observe: told step and mean terms after every step (a progress bar).
            notes: texts for the small state, e.g. the preset.
        """
        self.config, self.out, self.device = config, out, device
        self.world = world or World()
        self.model = model.to(device)
        if config.channels_last:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.loss = loss.to(device)
        share_start([self.model, self.loss], self.world)
        self.average = MovingAverage(self.model, config.ema_decay)
        self._tuned_encoder = tuned_encoder(self.model)
        self.optimiser = make_optimiser(self.model, config, self.loss.parameters())
        self.parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        self.batch_of, self.evaluate, self.observe = batch_of, evaluate, observe
        self.notes = dict(notes or {})
        self.curves = Curves(out)
        self.step = 0
        self.restarted_at: int | None = None
        self._n_bad = 0
        self._recent: list[dict[str, float]] = []

    def run(self) -> Report:
        """Train to the last step or until the minutes are over; saves in every case.

        Raises:
            KeyboardInterrupt: it was asked to stop; the state is saved.
            M2HError: the gradient was not finite in ten steps in a row.
        """
        start_s = time.monotonic()
        reason = "finished"
        batches = prefetched(self.batch_of, self._indices(), n_threads=self.config.loaders)
        with interruption() as asked, closing(batches):
            while self.step < self.config.steps:
                self._step(batches)
                if asked.is_requested:
                    self.save()
                    raise KeyboardInterrupt
                if self._is_over(start_s):
                    reason = "time"
                    break
        self.save()
        return Report(self.step, time.monotonic() - start_s, reason)

    def _indices(self) -> Iterator[int]:
        """Numbers of this process's batches from the present step on."""
        return count(self.step * self.config.accumulate * self.world.size + self.world.rank,
                     self.world.size)  # fmt: skip

    def _step(self, batches: Iterator[Batch]) -> None:
        config = self.config
        rest_from = round(config.norm_share * config.steps)
        if self.step == rest_from:
            self._measure_norms()
        torch.manual_seed(config.seed * 1_000_003 + self.step * self.world.size + self.world.rank)
        self.model.train()
        freeze_encoder(self.model, self._tuned_encoder, frozen=self.step < config.freeze_steps)
        if self.step >= rest_from:
            rest_norms(self.model)
        rate = set_rates(self.optimiser, self.step, config, restarted_at=self.restarted_at)
        parts = [self._on_device(next(batches)) for _ in range(config.accumulate)]
        own = accumulate_gradients(
            self.model, self.loss, parts, config, progress=self.step / config.steps
        )
        terms = average_terms(own, TERMS, self.world, self.device)
        if update(self.optimiser, self.parameters, config, self.world):
            self._n_bad = 0
            self.loss.observe(terms)
            self.average.update(self.model, self.step)
        else:
            self._skip()
        self.step += 1
        self._after_step(terms, rate)

    def _measure_norms(self) -> None:
        """Let batch norms come to rest on the batches that follow, and the average start anew.

        An average of weights that saw other statistics would fit neither.
        """
        first = next(self._indices())
        batches = (
            self._on_device(self.batch_of(first + k * self.world.size))
            for k in range(self.config.norm_batches)
        )
        measure_norms(self.model, batches, self.world, bf16=self.config.bf16)
        self.average = MovingAverage(self.model, self.config.ema_decay)

    def _on_device(self, batch: Batch) -> Batch:
        return to_device(batch, self.device, channels_last=self.config.channels_last)

    def _skip(self) -> None:
        self._n_bad += 1
        logger.warning("step %d: the gradient is not finite; skipped", self.step)
        if self._n_bad >= MAX_BAD_STEPS:
            raise M2HError(
                f"step {self.step}: the gradient was not finite in {MAX_BAD_STEPS} steps in a row; "
                f"resume with a lower rate (--set rate={self.config.rate / 3:.1g})"
            )

    def _after_step(self, terms: Mapping[str, float], rate: float) -> None:
        config, is_last = self.config, self.step == self.config.steps
        if not self.world.is_first:
            return
        self._recent.append(dict(terms))
        if self.observe is not None:
            self.observe(self.step, terms)
        if self.step % config.log_every == 0 or is_last:
            self.curves.append({"step": self.step, "rate": rate, **self._recent_means()})
        if self.evaluate is not None and (self.step % config.evaluate_every == 0 or is_last):
            scores = self.evaluate(self.average.model)
            self.curves.append({"step": self.step, **_prefixed("heldout.", scores)})
            self._draw()
        if self.step % config.save_every == 0:
            self.save()

    def _recent_means(self) -> dict[str, float]:
        names = [name for name in TERMS if any(name in terms for terms in self._recent)]
        means = {}
        for name in names:
            values = [terms[name] for terms in self._recent if name in terms]
            means[name] = sum(values) / len(values)
        self._recent.clear()
        return _prefixed("loss.", means)

    def _is_over(self, start_s: float) -> bool:
        if self.config.minutes is None or self.step >= self.config.steps:
            return False
        over = time.monotonic() - start_s >= 60 * self.config.minutes
        return agree(over, self.world, self.device)

    def save(self) -> None:
        """Write both states and the picture of the curves."""
        if not self.world.is_first:
            return
        save_full(
            self.out / FULL_NAME,
            {
                "step": self.step,
                "seed": self.config.seed,
                "restarted_at": self.restarted_at,
                "model": self.model.state_dict(),
                "average": self.average.model.state_dict(),
                "loss": self.loss.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "recent": self._recent,
                "config": self.config.model_dump_json(),
            },
        )
        notes = self.notes | {"config": self.config.model_dump_json()}
        save_small(
            self.out / SMALL_NAME,
            self.model,
            self.average.model,
            step=self.step,
            seed=self.config.seed,
            notes=notes,
        )
        self._draw()

    def _draw(self) -> None:
        if self.config.draw:
            self.curves.draw()

    def resume(self, path: Path) -> None:
        """Go on from a state: exactly from `last.ckpt`, with a second warm-up from a small one.

        Raises:
            CheckpointError: the file is absent, damaged or of another network.
        """
        if path.suffix == ".safetensors":
            small = load_small(path, self.model, self.average.model)
            self.step, self.restarted_at = small.step, small.step
        else:
            self._resume_full(path)
        self.curves.rewind(self.step)
        logger.info("going on from step %d of %s", self.step, path)

    def _resume_full(self, path: Path) -> None:
        state = load_full(path)
        load_weights(self.model, state["model"], str(path))
        load_weights(self.average.model, state["average"], str(path))
        load_weights(self.loss, state["loss"], str(path))
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.restarted_at = state["step"], state["restarted_at"]
        self._recent = list(state["recent"])
        before = json.loads(state["config"])
        changed = [k for k, v in json.loads(self.config.model_dump_json()).items()
                   if before.get(k) != v and k not in ("minutes", "loaders", "draw")]  # fmt: skip
        if changed:
            logger.warning("%s: these settings differ from before: %s", path, ", ".join(changed))


def _prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{prefix}{name}": value for name, value in values.items()}
