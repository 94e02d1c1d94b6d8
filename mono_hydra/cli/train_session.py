"""Put network, data and trainer together for `train_m2h`, and save what came out."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from tqdm import tqdm

from m2h.checkpoints import load_checkpoint, save_checkpoint, start_encoder
from m2h.losses import make_loss
from m2h.model import M2H, build_model, preset
from m2h.training import Report, Trainer, TrainingConfig, with_settings
from m2h.training.distributed import World, join_world, leave_world
from m2h.training.held_out import HeldOut
from m2h.training.loop import FULL_NAME, SMALL_NAME
from m2h.training.sources import (
    Sources,
    held_out_batches,
    labels_of_photos,
    mixed_batches,
    open_sources,
)
from mono_hydra.cli.train_m2h import parse_shares, report_line
from mono_hydra.errors import ConfigError
from mono_hydra.files.atomic import write_text

NETWORK_NAME = "m2h.safetensors"


def train(
    args: argparse.Namespace,
    size: tuple[int, int],
    settings: Sequence[str],
    switches: Mapping[str, Any],
) -> int:
    """Run the training that the options describe; returns the exit code."""
    config = with_settings(TrainingConfig(), settings)
    args.out.mkdir(parents=True, exist_ok=True)
    sources = open_sources(
        simulated=args.simulated, nyuv2=args.nyuv2, photos=args.photos, teacher=_labels(args)
    )
    model = _network(args, switches, config, size)
    world = join_world(args.device)
    try:
        if world.is_first:
            _say_plan(args, config, sources, model)
        trainer = _trainer(args, config, size, sources, model, world)
        try:
            report = trainer.run()
        finally:  # also when interrupted: the average so far is a network
            if world.is_first:
                average = cast(M2H, trainer.average.model)
                save_checkpoint(args.out / NETWORK_NAME, average, _card(args, config, trainer.step))
        if world.is_first:
            report_line(_summary(trainer, report))
    finally:
        leave_world(world)
    return 0


def _labels(args: argparse.Namespace) -> Path | None:
    """The teacher's labels of the photographs; a teacher network makes them on first use."""
    if args.photos is None or args.teacher is None:
        return None
    return labels_of_photos(args.photos, args.teacher, args.out)


def _network(
    args: argparse.Namespace,
    switches: Mapping[str, Any],
    config: TrainingConfig,
    size: tuple[int, int],
) -> M2H:
    torch.manual_seed(config.seed)  # the decoder's random start belongs to the run
    if args.start is not None:
        if switches:
            raise ConfigError("--start: the file says what the network is; drop --set model.*")
        return load_checkpoint(args.start)
    model = build_model(preset(args.preset, **{"input_size": size, **switches}))
    if args.encoder is not None:
        start_encoder(model, args.encoder)
    return model


def _trainer(
    args: argparse.Namespace,
    config: TrainingConfig,
    size: tuple[int, int],
    sources: Sources,
    model: M2H,
    world: World,
) -> Trainer:
    focal_px = model.config.canonical_focal_px
    batches = mixed_batches(
        sources,
        batch=config.batch,
        seed=config.seed,
        size=size,
        shares=parse_shares(args.shares),
    )
    loss = make_loss(
        config.loss, batches, canonical_focal_px=focal_px, has_teacher=args.photos is not None
    )
    trainer = Trainer(
        model,
        loss,
        batches,
        config,
        args.out,
        device=args.device,
        world=world,
        evaluate=HeldOut(
            held_out_batches(sources, size),
            canonical_focal_px=focal_px,
            device=args.device,
            bf16=config.bf16,
        ),
        notes={"network": json.dumps(model.config.to_dict(), sort_keys=True)},
    )
    if args.resume is not None:
        trainer.resume(_state(args.out, args.resume))
    trainer.observe = _progress(config, trainer.step, quiet=args.quiet)
    return trainer


def _state(out: Path, named: str) -> Path:
    """The state to go on from: the one named, else the exact one, else the small one."""
    if named:
        return Path(named)
    full, small = out / FULL_NAME, out / SMALL_NAME
    return small if small.is_file() and not full.is_file() else full


def _progress(
    config: TrainingConfig, first: int, *, quiet: bool
) -> Callable[[int, Mapping[str, float]], None]:
    bar = tqdm(
        total=config.steps, initial=first, unit="step", disable=True if quiet else None,
        dynamic_ncols=True,
    )  # fmt: skip

    def observe(step: int, terms: Mapping[str, float]) -> None:
        bar.update(step - bar.n)
        bar.set_postfix({name: f"{value:.3f}" for name, value in terms.items()}, refresh=False)

    return observe


def _say_plan(
    args: argparse.Namespace, config: TrainingConfig, sources: Sources, model: M2H
) -> None:
    write_text(args.out / "settings.json", config.model_dump_json(indent=1) + "\n")
    for name, reader in sources.training.items():
        aside = len(sources.held_out[name]) if name in sources.held_out else 0
        print(f"{name}: {len(reader)} pictures, {aside} kept aside")
    n_parameters = sum(p.numel() for p in model.parameters())
    print(f"{model.config.preset}: {n_parameters / 1e6:.2f} M parameters, {config.steps} steps")


def _card(args: argparse.Namespace, config: TrainingConfig, step: int) -> dict[str, str]:
    """What a user of the weights must know, as the command knows it."""
    used = [name for name in ("simulated", "nyuv2", "photos") if getattr(args, name)]
    return {
        "training_data": ", ".join(used),
        "encoder_start": args.encoder.name if args.encoder else "random",
        "steps": f"{step} of {config.steps}",
        "image_size": args.size,
        "seed": str(config.seed),
        "settings": config.model_dump_json(),
    }


def _summary(trainer: Trainer, report: Report) -> dict[str, Any]:
    held_out = [r for r in trainer.curves.read() if any(k.startswith("heldout.") for k in r)]
    last = held_out[-1] if held_out else {}
    return {
        "step": report.step,
        "seconds": round(report.seconds, 1),
        "reason": report.reason,
        "network": str(trainer.out / NETWORK_NAME),
        **{key: value for key, value in last.items() if key.startswith("heldout.")},
    }
