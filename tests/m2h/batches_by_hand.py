"""Batches and networks small enough to follow by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m2h.types import Batch, Outputs

HEIGHT, WIDTH = 8, 12


def batch_of(n: int = 2, height: int = HEIGHT, width: int = WIDTH, **known: Tensor) -> Batch:
    """A batch that knows nothing but what is given; the camera has a focal length of 10 px."""
    fields: dict[str, Tensor] = {
        "image": torch.full((n, 3, height, width), 0.5),
        "focal_px": torch.full((n,), 10.0),
        "intrinsics": torch.tensor([[10.0, 10.0, width / 2, height / 2]]).repeat(n, 1),
        "depth_m": torch.zeros(n, 1, height, width),
        "depth_step_m": torch.zeros(n),
        "labels": torch.zeros(n, height, width, dtype=torch.int64),
        "normals": torch.zeros(n, 3, height, width),
        "edges": torch.full((n, 1, height, width), -1.0),
        "teacher": torch.full((n, height, width), 255, dtype=torch.int64),
    }
    return Batch(**{**fields, **known})


def random_batch(seed: int, n: int = 2) -> Batch:
    """A batch with truth for every task."""
    g = torch.Generator().manual_seed(seed)
    normals = torch.randn(n, 3, HEIGHT, WIDTH, generator=g)
    return batch_of(
        n,
        image=torch.rand(n, 3, HEIGHT, WIDTH, generator=g),
        depth_m=torch.rand(n, 1, HEIGHT, WIDTH, generator=g) * 4 + 0.5,
        labels=torch.randint(0, 41, (n, HEIGHT, WIDTH), generator=g),
        normals=normals / normals.norm(dim=1, keepdim=True),
        edges=(torch.rand(n, 1, HEIGHT, WIDTH, generator=g) < 0.2).float(),
    )


class TinyNetwork(nn.Module):
    """An encoder of one convolution and one for the heads: trains in milliseconds."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.encoder = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU())
        self.heads = nn.Conv2d(6, 1 + 41 + 3 + 1 + 1, 1)

    def normalise(self, rgb: Tensor) -> Tensor:
        """To [-1, 1]."""
        return 2 * rgb - 1

    def forward(self, x: Tensor, view: Tensor | None = None) -> Outputs:
        """All five outputs; no camera changes them."""
        depth, semantics, normals, edges, log_sigma = self.heads(self.encoder(x)).split(
            [1, 41, 3, 1, 1], dim=1
        )
        return Outputs(depth.exp(), semantics, normals, edges, log_sigma)
