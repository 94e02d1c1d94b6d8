"""Predicted depth corrected by the scale that tracking found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mono_hydra.types import Prediction, TrackedPose


class TrackedScale:
    """Divides depth by exp(log_scale) of the frame's pose.

    Its sigma stays: the network's own covers all of its error, of which the scale is a part.
    """

    def step(self, prediction: Prediction, tracked: TrackedPose) -> Prediction:
        """The prediction at the map's scale."""
        if tracked.log_scale == 0.0:
            return prediction
        factor = np.float32(np.exp(-tracked.log_scale))
        return replace(prediction, depth_m=prediction.depth_m * factor)
