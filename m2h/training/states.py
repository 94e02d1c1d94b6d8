"""Files from which a training goes on.

`last.ckpt` holds everything: the next step is the one an uninterrupted run would have taken.
`state.safetensors` is the long-lived, small one: weights and average in half precision, step and
seed; the optimiser's moments are rebuilt under a second warm-up (`schedule.RESTART_STEPS`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from m2h.context import is_added
from m2h.errors import CheckpointError

FULL_FORMAT, SMALL_FORMAT = "m2h_training/1", "m2h_training_small/1"
HALF_LIMIT = 6e4  # larger values do not fit half precision


@dataclass(frozen=True)
class SmallState:
    """What a small state says beside its weights."""

    step: int
    seed: int
    notes: dict[str, str]


def save_full(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors, numbers and texts as one file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    torch.save({"format": FULL_FORMAT, **state}, part)
    os.replace(part, path)  # noqa: PTH105 - the atomic one on every system


def load_full(path: Path) -> dict[str, Any]:
    """Read what `save_full` wrote.

    Raises:
        CheckpointError: the file is absent, damaged or of another kind.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; start without --resume") from None
    except Exception as error:  # torch raises many kinds for a damaged file
        raise CheckpointError(
            f"{path}: cannot be read as a training state ({type(error).__name__}); "
            "resume from state.safetensors beside it"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FULL_FORMAT:
        raise CheckpointError(f"{path}: not a training state of this version; name another file")
    return state


def save_small(
    path: Path, model: nn.Module, average: nn.Module, *, step: int, seed: int,
    notes: Mapping[str, str],
) -> None:  # fmt: skip
    """Write weights and average in half precision with step and seed."""
    from safetensors.torch import save_file

    tensors = {f"model.{k}": _half(v) for k, v in model.state_dict().items()}
    tensors |= {f"average.{k}": _half(v) for k, v in average.state_dict().items()}
    metadata = {"format": SMALL_FORMAT, "step": str(step), "seed": str(seed)}
    part = path.with_name(f".{path.name}.part")
    save_file(tensors, part, metadata | {"notes": json.dumps(dict(notes), sort_keys=True)})
    part.chmod(0o644)  # the library writes files that only their owner may read
    os.replace(part, path)  # noqa: PTH105


def load_small(path: Path, model: nn.Module, average: nn.Module) -> SmallState:
    """Load weights and average into two networks of the same shape.

    Parts that begin as the identity (`m2h.context`) may be new: they keep their start.

    Raises:
        CheckpointError: the file is absent, damaged, of another kind or of another network.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; start without --resume") from None
    except SafetensorError as error:
        raise CheckpointError(
            f"{path}: damaged or no safetensors file ({error}); use an older copy"
        ) from error
    if metadata.get("format") != SMALL_FORMAT:
        raise CheckpointError(f"{path}: holds no training state; name a state.safetensors")
    for prefix, module in (("model.", model), ("average.", average)):
        part = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        start = {k: v for k, v in module.state_dict().items() if k not in part and is_added(k)}
        load_weights(module, part | start, str(path))
    return SmallState(
        int(metadata["step"]), int(metadata["seed"]), json.loads(metadata.get("notes", "{}"))
    )


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Strict loading with a one-line error."""
    wanted = module.state_dict()
    odd = sorted(set(wanted) ^ set(tensors))
    odd += [k for k in wanted if k in tensors and wanted[k].shape != tensors[k].shape]
    if odd:
        raise CheckpointError(
            f"{where}: belongs to another network ({len(odd)} tensors differ, e.g. {odd[0]}); "
            "give the preset and switches it was trained with"
        )
    module.load_state_dict(dict(tensors))


def _half(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    fits = tensor.is_floating_point() and bool((tensor.abs() < HALF_LIMIT).all())
    return tensor.half() if fits else tensor.clone()
