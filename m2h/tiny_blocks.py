"""Convolution blocks, cross-task mixing and gated fusion of `m2h_tiny`.

Source: M2H (arXiv 2510.17363), with depthwise-separable convolutions throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m2h.attention import CrossTaskWindowAttention
from m2h.context import Refinement
from m2h.features import resize, size_of


class Pointwise(nn.Sequential):
    """1x1 convolution, batch norm, ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(
            nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)
        )


class Separable(nn.Sequential):
    """Depthwise k x k, then pointwise convolution, each with batch norm and ReLU."""

    def __init__(self, n_in: int, n_out: int, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(n_in, n_in, kernel, padding=kernel // 2, groups=n_in, bias=False),
            nn.BatchNorm2d(n_in),
            nn.ReLU(inplace=True),
            *Pointwise(n_in, n_out),
        )


class WindowMixing(nn.Module):
    """Two WMCA layers, the second through windows shifted by 3."""

    def __init__(self, n_tasks: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            CrossTaskWindowAttention(n_tasks, channels, shift=0),
            CrossTaskWindowAttention(n_tasks, channels, shift=3),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, T, C, H, W) -> (B, T, C, H, W)."""
        y: Tensor = self.layers(maps)
        return y


class ConcatMixing(nn.Module):
    """The baseline of the ablation: each task adds a 1x1 convolution of all tasks' maps."""

    def __init__(self, n_tasks: int, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(n_tasks * channels, n_tasks * channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, T, C, H, W) -> (B, T, C, H, W)."""
        mixed: Tensor = self.mix(maps.flatten(1, 2))
        return maps + mixed.view_as(maps)


class GatedGlobalFusion(nn.Module):
    """GGFM: a gate from global means weighs attended, original and global features.

    f = g_o o' + g_a a' + g_u u'; output = W (f + V2 ReLU(V1 f)).
    """

    def __init__(self, channels: int, ffn_ratio: int = 2) -> None:
        super().__init__()
        self.original = nn.Conv2d(channels, channels, 1, bias=False)
        self.attended = nn.Conv2d(channels, channels, 1, bias=False)
        self.unique = nn.Conv2d(channels, channels, 1, bias=False)
        self.gate = nn.Sequential(
            nn.Linear(3 * channels, channels),
            nn.ReLU(inplace=True),
            nn.Linear(channels, 3 * channels),
            nn.Sigmoid(),
        )
        self.ffn = nn.Sequential(
            nn.Conv2d(channels, ffn_ratio * channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(ffn_ratio * channels, channels, 1),
        )
        self.out = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, attended: Tensor, original: Tensor, unique: Tensor) -> Tensor:
        """attended, original (B, C, H, W), unique (B, C, h, w) -> (B, C, H, W)."""
        streams = (self.original(original), self.attended(attended), self.unique(unique))
        gate = self.gate(torch.cat([stream.mean((2, 3)) for stream in streams], dim=1))
        g_o, g_a, g_u = gate[:, :, None, None].chunk(3, dim=1)
        # gating commutes with resizing, and the small map is cheaper to gate
        unique_there = resize(g_u * streams[2], size_of(attended))
        fused = g_o * streams[0] + g_a * streams[1] + unique_there
        y: Tensor = self.out(fused + self.ffn(fused))
        return y


class TinyTaskHead(nn.Module):
    """Upsampling head of one task: stride 8 to stride 2, where `n_last` channels are left."""

    def __init__(
        self, channels: int, n_out: int, n_last: int = 16, *, refines: bool = False
    ) -> None:
        super().__init__()
        self.narrow = Pointwise(channels, 32)
        self.refine = Refinement(32, kernel=3) if refines else nn.Identity()
        self.at_stride_4 = Separable(32, 32)
        self.at_stride_2 = Separable(32, n_last)
        self.out = nn.Conv2d(n_last, n_out, 1)

    def forward(self, x: Tensor, detail: Tensor, half_size: tuple[int, int]) -> Tensor:
        """Map (B, C, H/8, W/8), detail (B, 32, H/4, W/4) -> (B, n_out, H/2, W/2)."""
        x = resize(self.narrow(x), size_of(detail)) + detail
        x = resize(self.refine(self.at_stride_4(x)), half_size)
        y: Tensor = self.out(self.at_stride_2(x))
        return y
