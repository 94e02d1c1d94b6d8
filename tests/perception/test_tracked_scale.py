from __future__ import annotations

import numpy as np

from mono_hydra.perception.tracked_scale import TrackedScale
from mono_hydra.types import Camera, Prediction, TrackedPose


def test_depth_is_divided_by_the_scale_and_holes_stay() -> None:
    depth_m = np.array([[2.0, 0.0]], np.float32)
    made = Prediction(
        Camera(2, 1, 1.0, 1.0, 0.5, 0.0), np.zeros((1, 2, 3), np.uint8), depth_m,
        np.full((1, 2), 0.1, np.float32), np.zeros((1, 2), np.uint8),
        np.zeros((1, 2), np.float32), "nyu40",
    )  # fmt: skip
    pose = TrackedPose(0, 0.0, np.eye(4), log_scale=float(np.log(1.25)), log_scale_sigma=0.05)
    corrected = TrackedScale().step(made, pose)
    np.testing.assert_allclose(corrected.depth_m, [[1.6, 0.0]], rtol=1e-6)
    assert corrected.depth_m.dtype == np.float32
    assert TrackedScale().step(made, TrackedPose(0, 0.0, np.eye(4))) is made
