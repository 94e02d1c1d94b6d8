"""DINOv2 vision transformers with 14-pixel patches (ViT-S, -B, -L), without registers.

Source: DINOv2 (arXiv 2304.07193) and its release; parameter names are the release's, so that its
weights load strictly. M2H reads the un-normalised outputs of four blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from m2h.features import Features, size_of
from m2h.presets import PATCH_PX

_TABLE_SIDE = 37  # the position table was trained on 37 x 37 patches
_TABLE_OFFSET = 0.1  # the release adds it to the grid before dividing: it shifts every sample


@dataclass(frozen=True)
class VitShape:
    """Size of a transformer and the blocks whose outputs are read."""

    width: int
    n_blocks: int
    n_heads: int
    tapped_blocks: tuple[int, int, int, int]


VIT_SHAPES = {
    "dinov2_vits14": VitShape(384, 12, 6, (2, 5, 8, 11)),
    "dinov2_vitb14": VitShape(768, 12, 12, (2, 5, 8, 11)),
    "dinov2_vitl14": VitShape(1024, 24, 16, (4, 11, 17, 23)),
}


class PatchEmbedding(nn.Module):
    """Linear embedding of 14 x 14 patches."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH_PX, PATCH_PX)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, 14 h, 14 w) -> (B, D, h, w)."""
        patches: Tensor = self.proj(image)
        return patches


class SelfAttention(nn.Module):
    """Multi-head attention over all tokens."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        batch, n_tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, n_tokens, 3, self.n_heads, width // self.n_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (B, heads, N, D / heads)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        y: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, n_tokens, width))
        return y


class LayerScale(nn.Module):
    """A learned factor per channel on a residual branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        return x * self.gamma


class Mlp(nn.Module):
    """Two linear layers with the exact GELU between."""

    def __init__(self, width: int, ratio: int = 4) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, ratio * width)
        self.fc2 = nn.Linear(ratio * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        y: Tensor = self.fc2(functional.gelu(self.fc1(x)))
        return y


class Block(nn.Module):
    """Pre-norm transformer block with layer scale."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = SelfAttention(width, n_heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)
        self.ls2 = LayerScale(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        y: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return y


class DinoV2(nn.Module):
    """The frozen backbone of M2H.

    Args:
        name: key of `VIT_SHAPES`.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        shape = VIT_SHAPES[name]
        self.shape = shape
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + _TABLE_SIDE**2, shape.width))
        self.mask_token = nn.Parameter(torch.zeros(1, shape.width))  # only in the state dict
        self.patch_embed = PatchEmbedding(shape.width)
        self.blocks = nn.ModuleList(
            Block(shape.width, shape.n_heads) for _ in range(shape.n_blocks)
        )
        self.norm = nn.LayerNorm(shape.width, eps=1e-6)  # only for `normalised_tokens`
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)

    def forward(self, image: Tensor) -> Features:
        """Maps (B, D, h, w) and class tokens (B, D) of the four tapped blocks.

        Args:
            image: (B, 3, H, W), normalised; zeros are added around it up to multiples of 14.
        """
        image = pad_to_patches(image)
        rows, columns = (n // PATCH_PX for n in size_of(image))
        x = self.embed(image)
        maps, tokens = [], []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.shape.tapped_blocks:
                tokens.append(x[:, 0])
                maps.append(x[:, 1:].transpose(1, 2).unflatten(2, (rows, columns)))
        return Features(tuple(maps), tuple(tokens))

    def embed(self, image: Tensor) -> Tensor:
        """Class and patch tokens with their positions, (B, 1 + h w, D)."""
        patches: Tensor = self.patch_embed(image)
        rows, columns = size_of(patches)
        tokens = torch.cat(
            (self.cls_token.expand(len(image), -1, -1), patches.flatten(2).transpose(1, 2)), dim=1
        )
        return tokens + self.positions(rows, columns)

    def positions(self, rows: int, columns: int) -> Tensor:
        """Position table resized to a grid, (1, 1 + rows columns, D); the class row is kept.

        The release samples at scale (n + 0.1) / 37 and not at n / 37.
        """
        if rows == columns == _TABLE_SIDE:
            return self.pos_embed
        width = self.pos_embed.shape[-1]
        grid = self.pos_embed[:, 1:].float().reshape(1, _TABLE_SIDE, _TABLE_SIDE, width)
        scale = ((rows + _TABLE_OFFSET) / _TABLE_SIDE, (columns + _TABLE_OFFSET) / _TABLE_SIDE)
        resized = functional.interpolate(
            grid.permute(0, 3, 1, 2), scale_factor=scale, mode="bicubic"
        )
        patches = resized.flatten(2).transpose(1, 2).to(self.pos_embed.dtype)
        return torch.cat((self.pos_embed[:, :1], patches), dim=1)


def pad_to_patches(image: Tensor) -> Tensor:
    """Add zeros around (B, C, H, W), half of them before, up to multiples of 14."""
    pad_rows, pad_columns = (-n % PATCH_PX for n in size_of(image))
    if pad_rows == 0 and pad_columns == 0:
        return image
    top, left = pad_rows // 2, pad_columns // 2
    return functional.pad(image, (left, pad_columns - left, top, pad_rows - top))
