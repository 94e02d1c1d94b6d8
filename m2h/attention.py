"""Window-based cross-task attention (WMCA): every task attends to all tasks inside a window.

Source: M2H (arXiv 2510.17363); this is the corrected form of `m2h_tiny`. Against the release
the residual starts from the un-normalised features, positions and tasks are known through a
relative bias, the second layer looks through shifted windows, and neither padding nor the
opposite border of the image is attended. The release's own form is in `released_attention.py`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

WINDOW = 7
_MASKED = -1000.0  # added to a score: exp gives 0 and no denormal, and bfloat16 holds it


class CrossTaskWindowAttention(nn.Module):
    """One pre-norm layer over the joint tokens of all tasks in each 7x7 window.

    Args:
        n_tasks: T.
        width: C, a multiple of `n_heads`.
        shift: rows and columns by which the grid of windows is moved.
    """

    def __init__(
        self, n_tasks: int, width: int, *, shift: int, n_heads: int = 4, ffn_ratio: int = 2
    ) -> None:
        super().__init__()
        self.n_heads, self.shift = n_heads, shift
        self.norm_attention = TaskLayerNorm(n_tasks, width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.bias = RelativeBias(n_tasks, n_heads)
        self.norm_ffn = TaskLayerNorm(n_tasks, width)
        self.ffn = nn.Sequential(
            nn.Linear(width, ffn_ratio * width), nn.GELU(), nn.Linear(ffn_ratio * width, width)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """(B, T, C, H, W) -> (B, T, C, H, W)."""
        height, width = int(maps.shape[-2]), int(maps.shape[-1])
        mask = border_mask(height, width, self.shift).to(maps)
        x = cut_windows(maps, self.shift)  # (B, n, T, 49, C)
        x = x + self.attend(self.norm_attention(x), mask)
        x = x + self.ffn(self.norm_ffn(x))
        return join_windows(x, height, width, self.shift)

    def attend(self, x: Tensor, mask: Tensor) -> Tensor:
        """Joint attention of (B, n, T, 49, C) tokens; mask (n, 49, 49) is added to the scores."""
        batch, n, n_tasks, n_pixels, _ = x.shape
        qkv = self.qkv(x).reshape(batch, n, n_tasks * n_pixels, 3, self.n_heads, -1)
        query, key, value = qkv.permute(3, 0, 1, 4, 2, 5).unbind(0)  # (B, n, heads, 49 T, C/heads)
        query = query * query.shape[-1] ** -0.5  # here, where it is small, not on the scores
        scores = self._offset(query @ key.transpose(-2, -1), mask)
        mixed = torch.softmax(scores, dim=-1, dtype=scores.dtype) @ value
        y: Tensor = self.out(mixed.transpose(2, 3).reshape(x.shape))
        return y

    def _offset(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, n, heads, 49 T, 49 T) with bias and mask added.

        Under autocast all stays in bfloat16: the scores are most of the memory traffic.
        """
        n_tasks, n_pixels = scores.shape[-1] // mask.shape[-1], mask.shape[-1]
        if self.training:  # one sum for the batch: a layer's step takes a sixth less than with two
            offsets: Tensor = self.bias() + mask.repeat(1, n_tasks, n_tasks).unsqueeze(1)
            return scores + offsets.to(scores.dtype)
        # apart, and with a change of shape between, for engines fold constants that are added in
        # turn: the sum of both has a copy of the mask for each head and pair of tasks
        batch, n, n_heads = scores.shape[:3]
        scores = scores + self.bias().to(scores.dtype)
        by_pixel = scores.view(batch, n, n_heads * n_tasks, n_pixels, n_tasks, n_pixels)
        by_pixel = by_pixel + mask.to(scores.dtype)[:, None, :, None, :]
        return by_pixel.view(scores.shape)


class TaskLayerNorm(nn.Module):
    """Layer norm over channels with one scale and shift a task."""

    def __init__(self, n_tasks: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(torch.ones(n_tasks, 1, width))
        self.bias = nn.Parameter(torch.zeros(n_tasks, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """(..., T, 49, C) -> the same."""
        return functional.layer_norm(x, (self.width,)) * self.weight + self.bias


class RelativeBias(nn.Module):
    """Bias of the scores by head, asking task, asked task and offset of the two pixels."""

    index: Tensor

    def __init__(self, n_tasks: int, n_heads: int) -> None:
        super().__init__()
        side = 2 * WINDOW - 1
        self.table = nn.Parameter(torch.zeros(n_heads, n_tasks, n_tasks, side * side))
        nn.init.trunc_normal_(self.table, std=0.02)
        row, column = torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")
        row, column = row.flatten(), column.flatten()
        row_offset = row[:, None] - row[None, :] + WINDOW - 1
        column_offset = column[:, None] - column[None, :] + WINDOW - 1
        index = (row_offset * side + column_offset).flatten()
        self.register_buffer("index", index, persistent=False)

    def forward(self) -> Tensor:
        """(heads, 49 T, 49 T)."""
        n_heads, n_tasks = self.table.shape[:2]
        n_pixels = WINDOW * WINDOW
        bias = self.table[:, :, :, self.index]
        bias = bias.reshape(n_heads, n_tasks, n_tasks, n_pixels, n_pixels).transpose(2, 3)
        return bias.reshape(n_heads, n_tasks * n_pixels, n_tasks * n_pixels)


def cut_windows(maps: Tensor, shift: int = 0) -> Tensor:
    """(B, T, C, H, W) -> (B, n, T, 49, C): windows row by row of the map, padded with zeros."""
    # whole numbers, not traced ones: engines disagree about the remainder of a negative number
    batch, n_tasks, channels, height, width = (int(n) for n in maps.shape)
    padded = functional.pad(maps, (0, -width % WINDOW, 0, -height % WINDOW))
    if shift:
        padded = torch.roll(padded, (-shift, -shift), (-2, -1))
    rows, columns = -(-height // WINDOW), -(-width // WINDOW)
    cut = padded.reshape(batch, n_tasks, channels, rows, WINDOW, columns, WINDOW)
    cut = cut.permute(0, 3, 5, 1, 4, 6, 2)
    return cut.reshape(batch, rows * columns, n_tasks, WINDOW * WINDOW, channels)


def join_windows(windows: Tensor, height: int, width: int, shift: int = 0) -> Tensor:
    """The inverse of `cut_windows`: (B, n, T, 49, C) -> (B, T, C, height, width)."""
    batch, _, n_tasks, _, channels = (int(n) for n in windows.shape)
    rows, columns = -(-height // WINDOW), -(-width // WINDOW)
    x = windows.reshape(batch, rows, columns, n_tasks, WINDOW, WINDOW, channels)
    x = x.permute(0, 3, 6, 1, 4, 2, 5)
    x = x.reshape(batch, n_tasks, channels, rows * WINDOW, columns * WINDOW)
    if shift:
        x = torch.roll(x, (shift, shift), (-2, -1))
    return x[..., :height, :width]


def border_mask(height: int, width: int, shift: int) -> Tensor:
    """(n, 49, 49): 0 where two pixels of a window are neighbours in the image, else -1000.

    Padding is one region of its own; a shifted grid wraps around, so that its last windows
    hold pieces of opposite borders, which must not see each other. Computed outside of torch, so
    that an exported network holds it as a constant.
    """
    side_of_row, side_of_column = _side(height, shift)[:, None], _side(width, shift)[None, :]
    is_padding = (side_of_row < 0) | (side_of_column < 0)
    region = np.where(is_padding, -1, 2 * side_of_row + side_of_column)
    rows, columns = region.shape[0] // WINDOW, region.shape[1] // WINDOW
    cut = region.reshape(rows, WINDOW, columns, WINDOW).transpose(0, 2, 1, 3)
    of_pixel = cut.reshape(rows * columns, WINDOW * WINDOW)
    is_apart = of_pixel[:, :, None] != of_pixel[:, None, :]
    return torch.from_numpy(np.where(is_apart, _MASKED, 0.0).astype(np.float32))


def _side(n: int, shift: int) -> NDArray[np.int64]:
    """Along one rolled axis: 0 = before the seam, 1 = wrapped from the start, -1 = padding."""
    source = np.roll(np.arange(n + -n % WINDOW), -shift)
    return np.where(source < n, (source < shift).astype(np.int64), -1)
