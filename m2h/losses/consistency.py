"""Agreement between the tasks: depth with normals, edges with labels (two terms of M2H)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from m2h.losses.masked import masked_mean
from m2h.losses.surfaces import normals_of_depth
from m2h.types import Batch

MAX_DEPTH_STEP = 0.05  # relative; more is a border, where no normal can be derived


def depth_normal_loss(
    depth: Tensor, normals: Tensor, batch: Batch, *, teach_normals: bool, stride: int = 2
) -> Tensor | None:
    """1 - cosine between predicted normals and those of the predicted depth.

    Images with true normals teach depth (and normals, if `teach_normals`); the others teach normals
    alone, for a normal that nobody checked must not bend the depth. Unknown cameras do not count.

    Args:
        depth: (B, 1, H, W).
        normals: (B, 3, H, W).
        batch: intrinsics, true edges and true normals.
        teach_normals: false in the first third of a training.
        stride: work on every n-th pixel.
    """
    has_camera = batch.intrinsics[:, 0] > 0
    checked = (batch.normals != 0).flatten(1).any(1)
    if not teach_normals:
        has_camera = has_camera & checked
    if not bool(has_camera.any()):
        return None
    z = depth[has_camera][..., ::stride, ::stride]
    n = normals[has_camera][..., ::stride, ::stride][..., 1:-1, 1:-1]
    if n.shape[2] < 1 or n.shape[3] < 1:
        return None
    checked = checked[has_camera].view(-1, 1, 1, 1)
    z = torch.where(checked, z, z.detach())
    n = n if teach_normals else n.detach()
    derived = normals_of_depth(z, batch.intrinsics[has_camera] / stride)
    cosine = (derived * functional.normalize(n, dim=1, eps=1e-6)).sum(1, keepdim=True)
    edges = batch.edges[has_camera][..., ::stride, ::stride][..., 1:-1, 1:-1]
    return masked_mean(1 - cosine, _smooth(z.detach()) & (edges <= 0))


def _smooth(depth: Tensor) -> Tensor:
    """Inner pixels (B, 1, H - 2, W - 2) without a depth step of more than 5 % to a neighbour."""
    inner = depth[..., 1:-1, 1:-1]
    limit = MAX_DEPTH_STEP * inner
    steps = (
        depth[..., 1:-1, 2:],
        depth[..., 1:-1, :-2],
        depth[..., 2:, 1:-1],
        depth[..., :-2, 1:-1],
    )
    smooth = torch.ones_like(inner, dtype=torch.bool)
    for neighbour in steps:
        smooth &= (neighbour - inner).abs() <= limit
    return smooth


def edge_semantic_loss(edge_logits: Tensor, logits: Tensor) -> Tensor:
    """Edges where the label changes, and label changes where there is an edge.

    b = 1 - sum_k p_k(x) p_k(x + dx), maximum over the right and the lower neighbour; mean of
    BCE(edge, b held fixed) and |b - edge held fixed|.

    Args:
        edge_logits: (B, 1, h, w).
        logits: (B, K - 1, h, w), of `class_logits`.
    """
    p = logits.softmax(1)
    edge = edge_logits[:, 0, :-1, :-1]
    here = p[..., :-1, :-1]
    same = torch.minimum(
        (here * p[..., :-1, 1:]).sum(1), (here * p[..., 1:, :-1]).sum(1)
    )  # the smaller one: the maximum of b
    change = (1 - same).clamp(0, 1)
    by_labels = functional.binary_cross_entropy_with_logits(edge, change.detach())
    by_edges = (change - edge.detach().sigmoid()).abs().mean()
    return 0.5 * (by_labels + by_edges)
