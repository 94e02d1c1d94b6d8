"""Where a prediction shows things that move by themselves."""

from __future__ import annotations

import cv2
import numpy as np

from mono_hydra.types import Bool, Frame, Prediction


def moving_mask(
    frame: Frame, prediction: Prediction, dynamic_ids: frozenset[int], margin_px: int
) -> Bool | None:
    """(H, W) of the image, true on things that move by themselves and a margin about them.

    None where there are none, and for a lens with distortion, whose image the prediction's
    rectified grid does not cover point for point.
    """
    found = np.isin(prediction.labels, sorted(dynamic_ids))
    if not found.any() or frame.camera.distortion:
        return None
    height, width = frame.rgb.shape[:2]
    mask = cv2.resize(found.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    size = 2 * margin_px + 1
    return np.asarray(cv2.dilate(mask, np.ones((size, size), np.uint8)) > 0)
