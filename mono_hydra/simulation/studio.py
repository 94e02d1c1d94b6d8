"""Draws all frames of a sequence: one thread develops and writes them, one collects the truth."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mono_hydra.simulation.camera_effects import CameraEffects
from mono_hydra.simulation.faults import light_factor
from mono_hydra.simulation.journey import Path3D
from mono_hydra.simulation.people_in_view import PeopleInView
from mono_hydra.simulation.render import Renderer
from mono_hydra.simulation.scene import View
from mono_hydra.simulation.sequence_files import write_frame
from mono_hydra.simulation.spoilt_files import hand_over_lens
from mono_hydra.simulation.truth import TruthCollector
from mono_hydra.types import F4, F8

WAITING_FRAMES = 4  # rendered but not yet written


@dataclass(frozen=True, eq=False)
class Studio:
    """What is needed to draw the frames of one journey."""

    renderer: Renderer
    effects: CameraEffects
    collector: TruthCollector
    motion: Path3D
    people: PeopleInView
    jpeg_quality: int
    fault: str | None = None
    fault_s: tuple[float, float] = (0.0, 0.0)
    frame_s: float = 0.0  # between frames

    def draw(self, folder: Path, stamps_s: F8, progress: Callable[[float], None]) -> None:
        """Write image and true images of each stamp below `folder`, in order."""
        poses, camera = self.motion.camera(stamps_s).T_world, self.collector.camera
        with ThreadPoolExecutor(1) as writer, ThreadPoolExecutor(1) as measurer:
            waiting: deque[tuple[Future[None], Future[None]]] = deque()
            for frame, T_world_camera in enumerate(poses):
                view = self.renderer.scene.view(T_world_camera, camera)
                linear = self.renderer.shade(view, T_world_camera, camera)
                stamp_s = float(stamps_s[frame])
                view, linear = self.people.draw(view, linear, T_world_camera, stamp_s)
                waiting.append((
                    writer.submit(self._finish, folder, frame, stamp_s, view, linear),
                    measurer.submit(
                        self.collector.add, frame, T_world_camera,
                        view.depth_m, view.labels, view.instances,
                    ),
                ))  # fmt: skip
                while len(waiting) > WAITING_FRAMES:
                    _finished(waiting.popleft())
                progress((frame + 1) / len(poses))
            for pair in waiting:
                _finished(pair)

    def _finish(self, folder: Path, frame: int, stamp_s: float, view: View, linear: F4) -> None:
        factor = light_factor(self.fault, self.fault_s, self.frame_s, stamp_s)
        rgb = self.effects.apply(linear, view.depth_m, stamp_s, self._pose_at, factor)
        if self.fault == "hand":
            rgb = hand_over_lens(rgb, stamp_s, self.fault_s)
        write_frame(
            folder, frame, rgb, view.depth_m, view.labels, view.instances, self.jpeg_quality
        )

    def _pose_at(self, stamp_s: float) -> F8:
        return np.asarray(self.motion.camera(np.array([stamp_s])).T_world[0])


def _finished(pair: tuple[Future[None], Future[None]]) -> None:
    for future in pair:
        future.result()
