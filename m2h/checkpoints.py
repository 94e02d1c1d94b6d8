"""Reading and writing of weights.

Read: the released M2H networks (`.pt`, a plain state dict or one wrapped as `state_dict` or
`model`, keys perhaps prefixed `module.`), DINOv2 release weights and the open MobileNetV2 as start
of an encoder, and this project's own `.safetensors`, which carry configuration and model card.
Pickled files are read with `weights_only`, so that they cannot run code.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from m2h.errors import CheckpointError, PresetError
from m2h.model import M2H, build_model
from m2h.presets import CONFIG_KEY, ModelConfig, config_from_dict, shipped_weights
from m2h.state_dicts import check_fit, config_of_state, unwrap

FORMAT_VERSION = "1"
_CARD_KEY, _VERSION_KEY = "m2h_card", "m2h_format"


def load_checkpoint(path: str | Path) -> M2H:
    """The network of a file, in evaluation mode, float32, on the CPU.

    Args:
        path: own `.safetensors`, or a released or compatible checkpoint of `m2h`, `m2h_small`; or
            the name of a preset whose weights come with the package.

    Raises:
        CheckpointError: unreadable file, or weights of something else; says which keys differ.
    """
    path = shipped_weights(path)
    state, metadata = _read(path)
    config = _stored_config(path, metadata) or config_of_state(path, state)
    model = build_model(config)
    check_fit(path, state, model.state_dict(), f"preset {config.preset}")
    model.load_state_dict(state)
    return model.eval()


def load_mean(paths: Sequence[str | Path]) -> M2H:
    """The network whose weights are the mean of those of files of one configuration.

    Of networks that were trained from one another it is one too, and better on pictures unlike
    those of the training. Source: model soups (Wortsman et al., 2022).

    Raises:
        CheckpointError: an unreadable file, or one of another network than the last.
    """
    models = [load_checkpoint(path) for path in paths]
    states = [model.state_dict() for model in models]
    for path, state in zip(paths, states, strict=True):
        check_fit(Path(path), state, states[-1], f"the network of {paths[-1]}")
    mean = {
        key: torch.stack([state[key] for state in states]).mean(0) if x.is_floating_point() else x
        for key, x in states[-1].items()
    }
    models[-1].load_state_dict(mean)
    return models[-1]


def save_checkpoint(
    path: str | Path, model: M2H, card: Mapping[str, str], *, half: bool = False
) -> None:
    """Write weights, configuration and model card as one `.safetensors` file, whole or not at all.

    Args:
        path: file to write; its folder must exist.
        model: any network.
        card: what a reader should know: data, licence, measured accuracy, date of the weights.
        half: store matrices and kernels as float16; vectors (norms, biases) stay float32.
    """
    from safetensors.torch import save_file

    tensors = {
        key: (x.half() if half and x.is_floating_point() and x.dim() > 1 else x).cpu().contiguous()
        for key, x in model.state_dict().items()
    }
    metadata = {
        _VERSION_KEY: FORMAT_VERSION,
        CONFIG_KEY: json.dumps(model.config.to_dict()),
        _CARD_KEY: json.dumps(dict(card)),
    }
    path = Path(path)
    unfinished = path.with_name(path.name + ".part")
    save_file(tensors, unfinished, metadata=metadata)
    unfinished.replace(path)


def read_card(path: str | Path) -> dict[str, str]:
    """The model card of a file written by `save_checkpoint`; empty for other files.

    Raises:
        CheckpointError: unreadable file.
    """
    path = shipped_weights(path)
    if path.suffix != ".safetensors":
        return {}
    card: dict[str, str] = json.loads(_read_metadata(path).get(_CARD_KEY, "{}"))
    return card


def start_encoder(model: M2H, path: str | Path) -> None:
    """Load weights of the encoder alone; the decoder is left as it is.

    Args:
        model: its encoder decides what fits: the open MobileNetV2 file (keys `encoder.*`) or
            DINOv2 release weights. A whole network's file (keys `backbone.*`) serves too.
        path: `.safetensors`, `.pt` or `.pth`.

    Raises:
        CheckpointError: unreadable file, or another encoder; says which keys differ.
    """
    path = Path(path)
    state, _ = _read(path)
    for prefix in ("encoder.", "backbone."):
        if any(key.startswith(prefix) for key in state):
            state = {k.removeprefix(prefix): x for k, x in state.items() if k.startswith(prefix)}
    check_fit(path, state, model.backbone.state_dict(), f"encoder {model.config.encoder}")
    model.backbone.load_state_dict(state)


def _stored_config(path: Path, metadata: Mapping[str, str]) -> ModelConfig | None:
    if CONFIG_KEY not in metadata:
        return None
    version = metadata.get(_VERSION_KEY)
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: format {version}, this version reads {FORMAT_VERSION}; update the program"
        )
    try:
        return config_from_dict(json.loads(metadata[CONFIG_KEY]))
    except (PresetError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path}: its configuration cannot be used ({error}); update the program"
        ) from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Float32 state dict and metadata (empty for pickled files)."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; give a .safetensors or .pt file")
    if path.suffix == ".safetensors":
        state, metadata = _read_safetensors(path), _read_metadata(path)
    else:
        state, metadata = unwrap(path, _read_pickle(path)), {}
    return {k: x.float() if x.is_floating_point() else x for k, x in state.items()}, metadata


def _read_pickle(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise CheckpointError(
            f"{path}: not a readable file of weights ({reason}); download it again"
        ) from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_damaged(path, error)) from error


def _read_metadata(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    reason = str(error).partition("\n")[0][:120]
    return f"{path}: not a readable safetensors file ({reason}); download it again"
