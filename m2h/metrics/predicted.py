"""Predictions and samples of a batch, so that raw outputs are scored by the same code as images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from m2h.types import EDGE_UNKNOWN, F4, U1, Batch, Outputs, Prediction, Sample, Task

OUTPUT_TASKS: tuple[Task, ...] = ("depth", "semantics", "normals", "edges")


def tasks_of(outputs: Outputs) -> list[Task]:
    """Tasks that the outputs have."""
    return [task for task in OUTPUT_TASKS if getattr(outputs, task) is not None]


@torch.no_grad()
def predictions_of(
    outputs: Outputs, batch: Batch, canonical_focal_px: float | None
) -> Iterator[Prediction]:
    """One prediction per image, at the batch's size; absent tasks are zero.

    Args:
        outputs: raw outputs of the network for the batch.
        batch: for the focal lengths; unknown cameras keep the canonical depth.
        canonical_focal_px: focal length for which the depth is metric; None: for all.
    """
    shape = tuple(batch.image.shape[2:])
    labels, confidence = _labels(outputs.semantics)
    for i in range(len(batch.image)):
        yield Prediction(
            depth_m=_plane(outputs.depth, i, shape) * _scale(batch, i, canonical_focal_px),
            depth_sigma=np.exp(_plane(outputs.log_sigma, i, shape)),
            labels=np.zeros(shape, np.uint8) if labels is None else labels[i],
            confidence=np.zeros(shape, np.float32) if confidence is None else confidence[i],
            normals=_unit_normals(outputs.normals, i, shape),
            edges=_probability(_plane(outputs.edges, i, shape)),
        )


def samples_of(batch: Batch, source: str) -> Iterator[Sample]:
    """The truth of every image of a batch; parts without a known pixel are None."""
    for i in range(len(batch.image)):
        depth_m, normals = _numpy(batch.depth_m[i, 0]), _numpy(batch.normals[i].permute(1, 2, 0))
        labels, edges = _numpy(batch.labels[i]).astype(np.uint8), _numpy(batch.edges[i, 0])
        edges_known = edges >= 0
        yield Sample(
            source=source,
            name=str(i),
            image=_numpy((batch.image[i] * 255).round().byte().permute(1, 2, 0)),
            depth_m=depth_m if (depth_m > 0).any() else None,
            labels=labels if (labels > 0).any() else None,
            normals=normals if normals.any() else None,
            edges=np.where(edges_known, edges, EDGE_UNKNOWN).astype(np.uint8)
            if edges_known.any()
            else None,
        )


def _labels(logits: Tensor | None) -> tuple[U1 | None, F4 | None]:
    """Most probable class of 1..K - 1 and its probability; class 0 is never predicted."""
    if logits is None:
        return None, None
    probability, index = logits[:, 1:].softmax(1).max(1)
    return _numpy((index + 1).byte()), _numpy(probability)


def _scale(batch: Batch, i: int, canonical_focal_px: float | None) -> np.float32:
    focal_px = float(batch.focal_px[i])
    if canonical_focal_px is None or focal_px <= 0:
        return np.float32(1.0)
    return np.float32(focal_px / canonical_focal_px)


def _plane(output: Tensor | None, i: int, shape: tuple[int, ...]) -> F4:
    plane: F4 = np.zeros(shape, np.float32) if output is None else _numpy(output[i, 0])
    return plane


def _unit_normals(output: Tensor | None, i: int, shape: tuple[int, ...]) -> F4:
    if output is None:
        return np.zeros((*shape, 3), np.float32)
    normals: F4 = _numpy(torch.nn.functional.normalize(output[i], dim=0).permute(1, 2, 0))
    return normals


def _probability(logits: F4) -> F4:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -60, 60))), dtype=np.float32)


def _numpy(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy()
