"""What a backbone hands to a decoder, and the resizing both use."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional


class Features(NamedTuple):
    """Maps of an image from fine to coarse (or from early to late blocks of a transformer)."""

    maps: tuple[Tensor, ...]  # each (B, C_i, H_i, W_i)
    tokens: tuple[Tensor, ...] = ()  # class tokens (B, D) of a transformer, one a map


def resize(x: Tensor, size: tuple[int, int], *, align_corners: bool = False) -> Tensor:
    """Resize bilinearly, without antialiasing, to (height, width); unchanged if it fits already."""
    if size_of(x) == size:
        return x
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=align_corners)


def size_of(x: Tensor) -> tuple[int, int]:
    """(height, width) as plain numbers, which an export keeps instead of tracing them."""
    return int(x.shape[-2]), int(x.shape[-1])


def double(x: Tensor) -> Tensor:
    """Enlarge twice with aligned corners, as the release does inside its decoder."""
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
