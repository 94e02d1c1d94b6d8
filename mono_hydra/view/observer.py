"""What observers of a run see: one step of the pipeline, by shape, not by import."""

from __future__ import annotations

from typing import Protocol

from mono_hydra.graph.scene_graph import SceneGraph
from mono_hydra.types import Frame, Keyframe, MeshBlock, Prediction, TrackedPose

BlockIndex = tuple[int, int, int]


class StepLike(Protocol):
    """One turn of the loop; everything but frame and pose may be absent."""

    @property
    def frame(self) -> Frame:
        """The image."""

    @property
    def tracked(self) -> TrackedPose:
        """Its pose."""

    @property
    def keyframe(self) -> Keyframe | None:
        """The keyframe it became."""

    @property
    def prediction(self) -> Prediction | None:
        """What was predicted for it."""

    @property
    def changed_mesh(self) -> dict[BlockIndex, MeshBlock | None]:
        """Mesh blocks that changed; None = gone."""

    @property
    def graph(self) -> SceneGraph | None:
        """The scene graph after this step, if it was updated."""

    @property
    def timing_ms(self) -> dict[str, float]:
        """Milliseconds a stage took in this step."""
