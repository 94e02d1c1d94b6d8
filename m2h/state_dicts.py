"""What a state dict is: its network by its keys, and how it differs from what is expected.

Source of the rules: the names of the release (`mlt_head.*`, `backbone.*`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from m2h.backbone import VIT_SHAPES
from m2h.errors import CheckpointError
from m2h.presets import ModelConfig, preset

State = Mapping[str, Tensor]

_WRAPPERS = ("state_dict", "model", "model_state_dict")
_PREFIX = "module."  # of networks trained on several GPUs


def unwrap(path: Path, stored: Any) -> dict[str, Tensor]:
    """The state dict inside what a training script pickled.

    Raises:
        CheckpointError: there is none.
    """
    for name in _WRAPPERS:
        if isinstance(stored, Mapping) and isinstance(stored.get(name), Mapping):
            stored = stored[name]
    if not isinstance(stored, Mapping) or not stored:
        raise CheckpointError(f"{path}: holds no state dict; save model.state_dict()")
    state = {str(key): x for key, x in stored.items()}
    strange = [key for key, x in state.items() if not isinstance(x, torch.Tensor)]
    if strange:
        raise CheckpointError(
            f"{path}: {strange[0]} is not a tensor; save model.state_dict() by itself"
        )
    while all(key.startswith(_PREFIX) for key in state):
        state = {key.removeprefix(_PREFIX): x for key, x in state.items()}
    return state


def config_of_state(path: Path, state: State) -> ModelConfig:
    """Preset, encoder, head width and number of classes of a released network's state dict.

    Raises:
        CheckpointError: it is something else; says what it looks like.
    """
    reductions = [x for k, x in state.items() if k in _REDUCTIONS]
    final = state.get("mlt_head.seg_out.final_conv.weight")
    if not reductions or final is None or _encoder(state, "backbone.") is None:
        raise CheckpointError(
            f"{path}: not a network of m2h or m2h_small, it {looks_like(state)}; "
            "give a checkpoint of these or a .safetensors of this project"
        )
    name = "m2h_small" if _is_light(state) else "m2h"
    return preset(
        name,
        encoder=_encoder(state, "backbone."),
        head_channels=reductions[0].shape[0],
        n_classes=final.shape[0],
    )


def check_fit(path: Path, state: State, expected: State, what: str) -> None:
    """Compare keys and shapes.

    Raises:
        CheckpointError: in one line, which keys differ and what the file looks like.
    """
    missing = sorted(set(expected) - set(state))
    surplus = sorted(set(state) - set(expected))
    reshaped = [k for k in expected if k in state and state[k].shape != expected[k].shape]
    parts = [
        f"{len(keys)} keys {fault} (first {keys[0]})"
        for keys, fault in ((missing, "missing"), (surplus, "too many"))
        if keys
    ]
    if reshaped:
        key = reshaped[0]
        shapes = f"{tuple(state[key].shape)}, not {tuple(expected[key].shape)}"
        parts.append(f"{len(reshaped)} of another shape (first {key}: {shapes})")
    if parts:
        raise CheckpointError(
            f"{path}: does not fit {what}: {', '.join(parts)}; it {looks_like(state)}"
        )


def looks_like(state: State) -> str:
    """A guess in words, to follow "it"."""
    if any(k.startswith("mlt_head.task_maps.") for k in state):
        return "looks like m2h_tiny"
    if any(k.startswith("mlt_head.") for k in state):
        return f"looks like {'m2h_small' if _is_light(state) else 'm2h'}"
    if "register_tokens" in state:
        return "looks like DINOv2 with registers; M2H needs the one without"
    encoder = _encoder(state, "")
    if encoder:
        return f"looks like the encoder {encoder} alone"
    if any(k.startswith("encoder.block") for k in state) or "block00.dw.weight" in state:
        return "looks like the encoder mobilenet_v2 alone"
    return "looks like none of the known networks"


_REDUCTIONS = ("mlt_head.convs.0.conv.weight", "mlt_head.convs.0.conv.pointwise.weight")


def _is_light(state: State) -> bool:
    return any(key.startswith("mlt_head.pre_attn_proj.") for key in state)


def _encoder(state: State, prefix: str) -> str | None:
    """Name of the DINOv2 whose width the class token has."""
    token = state.get(f"{prefix}cls_token")
    widths = {shape.width: name for name, shape in VIT_SHAPES.items()}
    return None if token is None else widths.get(token.shape[-1])
