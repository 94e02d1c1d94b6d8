"""The figure of docs/architecture.md as a loop: one call a stage, nothing else.

Sequence -> Tracker -> Predictor -> Aligner -> KeyframeStore -> Volume -> Mesh -> GraphBuilder ->
SceneGraph; viewer, recorder, timer and progress bar observe the `Step` of each frame.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mono_hydra.config import Config
from mono_hydra.graph.builder import GraphBuilder
from mono_hydra.graph.scene_graph import SceneGraph
from mono_hydra.labels import LabelSpace
from mono_hydra.mapping.keyframes import KeyframePolicy, KeyframeStore
from mono_hydra.mapping.mesh import MeshBuilder
from mono_hydra.mapping.volume import BlockIndex, Volume
from mono_hydra.types import (
    F8,
    Frame,
    Keyframe,
    Landmarks,
    MeshBlock,
    MovedKeyframe,
    Prediction,
    TrackedPose,
    TrackRecord,
)


class Tracker(Protocol):
    """Finds the pose of each frame."""

    @property
    def history(self) -> Sequence[TrackRecord]:
        """State and health of every frame so far; empty where poses are given."""
        ...

    def step(self, frame: Frame) -> TrackedPose | None:
        """Pose of a frame, None where there is none."""
        ...

    def observe(self, frame: Frame, prediction: Prediction) -> None:
        """See what was predicted of the newest frame."""
        ...

    def landmarks(self) -> Landmarks | None:
        """Points of known depth in the newest keyframe, at the scale of the poses."""
        ...

    def refined(self) -> dict[int, F8]:
        """T_world_camera (4, 4) by frame index, where it is better known now than it was then."""
        ...


class Predictor(Protocol):
    """Gives depth and labels of a keyframe."""

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Prediction of a frame, None where there is none."""
        ...


class Aligner(Protocol):
    """Makes depth of successive keyframes agree."""

    def step(self, prediction: Prediction, tracked: TrackedPose) -> Prediction:
        """The prediction, corrected by what earlier ones showed."""
        ...


@dataclass(frozen=True, eq=False)
class Step:
    """What one frame brought."""

    frame: Frame
    tracked: TrackedPose
    keyframe: Keyframe | None = None
    prediction: Prediction | None = None
    changed_mesh: dict[BlockIndex, MeshBlock | None] = field(default_factory=dict)
    graph: SceneGraph | None = None
    timing_ms: dict[str, float] = field(default_factory=dict)


class Observer(Protocol):
    """Looks at steps; never changes them."""

    def step(self, step: Step) -> None:
        """See one step."""
        ...


class StageTimer:
    """Wall-clock milliseconds of each stage in one step."""

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._last_s = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to `stage`."""
        now_s = time.perf_counter()
        self.ms[stage] = self.ms.get(stage, 0.0) + (now_s - self._last_s) * 1e3
        self._last_s = now_s


class Pipeline:
    """Synchronous loop; the same input gives the same map, byte for byte."""

    def __init__(
        self,
        config: Config,
        label_space: LabelSpace,
        tracker: Tracker,
        predictor: Predictor,
        observers: Sequence[Observer] = (),
        *,
        aligners: Sequence[Aligner] = (),
        has_stamps: bool = True,
    ) -> None:
        self.config = config
        self.tracker = tracker
        self.predictor = predictor
        self.aligners = list(aligners)
        self.observers = list(observers)
        # told each pose at once, before its frame is mapped: for who steers by poses
        self.pose_listeners: list[Callable[[TrackedPose], None]] = []
        self.keyframe_policy = KeyframePolicy(config.keyframes, has_stamps=has_stamps)
        self.keyframes = KeyframeStore(config.keyframes, config.mapping.refusion_tolerance_m)
        self.volume = Volume(config.mapping, label_space)
        self.mesh = MeshBuilder()
        self.graph = GraphBuilder(config, label_space)
        self.lost = Counter[str]()  # frames and keyframes that did not reach the map, by reason
        self._trajectory: list[tuple[float, F8]] = []
        self._moved: list[MovedKeyframe] = []
        self._id_of_frame: dict[int, int] = {}

    def run(self, frames: Iterable[Frame]) -> None:
        """Process all frames; observers see each step."""
        for frame in frames:
            step = self.process(frame)
            if step is not None:
                for observer in self.observers:
                    observer.step(step)

    def process(self, frame: Frame) -> Step | None:
        """One frame through the figure; None where the tracker has no pose."""
        timer = StageTimer()
        tracked = self.tracker.step(frame)
        timer.lap("tracking")
        if tracked is None:
            self.lost["no pose"] += 1
            return None
        for listen in self.pose_listeners:
            listen(tracked)
        self._trajectory.append((frame.stamp_s, tracked.T_world_camera))
        if not self.keyframe_policy.step(tracked):
            return Step(frame, tracked, timing_ms=timer.ms)
        prediction = self.predictor.step(frame, tracked.T_world_camera)
        timer.lap("perception")
        if prediction is None:
            self.lost["no depth"] += 1
            return Step(frame, tracked, timing_ms=timer.ms)
        self.tracker.observe(frame, prediction)
        timer.lap("tracking")
        self.keyframe_policy.observe_depth(prediction.depth_m)
        if tracked.state == "degraded":  # such a pose may bend the map
            self.lost["degraded pose"] += 1
            return Step(frame, tracked, timing_ms=timer.ms)
        for aligner in self.aligners:
            prediction = aligner.step(prediction, tracked)
        timer.lap("alignment")
        keyframe = self.keyframes.add(frame, prediction, tracked)
        self._id_of_frame[frame.index] = keyframe.id
        timer.lap("keyframe")
        self._take_refined()
        moved, self._moved = self._moved, []
        changed_blocks = self.volume.step(keyframe, moved, self.keyframes.get)
        timer.lap("fusion")
        changed_mesh = self.mesh.step(self.volume, changed_blocks)
        timer.lap("mesh")
        graph = self.graph.step(keyframe, moved, self.keyframes.get, changed_mesh)
        timer.lap("graph")
        return Step(frame, tracked, keyframe, prediction, changed_mesh, graph, timer.ms)

    def _take_refined(self) -> None:
        """Fuse afresh, in this step, keyframes whose poses the tracker has made better."""
        refined = self.tracker.refined().items()
        self.correct({self._id_of_frame[i]: T for i, T in refined if i in self._id_of_frame})

    def correct(self, poses: dict[int, F8]) -> None:
        """Replace poses of stored keyframes; the next step fuses afresh what they touched.

        Args:
            poses: keyframe id -> T_world_camera (4, 4).
        """
        self._moved.extend(self.keyframes.correct(poses))

    def refuse(self) -> dict[BlockIndex, MeshBlock | None]:
        """Fuse afresh now what corrected keyframes touched; returns the changed mesh blocks."""
        moved, self._moved = self._moved, []
        changed_blocks = self.volume.refuse(moved, self.keyframes.get)
        changed_mesh = self.mesh.step(self.volume, changed_blocks)
        self.graph.step(None, moved, self.keyframes.get, changed_mesh)
        return changed_mesh

    def finish(self) -> SceneGraph:
        """The final scene graph."""
        return self.graph.finish()

    def trajectory(self) -> tuple[F8, F8]:
        """Stamps (N,) and final T_world_camera (N, 4, 4) of every tracked frame."""
        stamps = np.array([s for s, _ in self._trajectory])
        poses = np.array([T for _, T in self._trajectory]).reshape(-1, 4, 4)
        return stamps, poses

    def close(self) -> None:
        """Release spill files."""
        self.keyframes.close()
