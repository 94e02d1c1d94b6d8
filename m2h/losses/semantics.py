"""Losses of the labels: cross-entropy of true ones, set likelihood of a teacher's partial ones.

Class 0 is "unknown": it takes no part in the softmax, so it is never trained. Source of the partial
labels: `-log` of the probability summed over the classes the teacher's class may stand for
(maximum likelihood with candidate sets, Jin and Ghahramani 2002).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

NO_TEACHER = 255


def label_loss(logits: Tensor, labels: Tensor, *, stride: int = 1) -> Tensor | None:
    """Cross-entropy over the labelled pixels; None if there is none.

    Args:
        logits: (B, K, H, W).
        labels: (B, H, W) int64, 0 = unknown.
        stride: read every n-th pixel of both axes.
    """
    labels = labels[:, ::stride, ::stride]
    has_labels = (labels > 0).flatten(1).any(1)
    if not bool(has_labels.any()):
        return None
    logits = logits[has_labels, 1:, ::stride, ::stride]
    return functional.cross_entropy(logits, labels[has_labels] - 1, ignore_index=-1)


def partial_label_loss(
    logits: Tensor, teacher: Tensor, labels: Tensor, allowed: Tensor, *, stride: int = 1
) -> Tensor | None:
    """-ln of the probability of the classes that the teacher's class may stand for.

    Args:
        logits: (B, K, H, W).
        teacher: (B, H, W) int64, index of the teacher's class, 255 = none.
        labels: (B, H, W); where there is a true label the teacher is not asked.
        allowed: (T, K) bool; a class with an empty row is ignored.
        stride: read every n-th pixel of both axes.

    Returns:
        The mean over the pixels that the teacher knows; None if there is none.
    """
    teacher, labels = teacher[:, ::stride, ::stride], labels[:, ::stride, ::stride]
    usable = torch.zeros(NO_TEACHER + 1, dtype=torch.bool, device=teacher.device)
    usable[: allowed.shape[0]] = allowed[:, 1:].any(1)
    asked = usable[teacher] & (labels == 0)
    if not bool(asked.any()):
        return None
    # only the pixels that count are copied: photographs are a fifth of a batch
    picked = logits[:, 1:, ::stride, ::stride].permute(0, 2, 3, 1)[asked]  # (N, K - 1)
    outside = ~allowed[:, 1:][teacher[asked]]
    inside = picked.masked_fill(outside, float("-inf"))
    return (picked.logsumexp(1) - inside.logsumexp(1)).mean()
