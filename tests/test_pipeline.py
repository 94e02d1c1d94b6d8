"""The order of what a frame sets off."""

from __future__ import annotations

import numpy as np

from mono_hydra.config import Config
from mono_hydra.geometry.camera import camera_from_fov
from mono_hydra.labels import load_label_space
from mono_hydra.pipeline import Pipeline, Step
from mono_hydra.types import F8, Frame, Landmarks, Prediction, TrackedPose, TrackRecord


class Still:
    """A camera at rest that has no pose in its first image."""

    history: tuple[TrackRecord, ...] = ()

    def step(self, frame: Frame) -> TrackedPose | None:
        return TrackedPose(frame.index, frame.stamp_s, np.eye(4)) if frame.index else None

    def observe(self, frame: Frame, prediction: Prediction) -> None:
        raise AssertionError("nothing was predicted")

    def landmarks(self) -> Landmarks | None:
        return None

    def refined(self) -> dict[int, F8]:
        return {}


class Blind:
    """Has no depth; notes when it is asked."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        self.calls.append(f"depth {frame.index}")
        return None


class Watcher:
    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def step(self, step: Step) -> None:
        self.calls.append(f"step {step.frame.index}")


def test_listeners_hear_of_a_pose_before_its_frame_is_mapped() -> None:
    calls: list[str] = []
    space = load_label_space("nyu40")
    pipeline = Pipeline(Config(), space, Still(), Blind(calls), [Watcher(calls)])
    pipeline.pose_listeners.append(lambda pose: calls.append(f"pose {pose.frame_index}"))
    rgb, camera = np.zeros((6, 8, 3), np.uint8), camera_from_fov(8, 6, 60.0)
    pipeline.run(Frame(k, 0.1 * k, rgb, camera) for k in range(2))
    pipeline.close()
    assert calls == ["pose 1", "depth 1", "step 1"]
    assert pipeline.lost == {"no pose": 1, "no depth": 1}
