"""The second estimator that the ablation puts beside the filter."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from mono_hydra.evaluation.covariance import pose_errors
from mono_hydra.tracking.inertial_filter import InertialFilter
from tests.tracking.flights import OPTIONS, flight, steps

pytest.importorskip("gtsam", reason="GTSAM is not installed")


def test_a_simulated_flight_is_smoothed_within_centimetres(
    load_benchmark: Callable[[str], ModuleType],
) -> None:
    smoother = load_benchmark("gtsam_smoother")
    made = flight(1, 6.0)
    tracker, start, frames, truth = InertialFilter(made.T_body_camera, OPTIONS), None, [], []
    for k, stamp_s, samples, tracks in steps(made):
        tracker.propagate(samples, stamp_s)
        tracker.add_frame(stamp_s, tracks)
        if start is None:
            start = copy.deepcopy(tracker.state)
            continue
        frames.append(smoother.TrackedFrame(stamp_s, tracks, tracker.is_resting))
        truth.append(made.T_world_body[k])
    assert start is not None
    run = smoother.smooth(
        frames, made.imu, start, made.T_body_camera, OPTIONS.imu, 1.0 / OPTIONS.focal_px
    )
    assert run.failure == ""
    assert len(run.stamps_s) > 25
    at = np.searchsorted([f.stamp_s for f in frames], run.stamps_s - 1e-6)
    errors = pose_errors(run.T_world_body, np.array(truth)[at])
    assert np.linalg.norm(errors[:, 3:], axis=1).max() < 0.1
