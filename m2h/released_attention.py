"""Cross-task window attention (WMCA) as released.

Source: M2H (arXiv 2510.17363) and its release, repeated with its oddities: the residual starts
from the normalised tokens, padding is attended, tokens know neither position nor task, and no
window is shifted. `attention.py` has the corrected form.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from m2h.attention import cut_windows, join_windows
from m2h.features import size_of

_N_HEADS, _FFN_RATIO = 4, 4


class ReleasedCrossAttention(nn.Module):
    """One layer over the joint tokens of all tasks in each 7x7 window."""

    def __init__(self, n_tasks: int, width: int) -> None:
        super().__init__()
        self.norm_layers = nn.ModuleList(nn.LayerNorm(width) for _ in range(n_tasks))
        self.attn = nn.MultiheadAttention(width, _N_HEADS, batch_first=True)
        self.ffn_fc1 = nn.Linear(width, _FFN_RATIO * width)
        self.ffn_fc2 = nn.Linear(_FFN_RATIO * width, width)
        self.norm2_layers = nn.ModuleList(nn.LayerNorm(width) for _ in range(n_tasks))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, T, C, H, W) -> (B, T, C, H, W)."""
        height, width = size_of(maps)
        windows = cut_windows(maps)  # (B, n, T, 49, C)
        tokens = _norm_each(self.norm_layers, windows)
        joint = tokens.flatten(2, 3).flatten(0, 1)  # (B n, 49 T, C)
        mixed = joint + self.attn(joint, joint, joint, need_weights=False)[0]
        mixed = mixed + self.ffn_fc2(functional.gelu(self.ffn_fc1(mixed)))
        return join_windows(_norm_each(self.norm2_layers, mixed.view_as(tokens)), height, width)


def _norm_each(norms: nn.ModuleList, windows: Tensor) -> Tensor:
    """One layer norm a task over (B, n, T, 49, C)."""
    of_task = zip(norms, windows.unbind(2), strict=True)
    return torch.stack([norm(x) for norm, x in of_task], dim=2)
