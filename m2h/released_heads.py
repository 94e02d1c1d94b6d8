"""Upsampling heads of the released M2H, full and lightweight.

Source: M2H (arXiv 2510.17363) and its release; parameter names are the release's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from m2h.features import double
from m2h.released_blocks import ConvModule, SeparableConv

_WIDTHS = (128, 64)  # channels after each doubling
_ATROUS_RATES = (6, 12, 18)
_GROUPS = 4


class Upsample(nn.Module):
    """Double the size: two 3x3, transposed convolution, channel attention, skip; full variant."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.upsample = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, padding=1),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.ConvTranspose2d(n_out, n_out, 2, 2),
        )
        self.channel_attn = _channel_attention(n_out)
        self.residual = nn.Conv2d(n_in, n_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, 2 H, 2 W)."""
        y = self.upsample(x)
        skip: Tensor = self.residual(double(x))
        out: Tensor = y * self.channel_attn(y) + skip
        return out


class LightUpsample(nn.Module):
    """Double the size with separable and grouped convolutions; lightweight variant."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = SeparableConv(n_in, n_out, 3), nn.BatchNorm2d(n_out)
        self.conv2, self.bn2 = SeparableConv(n_out, n_out, 3), nn.BatchNorm2d(n_out)
        self.refine_conv = nn.Conv2d(n_out, n_out, 1, groups=_GROUPS, bias=False)
        self.channel_attn = _channel_attention(n_out)
        self.residual = nn.Conv2d(n_in, n_out, 1, groups=_GROUPS, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, 2 H, 2 W)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        y = self.refine_conv(double(y))
        skip: Tensor = self.residual(double(x))
        out: Tensor = y * self.channel_attn(y) + skip
        return out


class AtrousPyramid(nn.Module):
    """ASPP of the full variant: 1x1, three dilated 3x3 and the global mean, merged."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.aspp1 = _norm_relu(nn.Conv2d(channels, channels, 1, bias=False), channels)
        self.aspp2, self.aspp3, self.aspp4 = (
            _norm_relu(
                nn.Conv2d(channels, channels, 3, padding=rate, dilation=rate, bias=False), channels
            )
            for rate in _ATROUS_RATES
        )
        self.global_avg_pool = _global_branch(channels, channels)
        self.conv1 = nn.Conv2d(5 * channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        branches = (self.aspp1(x), self.aspp2(x), self.aspp3(x), self.aspp4(x))
        everywhere = self.global_avg_pool(x).expand_as(x)
        return functional.relu(self.bn1(self.conv1(torch.cat((*branches, everywhere), dim=1))))


class LightAtrousPyramid(nn.Module):
    """ASPP of the lightweight variant: half-width 1x1, one dilated 3x3, global mean."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.aspp1 = _norm_relu(nn.Conv2d(channels, half, 1, bias=False), half)
        self.aspp2 = _norm_relu(SeparableConv(channels, half, 3, dilation=_ATROUS_RATES[0]), half)
        self.global_avg_pool = _global_branch(channels, half)
        self.project = _norm_relu(nn.Conv2d(3 * half, channels, 1, bias=False), channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        near = self.aspp1(x)
        branches = (near, self.aspp2(x), self.global_avg_pool(x).expand_as(near))
        y: Tensor = self.project(torch.cat(branches, dim=1))
        return y


class Refine(nn.Module):
    """x + ReLU(conv(ReLU(conv x))), full variant."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, channels, 3, is_light=False, activation=functional.relu)
        self.conv2 = ConvModule(channels, channels, 3, is_light=False, activation=functional.relu)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        y: Tensor = x + self.conv2(self.conv1(x))
        return y


class LightRefine(nn.Module):
    """x + ReLU(separable 3x3 of x), lightweight variant."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(SeparableConv(channels, channels, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        y: Tensor = x + self.conv(x)
        return y


class ContextHead(nn.Module):
    """Head of depth and semantics: ASPP, two doublings, refinement, spatial attention, output."""

    def __init__(self, channels: int, n_out: int, kernel: int, *, is_light: bool) -> None:
        super().__init__()
        wide, narrow = _WIDTHS
        self.aspp = LightAtrousPyramid(channels) if is_light else AtrousPyramid(channels)
        self.upsample1 = _upsample(channels, wide, is_light=is_light)
        self.upsample2 = _upsample(wide, narrow, is_light=is_light)
        self.refine = LightRefine(narrow) if is_light else Refine(narrow)
        self.spatial_attn = nn.Sequential(nn.Conv2d(narrow, 1, 3, padding=1), nn.Sigmoid())
        self.final_conv = nn.Conv2d(narrow, n_out, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, n_out, 4 H, 4 W)."""
        x = self.refine(self.upsample2(self.upsample1(self.aspp(x))))
        y: Tensor = self.final_conv(x * self.spatial_attn(x))
        return y


class PlainHead(nn.Module):
    """Head of normals and edges: two doublings, a 1x1 convolution, the last activation."""

    def __init__(self, channels: int, n_out: int, last: nn.Module, *, is_light: bool) -> None:
        super().__init__()
        wide, narrow = _WIDTHS
        self.head = nn.Sequential(
            _upsample(channels, wide, is_light=is_light),
            _upsample(wide, narrow, is_light=is_light),
            nn.Conv2d(narrow, n_out, 1),
            last,
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, n_out, 4 H, 4 W)."""
        y: Tensor = self.head(x)
        return y


def _upsample(n_in: int, n_out: int, *, is_light: bool) -> nn.Module:
    return LightUpsample(n_in, n_out) if is_light else Upsample(n_in, n_out)


def _channel_attention(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(channels, channels // 4, 1, bias=False),
        nn.ReLU(),
        nn.Conv2d(channels // 4, channels, 1, bias=False),
        nn.Sigmoid(),
    )


def _global_branch(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(n_in, n_out, 1, bias=False),
        nn.GroupNorm(1, n_out),
        nn.ReLU(),
    )


def _norm_relu(conv: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU())
