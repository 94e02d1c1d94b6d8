"""All scores of a set of images, in the nesting of the project's evaluation page."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from m2h.metrics.baseline import MeanDepthMap
from m2h.metrics.boundaries import N_THRESHOLDS, BoundaryScores
from m2h.metrics.depth import DepthScores
from m2h.metrics.normals import NormalScores
from m2h.metrics.protocol import Protocol
from m2h.metrics.semantics import LabelScores
from m2h.metrics.uncertainty import ConfidenceScores, SigmaScores
from m2h.types import F4, TASKS, Prediction, Sample, Task


class Scorer:
    """Compares predictions with samples, one by one."""

    def __init__(
        self,
        protocol: Protocol,
        *,
        tasks: Iterable[Task] = TASKS,
        has_sigma: bool = True,
        is_fast: bool = False,
        n_thresholds: int = N_THRESHOLDS,
        max_edge_images: int | None = None,
    ) -> None:
        """Prepare.

        Args:
            protocol: which pixels of depth count.
            tasks: outputs that the network has; the others are not scored.
            has_sigma: whether the depth comes with a sigma worth judging.
            is_fast: edges by distance transforms, for curves.
            n_thresholds: of the edges.
            max_edge_images: edges of the first so many images only.
        """
        self.tasks = frozenset(tasks)
        self.has_sigma, self.max_edge_images = has_sigma, max_edge_images
        self._depth = DepthScores(protocol)
        self._sigma = SigmaScores(protocol)
        self._labels = LabelScores()
        self._confidence = ConfidenceScores()
        self._normals = NormalScores()
        self._edges = BoundaryScores(
            protocol.boundary_tolerance, is_fast=is_fast, n_thresholds=n_thresholds
        )
        self._n_edge_images = 0

    def add(self, prediction: Prediction, sample: Sample, *, stamp_s: float | None = None) -> None:
        """Count one image; the prediction has the sample's size."""
        if "depth" in self.tasks and sample.depth_m is not None:
            self._depth.add(prediction.depth_m, sample.depth_m, stamp_s=stamp_s)
            if self.has_sigma:
                self._sigma.add(prediction.depth_m, prediction.depth_sigma, sample.depth_m)
        if "semantics" in self.tasks and sample.labels is not None:
            self._labels.add(prediction.labels, sample.labels)
            self._confidence.add(prediction.labels, prediction.confidence, sample.labels)
        if "normals" in self.tasks and sample.normals is not None:
            self._normals.add(prediction.normals, sample.normals)
        if "edges" in self.tasks and sample.edges is not None:
            self._n_edge_images += 1
            if self.max_edge_images is None or self._n_edge_images <= self.max_edge_images:
                self._edges.add(prediction.edges, sample.edges)

    def result(self) -> dict[str, dict[str, object]]:
        """Blocks depth, uncertainty, semantics, normals, edges; absent ones had no truth."""
        blocks = {
            "depth": self._depth.result(),
            "uncertainty": {**self._sigma.result(), **self._confidence.result()},
            "semantics": self._labels.result(),
            "normals": self._normals.result(),
            "edges": self._edges.result(),
        }
        return {name: block for name, block in blocks.items() if block}


class BaselineScorer:
    """Depth errors of the mean map, beside those of the network."""

    def __init__(self, protocol: Protocol, training: MeanDepthMap | None = None) -> None:
        """Take the mean map of a training set; None: that of the other images of the set."""
        self.protocol = protocol
        self.training = training
        self._own = MeanDepthMap()
        self._truth: list[F4] = []

    def add(self, true_m: F4) -> None:
        """Count one image (H, W), 0 = unknown."""
        self._own.add(true_m)
        self._truth.append(true_m.astype(np.float32))

    def result(self) -> dict[str, object]:
        """abs_rel_baseline, abs_rel_median_baseline, delta1_baseline; empty without an image."""
        scores = DepthScores(self.protocol)
        for true_m in self._truth:
            height, width = true_m.shape
            if self.training is not None:
                guess_m = self.training.map(height, width)
            else:
                guess_m = self._own.map(height, width, without=true_m)
            scores.add(guess_m, true_m)
        found = scores.result()
        keys = ("abs_rel", "abs_rel_median", "delta1", "delta1_median", "rmse")
        named = {f"{key}_baseline": found[key] for key in keys if key in found}
        source = "training set" if self.training is not None else "other images of the set"
        return {**named, "baseline": f"mean depth map of the {source}"} if named else {}
