"""Train and judge every variant with every seed: same encoder, data, batches and schedule.

    OUT/study.json                          what all trainings share; another study is refused
    OUT/runs/VARIANT/seed_N/MEMBER/         curves, and network.safetensors once it is finished
    OUT/runs/VARIANT/seed_N/scores.json     of the variant's networks together

A finished network is never trained again, an interrupted one goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch

from m2h.ablation.judging import Judged, Judging, Scores, consistency_of_truth, judge
from m2h.ablation.variants import Member, Variant
from m2h.checkpoints import load_checkpoint, save_checkpoint, start_encoder
from m2h.errors import DataError
from m2h.losses import make_loss
from m2h.model import M2H, build_model, preset
from m2h.training import Trainer, TrainingConfig
from m2h.training.held_out import HeldOut
from m2h.training.loop import FULL_NAME, SMALL_NAME
from m2h.training.sources import Sources, held_out_batches, mixed_batches

NETWORK_NAME, SCORES_NAME, STUDY_NAME = "network.safetensors", "scores.json", "study.json"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Study:
    """What is compared, and what all trainings have in common."""

    out: Path
    sources: Sources
    config: TrainingConfig  # its seed and minutes are not used
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    judging: Judging
    shares: Mapping[str, float] | None = None
    preset: str = "m2h_tiny"
    switches: Mapping[str, Any] = field(default_factory=dict)
    encoder: Path | None = None
    device: str = "cpu"
    minutes: float | None = None  # of this call; the next one goes on

    def shared(self) -> dict[str, Any]:
        """What must not change between two calls, as plain values."""
        training = self.config.model_dump(exclude={"seed", "minutes", "loaders", "draw"})
        pictures = {name: len(reader) for name, reader in sorted(self.sources.training.items())}
        values = {
            "preset": self.preset,
            "switches": dict(self.switches),
            "encoder_start": self.encoder.name if self.encoder else "random",
            "size": list(self.judging.size),
            "pictures": pictures,
            "shares": dict(self.shares) if self.shares else None,
            "training": training,
        }
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain

    def folder(self, variant: Variant, seed: int) -> Path:
        """Of one row with one seed."""
        return self.out / "runs" / variant.name / f"seed_{seed}"


@dataclass(frozen=True)
class Results:
    """Scores by variant and seed, as far as they are there."""

    scores: dict[str, dict[int, Judged]]
    n_parameters: dict[str, int]
    truth: dict[str, Scores]  # consistency of the truth, by source
    unfinished: list[str]  # `variant/seed`


def run_study(study: Study, tell: Tell = lambda text: None) -> Results:
    """Train what is not trained, judge what is not judged; stops when the minutes are over.

    Seeds are the outer loop, so that a study that is stopped early compares all variants.

    Raises:
        DataError: the folder holds another study, or nothing is held out to judge on.
        KeyboardInterrupt: stopped by the user; the training is saved and goes on in the next call.
    """
    if not study.sources.held_out:
        raise DataError("ablation: photographs alone cannot be judged; add --simulated or --nyuv2")
    _claim(study)
    end_s = None if study.minutes is None else time.monotonic() + 60 * study.minutes
    results = Results({v.name: {} for v in study.variants}, {}, {}, [])
    for seed in study.seeds:
        for variant in study.variants:
            if all(_trained(study, variant, m, seed, end_s, tell) for m in variant.members):
                judged, n_parameters = _judged(study, variant, seed, tell)
                results.scores[variant.name][seed] = judged
                results.n_parameters[variant.name] = n_parameters
            else:
                results.unfinished.append(f"{variant.name}/{seed}")
    results.truth.update(consistency_of_truth(study.sources.held_out, study.judging))
    return results


def _claim(study: Study) -> None:
    """Refuse a folder whose networks were trained otherwise."""
    path = study.out / STUDY_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    shared = study.shared()
    if not path.is_file():
        _write_json(path, shared)
        return
    try:
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is damaged; name another --out") from error
    changed = _changed(before, shared)
    if changed:
        raise DataError(
            f"{study.out}: holds a study with other {', '.join(changed)}; name another --out"
        )


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    keys = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
    if "training" not in keys:
        return keys
    old, new = before.get("training", {}), now.get("training", {})
    keys.remove("training")
    return keys + sorted(key for key in {*old, *new} if old.get(key) != new.get(key))


def _trained(
    study: Study, variant: Variant, member: Member, seed: int, end_s: float | None, tell: Tell
) -> bool:
    """Whether the network is there, after training it as far as the time allows."""
    folder = study.folder(variant, seed) / member.name
    if (folder / NETWORK_NAME).is_file():
        return True
    minutes = None if end_s is None else (end_s - time.monotonic()) / 60
    if minutes is not None and minutes <= 0:
        return False
    tell(f"training {variant.name}, {member.name}, seed {seed}")
    folder.mkdir(parents=True, exist_ok=True)
    config = study.config.model_copy(update={"seed": seed, "minutes": minutes})
    trainer = _trainer(study, member, config, folder)
    if (folder / FULL_NAME).is_file():
        trainer.resume(folder / FULL_NAME)
    if trainer.run().reason != "finished":
        return False
    card = {"variant": variant.name, "seed": str(seed), "steps": str(config.steps)}
    average = cast(M2H, trainer.average.model)
    save_checkpoint(folder / NETWORK_NAME, average, card)
    for name in (FULL_NAME, SMALL_NAME):  # states are larger than networks, and done with
        (folder / name).unlink(missing_ok=True)
    return True


def _trainer(study: Study, member: Member, config: TrainingConfig, folder: Path) -> Trainer:
    torch.manual_seed(config.seed)  # the start belongs to the seed
    size = study.judging.size
    switches = {"input_size": size, **study.switches, **member.switches}
    model = build_model(preset(study.preset, **switches))
    if study.encoder is not None:
        start_encoder(model, study.encoder)
    focal_px = model.config.canonical_focal_px
    batches = mixed_batches(
        study.sources, batch=config.batch, seed=config.seed, size=size, shares=study.shares
    )
    evaluate = HeldOut(
        held_out_batches(study.sources, size),
        canonical_focal_px=focal_px,
        device=study.device,
        bf16=config.bf16,
    )
    loss = make_loss(
        config.loss,
        batches,
        canonical_focal_px=focal_px,
        has_teacher="photos" in study.sources.training,
    )
    return Trainer(model, loss, batches, config, folder, device=study.device, evaluate=evaluate)


def _judged(study: Study, variant: Variant, seed: int, tell: Tell) -> tuple[Judged, int]:
    """Scores and number of parameters, from the file where they were judged before."""
    folder = study.folder(variant, seed)
    path, asked = folder / SCORES_NAME, json.loads(json.dumps(asdict(study.judging)))
    if path.is_file():
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["judging"] == asked:
            return Judged(stored["whole"], stored["blocks"]), stored["parameters"]
    tell(f"judging {variant.name}, seed {seed}")
    networks = [load_checkpoint(folder / m.name / NETWORK_NAME) for m in variant.members]
    n_parameters = sum(p.numel() for network in networks for p in network.parameters())
    judged = judge(networks, study.sources.held_out, study.judging, study.device)
    _write_json(path, {"judging": asked, "parameters": n_parameters, **asdict(judged)})
    return judged, n_parameters


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)
