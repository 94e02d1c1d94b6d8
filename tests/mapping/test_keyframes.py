import numpy as np
import pytest

from mono_hydra.config import KeyframeConfig
from mono_hydra.errors import DatasetError
from mono_hydra.geometry import se3
from mono_hydra.mapping.keyframes import DEPTH_STEP_M, KeyframePolicy, KeyframeStore
from mono_hydra.types import Frame, TrackedPose
from tests.mapping.views import CAMERA, poses, prediction, store_of


def pose_at(x_m: float, stamp_s: float, yaw_deg: float = 0.0) -> TrackedPose:
    T = se3.exp(np.array([0.0, 0.0, np.deg2rad(yaw_deg), 0.0, 0.0, 0.0]))
    T[0, 3] = x_m
    return TrackedPose(0, stamp_s, T)


def test_first_frame_is_a_keyframe_and_standing_still_adds_none():
    policy = KeyframePolicy(KeyframeConfig())
    assert policy.step(pose_at(0.0, 0.0))
    assert not any(policy.step(pose_at(0.0, t)) for t in np.arange(0.1, 20.0, 0.1))


@pytest.mark.parametrize(
    ("moved", "due"),
    [((0.25, 1.0, 0.0), True), ((0.05, 1.0, 13.0), True), ((0.05, 1.0, 1.0), False)],
)
def test_motion_or_rotation_makes_a_keyframe(moved, due):
    policy = KeyframePolicy(KeyframeConfig())
    policy.step(pose_at(0.0, 0.0))
    assert policy.step(pose_at(*moved)) is due


def test_keyframes_come_at_most_four_times_a_second_unless_stamps_are_made_up():
    for has_stamps, n in ((True, 5), (False, 101)):
        policy = KeyframePolicy(KeyframeConfig(), has_stamps=has_stamps)
        assert sum(policy.step(pose_at(0.5 * i, 0.01 * i)) for i in range(101)) == n


def test_slow_drift_makes_a_keyframe_after_two_seconds():
    policy = KeyframePolicy(KeyframeConfig())
    policy.step(pose_at(0.0, 0.0))
    assert not policy.step(pose_at(0.03, 1.9))
    assert policy.step(pose_at(0.03, 2.1))


def test_stored_depth_is_within_its_quantum():
    T = poses(3)[1]
    keyframe = store_of([T]).get(0)
    assert np.abs(keyframe.depth_m - prediction(T).depth_m).max() <= 0.51 * DEPTH_STEP_M
    assert np.abs(keyframe.depth_sigma / 0.01 - 1).max() < 0.02
    assert np.array_equal(keyframe.labels, prediction(T).labels)


def test_spilled_keyframes_come_back_equal():
    walk = poses(6)
    in_memory, spilled = store_of(walk), store_of(walk, max_ram_mb=0.005)
    assert spilled._database is not None
    for a, b in zip(in_memory, spilled, strict=True):
        for name in ("rgb", "depth_m", "depth_sigma", "labels", "confidence", "T_world_camera"):
            assert np.array_equal(getattr(a, name), getattr(b, name))
    spilled.close()


def test_depth_of_another_size_is_refused():
    store = KeyframeStore(KeyframeConfig())
    wrong = prediction(np.eye(4))
    wrong.__dict__["depth_m"] = wrong.depth_m[:10]
    with pytest.raises(DatasetError, match="depth_m is not 80x60"):
        store.add(
            Frame(0, 0.0, np.zeros((1, 1, 3), np.uint8), CAMERA),
            wrong,
            TrackedPose(0, 0.0, np.eye(4)),
        )
