"""Score a predictor on a set of images, with the mean depth map beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from math import sqrt
from typing import Any, Protocol

import numpy as np

from m2h.metrics import BaselineScorer, Scorer
from m2h.types import TASKS, U1, Prediction, Task
from mono_hydra.config import PerceptionConfig
from mono_hydra.evaluation.perception import Judged, JudgedSet
from mono_hydra.evaluation.perception_time import TemporalScorer
from mono_hydra.perception.network import as_mapped


class Predictor(Protocol):
    """What is needed of the network."""

    def predict(self, image: U1, *, focal_px: float | None = None) -> Prediction:
        """Everything the network says of an image (H, W, 3), at its size."""
        ...


def score_network(
    predictor: Predictor,
    judged: JudgedSet,
    *,
    tasks: tuple[Task, ...] = TASKS,
    has_sigma: bool = True,
    n_thresholds: int = 33,
    max_edge_images: int = 500,
    observe: Callable[[int], None] = lambda n_images: None,
) -> dict[str, Any]:
    """Nested scores: depth, uncertainty, semantics, normals, edges, and the number of images.

    Images of a recording that come with their true view also give the block `temporal`.

    Args:
        predictor: the network.
        judged: images, read once.
        tasks: outputs that the network has.
        has_sigma: whether its depth comes with a sigma.
        n_thresholds: of the edges; 99 for a published table.
        max_edge_images: edges are judged on the first so many images.
        observe: told how many images are done.
    """
    scorer = Scorer(
        judged.protocol, tasks=tasks, has_sigma=has_sigma, n_thresholds=n_thresholds,
        max_edge_images=max_edge_images,
    )  # fmt: skip
    baseline = BaselineScorer(judged.protocol, judged.training_mean)
    over_time = TemporalScorer(tasks)
    n_images = 0
    for item in judged.images:
        seen = _predicted(predictor, item)
        scorer.add(seen, item.sample, stamp_s=item.stamp_s)
        if item.true_view is not None:
            camera, max_depth_m = item.true_view.camera, PerceptionConfig().max_depth_m
            mapped = as_mapped(seen, item.sample.image, camera, max_depth_m=max_depth_m)
            over_time.add(mapped, item.true_view)
        if item.sample.depth_m is not None:
            baseline.add(item.sample.depth_m)
        n_images += 1
        observe(n_images)
    scores: dict[str, Any] = {**scorer.result(), "images": n_images}
    if "depth" in scores:
        scores["depth"] = {**scores["depth"], **baseline.result()}
    if over_time.n_views:
        scores["temporal"] = over_time.result()
    return scores


def _predicted(predictor: Predictor, item: Judged) -> Prediction:
    """The prediction of the window, continued to the size of the truth by its border pixels."""
    k = item.sample.intrinsics
    focal_px = sqrt(k.fx * k.fy) if k is not None else None
    image = np.ascontiguousarray(item.sample.image[item.window])
    prediction = predictor.predict(image, focal_px=focal_px)
    height, width = item.sample.image.shape[:2]
    rows, columns = (s.indices(n) for s, n in zip(item.window, (height, width), strict=True))
    margins = ((rows[0], height - rows[1]), (columns[0], width - columns[1]))
    if not np.any(margins):
        return prediction
    padded: dict[str, Any] = {}
    for field in fields(Prediction):
        plane = getattr(prediction, field.name)
        rest = ((0, 0),) * (plane.ndim - 2)
        padded[field.name] = np.pad(plane, (*margins, *rest), mode="edge")
    return Prediction(**padded)
