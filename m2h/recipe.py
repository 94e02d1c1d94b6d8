"""Deterministic weights and images for comparing two implementations without trained weights.

Source: the recipe of the parity data's README. A tensor's values follow from its key alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m2h.types import F8, U1

_TOKENS = ("pos_embed", "cls_token", "mask_token", "register_tokens")
_TRANSPOSED = (  # transposed convolutions with stride = kernel: one tap reaches each output
    "reassemble_blocks.resize_layers.0.weight",
    "reassemble_blocks.resize_layers.1.weight",
    ".upsample.6.weight",
)
_DEPTH_BIAS = "conv_depth.final_conv.bias"


def recipe_state(entries: Iterable[Mapping[str, Any]]) -> dict[str, Tensor]:
    """State dict of a list of {"key", "shape", "dtype"}, in its order."""
    return {
        e["key"]: torch.from_numpy(_recipe_tensor(e["key"], tuple(e["shape"]), e["dtype"]))
        for e in entries
    }


def crc32_of_state(state: Mapping[str, Tensor]) -> str:
    """Running CRC-32 over sorted keys and their tensors' bytes, as the keys files state it."""
    crc = 0
    for key in sorted(state):
        crc = zlib.crc32(state[key].numpy().tobytes(), zlib.crc32(key.encode(), crc))
    return f"{crc:08x}"


def recipe_image(height: int, width: int) -> U1:
    """RGB test image (height, width, 3): gradients, squares, a disc, blocks of noise."""
    y, x = np.mgrid[:height, :width].astype(np.int64)
    planes = (
        (3 * x + 2 * y) % 256,
        (5 * y - x + x * y // 64) % 256,
        (x // 28 + y // 28) % 2 * 160 + (x + y) % 64,
    )
    image = np.stack(planes, axis=-1)
    image[(x - width // 2) ** 2 + (y - height // 3) ** 2 < (height // 5) ** 2] = (220, 40, 90)
    rows, columns = -(-height // 4), -(-width // 4)
    raw = np.random.PCG64(2510).random_raw(rows * columns * 3)
    noise = (raw >> np.uint64(59)).astype(np.int64).reshape(rows, columns, 3)
    noise = noise.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
    return np.clip(image + noise - 16, 0, 255).astype(np.uint8)


def _recipe_tensor(key: str, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    if dtype == "int64":
        return np.zeros(shape, np.int64)
    u = _uniform(key, int(np.prod(shape))).reshape(shape)
    offset, factor = _offset_and_factor(key, shape)
    return (offset + factor * u).astype(np.float32)


def _uniform(key: str, n: int) -> F8:
    """Values in [-1, 1) from the raw stream of a generator seeded by the key."""
    raw = np.random.PCG64(zlib.crc32(key.encode())).random_raw(n)
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


def _offset_and_factor(key: str, shape: tuple[int, ...]) -> tuple[float, float]:
    leaf = key.rpartition(".")[2]
    if leaf in ("running_mean", "running_var", "gamma"):
        return {"running_mean": (0.0, 0.1), "running_var": (1.0, 0.25), "gamma": (0.3, 0.1)}[leaf]
    if leaf in _TOKENS:
        return 0.0, 0.5
    if len(shape) >= 2:
        fan_in = shape[0] if key.endswith(_TRANSPOSED) else int(np.prod(shape[1:]))
        return 0.0, (1.1 if len(shape) == 4 else 1.0) * float(np.sqrt(3.0 / fan_in))
    if leaf == "weight":
        return 1.0, 0.1
    return (3.0 if key.endswith(_DEPTH_BIAS) else 0.0), 0.1
