"""Parts that deepen the decoder of `m2h_tiny`: both begin as the identity.

A network that is trained already keeps what it predicts when they are added, and learns from there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from m2h.letterbox import ASSUMED_VIEW

WIDTH, N_HEADS, FFN_RATIO = 192, 6, 2  # of the context's blocks
ADDED_PARTS = ("context", "refine")  # names of these modules in a decoder


class GlobalContext(nn.Module):
    """Transformer blocks over the encoder's coarsest map, added to it.

    At stride 32 a picture is some 50 tokens, so that every part of it can see all others at the
    price of one convolution: the scale of a room shows in what lies at its other end. The tokens
    know the directions they look in, because the same picture through a wider lens is another
    room. Sources: the blocks of ViT (arXiv 2010.11929), pre-norm; a transformer on a convolutional
    encoder's last map, DETR (arXiv 2005.12872); the camera as input, CAM-Convs (arXiv 1904.02028).

    Args:
        channels: of the map.
        n_blocks: 1 or more.
    """

    def __init__(self, channels: int, n_blocks: int) -> None:
        super().__init__()
        self.enter = nn.Linear(channels, WIDTH)
        self.blocks = nn.Sequential(*(_Block() for _ in range(n_blocks)))
        self.norm = nn.LayerNorm(WIDTH)
        self.leave = nn.Linear(WIDTH, channels)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, view: Tensor) -> Tensor:
        """(B, C, H, W), views (B, 4) -> (B, C, H, W)."""
        height, width = int(x.shape[-2]), int(x.shape[-1])
        tokens = self.enter(x.flatten(2).transpose(1, 2))  # (B, H W, WIDTH)
        tokens = tokens + directions(height, width, view).to(tokens)
        tokens = self.leave(self.norm(self.blocks(tokens)))
        y: Tensor = x + tokens.transpose(1, 2).reshape(x.shape)
        return y


class Refinement(nn.Module):
    """Inverted residual block (MobileNetV2, arXiv 1801.04381) that ends in zeros at first.

    No batch norm: it may be added after those of the network came to rest.
    """

    def __init__(self, channels: int, *, kernel: int = 5, expansion: int = 4) -> None:
        super().__init__()
        n_hidden = channels * expansion
        self.expand = nn.Conv2d(channels, n_hidden, 1)
        self.dw = nn.Conv2d(n_hidden, n_hidden, kernel, padding=kernel // 2, groups=n_hidden)
        self.project = nn.Conv2d(n_hidden, channels, 1)
        for conv in (self.expand, self.dw):
            nn.init.kaiming_normal_(conv.weight, mode="fan_in", nonlinearity="relu")
        for parameter in self.project.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        hidden = nn.functional.relu6(self.dw(nn.functional.relu6(self.expand(x))))
        y: Tensor = self.project(hidden)
        return x + y


def is_added(key: str) -> bool:
    """Whether a tensor of a state dict belongs to a part that a trained network can be given."""
    return any(part in ADDED_PARTS for part in key.split("."))


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(WIDTH)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm_ffn = nn.LayerNorm(WIDTH)
        self.ffn = nn.Sequential(
            nn.Linear(WIDTH, FFN_RATIO * WIDTH), nn.GELU(), nn.Linear(FFN_RATIO * WIDTH, WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, WIDTH) -> the same."""
        x = x + self._attend(self.norm_attention(x))
        y: Tensor = x + self.ffn(self.norm_ffn(x))
        return y

    def _attend(self, x: Tensor) -> Tensor:
        batch, n = int(x.shape[0]), int(x.shape[1])
        # apart before the heads are: OpenVINO confuses the axes of the five-dimensional form where
        # a map has as many cells as there are heads
        query, key, value = (
            part.reshape(batch, n, N_HEADS, WIDTH // N_HEADS).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        mixed = torch.softmax(scores, dim=-1, dtype=scores.dtype) @ value
        y: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, n, WIDTH))
        return y


def directions(height: int, width: int, view: Tensor) -> Tensor:
    """(B, H W, WIDTH) sines and cosines of the directions of a map's cells.

    Directions are tangents of the angles from the optical axis, down and to the right; waves from
    four units to an eighth.

    Args:
        height: of the map that covers the picture.
        width: of it.
        view: (B, 4) as `Letterbox.view` gives it.
    """
    waves = 2 * math.pi * 2.0 ** torch.linspace(-2.0, 3.0, WIDTH // 4)
    row = (torch.arange(height) + 0.5) / height - 0.5
    column = ((torch.arange(width) + 0.5) - width / 2) / height
    row, column, waves = row.to(view), column.to(view), waves.to(view)
    down = (row - view[:, 3:]) / view[:, 1:2]  # (B, H)
    right = (column - view[:, 2:3]) / view[:, :1]  # (B, W)
    by_row, by_column = (_waves(x[..., None] * waves) for x in (down, right))
    by_row = by_row[:, :, None].expand(-1, -1, width, -1)
    by_column = by_column[:, None].expand(-1, height, -1, -1)
    return torch.cat([by_row, by_column], dim=3).flatten(1, 2)


def _waves(phase: Tensor) -> Tensor:
    return torch.cat([phase.sin(), phase.cos()], dim=-1)


def views_of(intrinsics: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, 4) views of cameras (B, 4) fx, fy, cx, cy of pictures of a size; assumed where zero."""
    height, width = size
    middle = intrinsics.new_tensor([0.0, 0.0, (width - 1) / 2, (height - 1) / 2])
    known = intrinsics[:, :1] > 0
    return torch.where(known, (intrinsics - middle) / height, assumed_views(intrinsics))


def assumed_views(like: Tensor) -> Tensor:
    """(B, 4) views of unknown cameras, on the device of a tensor of B rows."""
    view = torch.tensor(ASSUMED_VIEW, device=like.device)
    return view.expand(int(like.shape[0]), -1)
