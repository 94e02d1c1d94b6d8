"""Losses of normals and edges. Source: the angle's cosine; class-balanced BCE (HED, Xie and Tu)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from m2h.losses.masked import masked_mean

MAX_POSITIVE_WEIGHT = 20.0


def normal_loss(normals: Tensor, truth: Tensor) -> Tensor | None:
    """1 - cosine of the angle over pixels with a true normal; None if there is none.

    Args:
        normals: (B, 3, H, W), of any length.
        truth: (B, 3, H, W), unit vectors, zero = unknown.
    """
    known = truth.square().sum(1) > 0.25
    if not bool(known.any()):
        return None
    cosine = (functional.normalize(normals, dim=1, eps=1e-6) * truth).sum(1)
    return masked_mean(1 - cosine, known)


def edge_loss(logits: Tensor, truth: Tensor) -> Tensor | None:
    """BCE with edges weighted by (other pixels / edge pixels), at most 20; None without truth.

    Args:
        logits: (B, 1, H, W).
        truth: (B, 1, H, W), 0 or 1, -1 = unknown.
    """
    known = truth >= 0
    if not bool(known.any()):
        return None
    target = truth.clamp(min=0).to(logits.dtype)
    n_edges = target.sum()
    weight = ((known.sum() - n_edges) / n_edges.clamp(min=1)).clamp(max=MAX_POSITIVE_WEIGHT)
    values = functional.binary_cross_entropy_with_logits(
        logits, target, pos_weight=weight.detach(), reduction="none"
    )
    return masked_mean(values, known)


def normals_of_depth(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Unit normals of the surface that a depth image shows, towards the camera.

    Args:
        depth: (B, 1, H, W); a common factor changes nothing.
        intrinsics: (B, 4), fx, fy, cx, cy in pixels of this size.

    Returns:
        (B, 3, H - 2, W - 2), of the inner pixels by central differences; camera axes right, down,
        forward.
    """
    _, _, height, width = depth.shape
    fx, fy, cx, cy = (intrinsics[:, i].view(-1, 1, 1, 1) for i in range(4))
    columns = torch.arange(width, device=depth.device, dtype=depth.dtype).view(1, 1, 1, -1)
    rows = torch.arange(height, device=depth.device, dtype=depth.dtype).view(1, 1, -1, 1)
    points = torch.cat([(columns - cx) / fx * depth, (rows - cy) / fy * depth, depth], dim=1)
    across = points[..., 1:-1, 2:] - points[..., 1:-1, :-2]
    down = points[..., 2:, 1:-1] - points[..., :-2, 1:-1]
    return functional.normalize(torch.linalg.cross(down, across, dim=1), dim=1, eps=1e-9)
