"""Small objects that a network does not see: their pixels take the label around them."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.special import ndtr

from mono_hydra.labels import LabelSpace
from mono_hydra.types import F4, U1, Prediction

SMALL_AREA_M2 = 0.03  # seen area, about 17 cm by 17 cm
MISSED_SHARE = 0.35  # of small objects
MISSED_CONFIDENCE = 0.6  # of the label that stands in for the object
MAX_SHARE_OF_IMAGE = 0.03  # larger parts are not looked at: small things come no nearer than 0.5 m
MIN_SHARE_OF_IMAGE = 1.5e-4  # 12 px of 320 x 240: below what a network's stride resolves


class SmallObjects:
    """Decides which small objects are missed; the same object stays missed from nearby views."""

    def __init__(self, label_space: LabelSpace) -> None:
        self._is_object = label_space.mask("object")

    def miss(self, given: Prediction, choice: F4, labels: U1, confidence: F4) -> None:
        """Replace missed objects in `labels` and `confidence`, both (H, W), in place.

        Args:
            given: undisturbed depth and labels.
            choice: (H, W) smooth standard normal field on the surfaces, decides who is missed.
            labels: changed in place.
            confidence: changed in place.
        """
        focal_px2 = given.camera.fx * given.camera.fy
        for label_id in np.unique(given.labels):
            if not self._is_object[label_id]:
                continue
            mask = ((given.labels == label_id) & (given.depth_m > 0.0)).astype(np.uint8)
            n, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
            for part in range(1, n):
                u, v, width, height, n_px = (int(s) for s in stats[part])
                rows, columns = (
                    slice(max(v - 2, 0), v + height + 2),
                    slice(max(u - 2, 0), u + width + 2),
                )
                if n_px > 2500:  # cannot be small at any range of interest
                    continue
                here = parts[rows, columns] == part
                z_m = float(np.median(given.depth_m[rows, columns][here]))
                if n_px * z_m * z_m / focal_px2 > SMALL_AREA_M2:
                    continue
                tiny = n_px < MIN_SHARE_OF_IMAGE * mask.size
                if tiny or float(ndtr(np.median(choice[rows, columns][here]))) < MISSED_SHARE:
                    around = _label_around(given.labels[rows, columns], here)
                    labels[rows, columns][here] = around
                    confidence[rows, columns][here] = MISSED_CONFIDENCE * (around != 0)


def _label_around(labels: U1, here: np.ndarray) -> int:
    """Most frequent known label in the two-pixel ring around a part, 0 where there is none."""
    ring = cv2.dilate(here.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~here
    counts = np.bincount(labels[ring], minlength=256)
    counts[0] = 0
    return int(np.argmax(counts))
