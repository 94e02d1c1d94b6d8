"""MobileNetV2 encoder without batch norm: maps at strides 4, 8, 16 and 32.

Source: MobileNetV2 (arXiv 1801.04381), table 2, width 1.0. Batch norm is folded into the openly
licensed start weights, so there are no statistics to spoil when image domains are mixed. Padding
is TensorFlow's "same" rule, under which those weights were trained.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from m2h.features import Features

# expansion, channels, repeats, stride of the first
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_TAPPED_BLOCKS = (2, 5, 12, 16)  # the last blocks of strides 4, 8, 16 and 32
_STEM_CHANNELS = 32


class SameConv(nn.Conv2d):
    """Convolution whose output is ceil(n / stride) large; surplus padding goes after the image."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return functional.conv2d(x, self.weight, self.bias, 1, kernel // 2, 1, self.groups)
        # plain numbers also while an export traces: engines disagree about negative quotients
        top, bottom = _same_padding(int(x.shape[-2]), kernel, stride)
        left, right = _same_padding(int(x.shape[-1]), kernel, stride)
        return super().forward(functional.pad(x, (left, right, top, bottom)))


class InvertedBlock(nn.Module):
    """1x1 expansion, depthwise 3x3, linear 1x1; residual where stride and width permit."""

    def __init__(self, n_in: int, n_out: int, expansion: int, stride: int) -> None:
        super().__init__()
        n_hidden = n_in * expansion
        self.expand = nn.Conv2d(n_in, n_hidden, 1) if expansion > 1 else None
        self.dw = SameConv(n_hidden, n_hidden, 3, stride, groups=n_hidden)
        self.project = nn.Conv2d(n_hidden, n_out, 1)
        self.has_residual = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H / stride, W / stride)."""
        hidden = x if self.expand is None else functional.relu6(self.expand(x))
        y: Tensor = self.project(functional.relu6(self.dw(hidden)))
        return x + y if self.has_residual else y


class MobileNetV2(nn.Module):
    """Encoder of 1.80 M parameters; input normalised to [-1, 1].

    Parameter names are those of the start weights: `stem`, `block00` ... `block16`.
    """

    channels = (24, 32, 96, 320)

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, _STEM_CHANNELS, 3, 2)
        n_in = _STEM_CHANNELS
        self.n_blocks = 0
        for expansion, n_out, repeats, first_stride in _STAGES:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                block = InvertedBlock(n_in, n_out, expansion, stride)
                self.add_module(f"block{self.n_blocks:02d}", block)
                self.n_blocks += 1
                n_in = n_out
        self.apply(_initialise)

    def forward(self, image: Tensor) -> Features:
        """(B, 3, H, W) -> maps of 24, 32, 96, 320 channels at strides 4, 8, 16, 32 (rounded up)."""
        x = functional.relu6(self.stem(image))
        maps = []
        for index in range(self.n_blocks):
            x = self.get_submodule(f"block{index:02d}")(x)
            if index in _TAPPED_BLOCKS:
                maps.append(x)
        return Features(tuple(maps))


def _same_padding(n: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def _initialise(module: nn.Module) -> None:
    # variance kept through 52 layers without batch norm: matters only without start weights
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
