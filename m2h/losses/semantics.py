"""Losses of the labels: cross-entropy of true ones, set likelihood of a teacher's partial ones.

Class 0 is "unknown": it takes no part in the softmax, so it is never trained; `class_logits` gives
all functions the same logits without it, `at_logits` the truth at their pixels. Source of the
partial labels: `-log` of the probability summed over the classes that the teacher's class may stand
for (maximum likelihood with candidate sets, Jin and Ghahramani 2002).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from m2h.losses.masked import masked_mean

NO_TEACHER = 255
_RAREST_SHARE = 1e-4


def class_logits(logits: Tensor, stride: int) -> Tensor:
    """(B, K, H, W) to (B, K - 1, h, w): without class 0, every n-th pixel.

    Taken once for all terms: the gradient of a slice is as large as the whole.
    """
    return logits[:, 1:, ::stride, ::stride].contiguous()


def at_logits(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., H, W) to (..., h, w): one pixel of each cell that a logit stands for.

    Which of a cell's pixels is drawn anew at each call (torch's random state), the same for all
    cells: always the first would move every border by half a pixel.
    """
    height, width = int(x.shape[-2]), int(x.shape[-1])
    rows, columns = (
        _one_of_each_cell(n, m) for n, m in ((height, size[0]), (width, size[1]))
    )  # fmt: skip
    return x[..., rows[:, None], columns[None, :]]


def _one_of_each_cell(n: int, n_cells: int) -> Tensor:
    step = -(-n // n_cells)
    offset = int(torch.randint(step, ()))
    return (torch.arange(n_cells) * step + offset).clamp(max=n - 1)


def class_weights(counts: Tensor, exponent: float) -> Tensor:
    """Weight of every class: frequency to the power of -`exponent`, 1 in the mean of the pixels.

    Args:
        counts: (K,) labelled pixels of every class; class 0 is ignored.
        exponent: 0 = all equal, 1 = every class counts the same.

    Returns:
        (K - 1,), bounded by that of a class of one pixel in 10 000.
    """
    share = counts[1:].double() / counts[1:].sum().clamp(min=1)
    weights = (share + _RAREST_SHARE) ** -exponent
    return (weights / (share * weights).sum().clamp(min=1e-9)).float()


def label_loss(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor | None:
    """Cross-entropy over the labelled pixels; None if there is none.

    Args:
        logits: (B, K - 1, h, w), of `class_logits`.
        labels: (B, h, w) int64 of 0..K - 1, 0 = unknown.
        weights: (K - 1,) of the classes.
    """
    has_labels = (labels > 0).flatten(1).any(1)
    if not bool(has_labels.any()):
        return None
    if not bool(has_labels.all()):
        logits, labels = logits[has_labels], labels[has_labels]
    return functional.cross_entropy(logits, labels - 1, weights, ignore_index=-1)


def partial_label_loss(
    logits: Tensor, teacher: Tensor, labels: Tensor, allowed: Tensor
) -> Tensor | None:
    """-ln of the probability of the classes that the teacher's class may stand for.

    Args:
        logits: (B, K - 1, h, w), of `class_logits`.
        teacher: (B, h, w) int64, index of the teacher's class, 255 = none.
        labels: (B, h, w); where there is a true label the teacher is not asked.
        allowed: (T, K) bool; a class with an empty row is ignored.

    Returns:
        The mean over the pixels that the teacher knows; None if there is none.
    """
    usable = torch.zeros(NO_TEACHER + 1, dtype=torch.bool, device=teacher.device)
    usable[: allowed.shape[0]] = allowed[:, 1:].any(1)
    asked = usable[teacher] & (labels == 0)
    taught = asked.flatten(1).any(1)
    if not bool(taught.any()):
        return None
    # photographs are a fifth of a batch: the others are not touched
    logits, teacher, asked = logits[taught], teacher[taught], asked[taught]
    outside = ~allowed[:, 1:][teacher.clamp(max=allowed.shape[0] - 1)].permute(0, 3, 1, 2)
    inside = logits.masked_fill(outside, -1e4)  # finite: an empty row must not give NaN
    return masked_mean(logits.logsumexp(1) - inside.logsumexp(1), asked)
