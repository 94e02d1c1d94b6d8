"""Convolution, reassembly and fusion blocks of the released M2H, full and lightweight.

Source: M2H (arXiv 2510.17363) and its release; parameter names are the release's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from m2h.features import Features, double, resize, size_of

Activation = Callable[[Tensor], Tensor]


class SeparableConv(nn.Module):
    """Depthwise k x k followed at once by 1x1: no norm and no activation between."""

    def __init__(
        self, n_in: int, n_out: int, kernel: int, *, bias: bool = False, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.depthwise = nn.Conv2d(
            n_in, n_in, kernel, padding=padding, dilation=dilation, groups=n_in, bias=bias
        )
        self.pointwise = nn.Conv2d(n_in, n_out, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H, W)."""
        y: Tensor = self.pointwise(self.depthwise(x))
        return y


class ConvModule(nn.Module):
    """The release's wrapper: a dense or separable convolution called `conv`, then an activation."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: int,
        *,
        is_light: bool,
        bias: bool = True,
        activation: Activation | None = None,
    ) -> None:
        super().__init__()
        self.conv: nn.Module = (
            SeparableConv(n_in, n_out, kernel, bias=bias)
            if is_light
            else nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=bias)
        )
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H, W)."""
        y: Tensor = self.conv(x)
        return y if self.activation is None else self.activation(y)


class Reassembly(nn.Module):
    """Four taps of the transformer as maps of sizes 4h, 2h, h and ceil(h / 2).

    Every patch first reads the class token of its tap.
    """

    def __init__(self, width: int, *, is_light: bool) -> None:
        super().__init__()
        self.channels = (width // 8, width // 4, width // 2, width)
        c0, c1, _, c3 = self.channels
        self.projects = nn.ModuleList(
            ConvModule(width, c, 1, is_light=is_light) for c in self.channels
        )
        self.resize_layers = nn.ModuleList(
            (
                nn.ConvTranspose2d(c0, c0, 4, 4),
                nn.ConvTranspose2d(c1, c1, 2, 2),
                nn.Identity(),
                nn.Conv2d(c3, c3, 3, 2, 1),
            )
        )
        self.readout_projects = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * width, width), nn.GELU()) for _ in self.channels
        )

    def forward(self, features: Features) -> list[Tensor]:
        """Taps (B, D, h, w) with tokens (B, D) -> maps of D/8, D/4, D/2, D channels."""
        maps = []
        for level, (patches, token) in enumerate(zip(features.maps, features.tokens, strict=True)):
            flat = patches.flatten(2).transpose(1, 2)  # (B, h w, D)
            read = torch.cat((flat, token[:, None].expand_as(flat)), dim=2)
            read = self.readout_projects[level](read).transpose(1, 2).reshape(patches.shape)
            maps.append(self.resize_layers[level](self.projects[level](read)))
        return maps


class ResidualUnit(nn.Module):
    """x + conv(ReLU(conv(ReLU x))), full variant."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, channels, 3, is_light=False, bias=False)
        self.conv2 = ConvModule(channels, channels, 3, is_light=False, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        out: Tensor = x + self.conv2(functional.relu(self.conv1(functional.relu(x))))
        return out


class FusionBlock(nn.Module):
    """Add a lateral map, refine, enlarge twice, project; full variant.

    Args:
        has_lateral: whether the unit that refines the lateral exists.
    """

    def __init__(self, channels: int, *, has_lateral: bool) -> None:
        super().__init__()
        self.res_conv_unit1 = ResidualUnit(channels) if has_lateral else None
        self.res_conv_unit2 = ResidualUnit(channels)
        self.project = ConvModule(channels, channels, 1, is_light=False)

    def forward(self, x: Tensor, lateral: Tensor | None = None) -> Tensor:
        """(B, C, H, W) -> (B, C, 2 H, 2 W); the lateral takes the size of x."""
        if lateral is not None and self.res_conv_unit1 is not None:
            x = x + self.res_conv_unit1(resize(lateral, size_of(x)))
        y: Tensor = self.project(double(self.res_conv_unit2(x)))
        return y


class LightResidualUnit(nn.Module):
    """x + separable 3x3 of GELU(x), lightweight variant."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.GELU(), SeparableConv(channels, channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        y: Tensor = x + self.block(x)
        return y


class LightFusionBlock(nn.Module):
    """As `FusionBlock`, with one residual unit used for the lateral and for the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.res_unit = LightResidualUnit(channels)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, lateral: Tensor | None = None) -> Tensor:
        """(B, C, H, W) -> (B, C, 2 H, 2 W); the lateral takes the size of x."""
        if lateral is not None:
            x = x + self.res_unit(resize(lateral, size_of(x)))
        y: Tensor = self.project(double(self.res_unit(x)))
        return y


class LastTap(nn.Module):
    """1x1 and 3x3 stride 2 on the last tap; the class token is ignored."""

    def __init__(self, width: int, *, is_light: bool) -> None:
        super().__init__()
        self.projects = ConvModule(width, width, 1, is_light=is_light)
        self.resize_layers = nn.Conv2d(width, width, 3, 2, 1)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, D, h, w) -> (B, D, ceil(h / 2), ceil(w / 2))."""
        y: Tensor = self.resize_layers(self.projects(patches))
        return y


class UniqueFeature(nn.Module):
    """The global stream of one task, from the last tap."""

    def __init__(self, width: int, channels: int, *, is_light: bool) -> None:
        super().__init__()
        self.reassemble = LastTap(width, is_light=is_light)
        self.conv_proj = ConvModule(
            width, channels, 3, is_light=is_light, activation=functional.gelu
        )
        self.fusion_block = fusion_block(channels, is_light=is_light, has_lateral=False)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, D, h, w) -> (B, C, 2 ceil(h / 2), 2 ceil(w / 2))."""
        y: Tensor = self.fusion_block(self.conv_proj(self.reassemble(patches)))
        return y


class GatedFusion(nn.Module):
    """GGFM: a gate from global means weighs original, attended and unique features.

    f = g_o o' + g_a a' + g_u u'; output = W (f + V2 ReLU(V1 f)); no bias anywhere.
    """

    def __init__(self, channels: int, *, is_light: bool) -> None:
        super().__init__()
        groups, n_hidden = (4, channels * 3 // 2) if is_light else (1, 4 * channels)
        self.conv_orig = _pointwise(channels, channels, groups)
        self.conv_attn = _pointwise(channels, channels, groups)
        self.conv_uniq = _pointwise(channels, channels, groups)
        self.gate_fc = (
            nn.Sequential(_pointwise(3 * channels, 3 * channels), nn.Sigmoid())
            if is_light
            else nn.Sequential(
                _pointwise(3 * channels, channels),
                nn.ReLU(),
                _pointwise(channels, 3 * channels),
                nn.Sigmoid(),
            )
        )
        self.ffn = nn.Sequential(
            _pointwise(channels, n_hidden), nn.ReLU(), _pointwise(n_hidden, channels)
        )
        self.out_conv = _pointwise(channels, channels)

    def forward(self, attended: Tensor, original: Tensor, unique: Tensor) -> Tensor:
        """attended, original (B, C, H, W), unique of any size -> (B, C, H, W)."""
        size = size_of(original)
        streams = (
            self.conv_orig(original),
            self.conv_attn(attended),
            resize(self.conv_uniq(unique), size, align_corners=True),
        )
        gate = self.gate_fc(torch.cat(streams, dim=1).mean((2, 3), keepdim=True))
        weighed = [g * x for g, x in zip(gate.chunk(3, dim=1), streams, strict=True)]
        fused = weighed[0] + weighed[1] + weighed[2]
        y: Tensor = self.out_conv(fused + self.ffn(fused))
        return y


def fusion_block(channels: int, *, is_light: bool, has_lateral: bool) -> nn.Module:
    """The fusion block of a variant."""
    if is_light:
        return LightFusionBlock(channels)
    return FusionBlock(channels, has_lateral=has_lateral)


def _pointwise(n_in: int, n_out: int, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 1, groups=groups, bias=False)
