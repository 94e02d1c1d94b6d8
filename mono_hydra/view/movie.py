"""A moving picture of a run: what the camera sees left, mesh and scene graph growing right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mono_hydra.files.atomic import writing
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.types import F8, U1, MeshBlock
from mono_hydra.view.layers import LiftedGraph, lift_graph
from mono_hydra.view.observer import StepLike
from mono_hydra.view.picture import (
    PAPER,
    draw_graph,
    overview_eye,
    without_ceiling,
)
from mono_hydra.view.raycast import Eye, exposure, render_mesh
from mono_hydra.view.whole_mesh import WholeMesh

_GAP_PX = 12
_LABEL_SHARE = 0.55  # of the label's colour over the image


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of a run at one keyframe."""

    rgb: U1  # (H, W, 3)
    labels: U1  # (H, W)
    mesh: MeshBlock
    lifted: LiftedGraph
    path_m: F8  # (N, 3)


class Snapshots:
    """Observer that keeps a snapshot every few keyframes.

    Args:
        label_space: colours.
        every: keyframes between snapshots.
        spread: distance of the graph's layers, see `lift_graph`.
    """

    def __init__(self, label_space: LabelSpace, every: int, spread: float = 1.15) -> None:
        self.label_space = label_space
        self.every = every
        self.spread = spread
        self.taken: list[Snapshot] = []
        self._mesh = WholeMesh()
        self._path: list[F8] = []
        self._n = 0

    def step(self, step: StepLike) -> None:
        """Take one step of the pipeline."""
        self._mesh.update(step.changed_mesh)
        if step.keyframe is None or step.graph is None:
            return
        self._path.append(step.tracked.T_world_camera[:3, 3].copy())
        if self._n % self.every == 0:
            lifted = lift_graph(step.graph, self.label_space, self.spread)
            path = np.array(self._path)
            frame = step.keyframe
            joined = self._mesh.joined()
            self.taken.append(Snapshot(frame.rgb, frame.labels, joined, lifted, path))
        self._n += 1


def compose(
    snapshots: list[Snapshot], label_space: LabelSpace, width_px: int = 860, height_px: int = 580
) -> list[U1]:
    """The frames (height_px, width_px, 3) of the moving picture, all from one point of view.

    Raises:
        DependencyError: Open3D is missing.
    """
    last = snapshots[-1]
    video_px = round(0.31 * width_px)
    world_px = width_px - video_px - _GAP_PX
    keep = without_ceiling(last.mesh, label_space)
    eye = overview_eye(last.mesh, last.lifted, keep, world_px, height_px=height_px)
    gain = exposure(last.mesh)
    return [_frame(s, label_space, eye, gain, (width_px, height_px), video_px) for s in snapshots]


def _frame(
    s: Snapshot, label_space: LabelSpace, eye: Eye, gain: float, size: tuple[int, int], video: int
) -> U1:
    width, height = size
    page = np.full((height, width, 3), PAPER, np.uint8)
    keep = without_ceiling(s.mesh, label_space)
    world = render_mesh(s.mesh, eye, PAPER, keep=keep, gain=gain)
    page[:, width - eye.width_px :] = draw_graph(world, s.lifted, eye, s.path_m, text_scale=1.5)
    image_height = round(video * s.rgb.shape[0] / s.rgb.shape[1])
    small = cv2.resize(s.rgb, (video, image_height), interpolation=cv2.INTER_AREA)
    painted = cv2.resize(
        label_space.palette[s.labels], (video, image_height), interpolation=cv2.INTER_NEAREST
    )
    top = (height - 2 * image_height - _GAP_PX) // 2
    below = top + image_height + _GAP_PX
    page[top : top + image_height, _GAP_PX : _GAP_PX + video] = small
    mixed = (1 - _LABEL_SHARE) * small + _LABEL_SHARE * painted
    page[below : below + image_height, _GAP_PX : _GAP_PX + video] = mixed.astype(np.uint8)
    return page


def write_movie(
    path: Path | str, frames: list[U1], *, max_bytes: int = 2_000_000, frame_ms: int = 140
) -> int:
    """Write an animated WebP of at most `max_bytes`; the quality goes down until it fits.

    Returns:
        The quality that fitted.

    Raises:
        OutputError: the file cannot be written.
        ValueError: not even the lowest quality fits.
    """
    from PIL import Image

    images: list[Any] = [Image.fromarray(frame) for frame in frames]
    durations = [frame_ms] * (len(images) - 1) + [3000]  # the result stays a while
    for quality in (85, 75, 65, 55, 45, 35, 25):
        with writing(path) as part:
            images[0].save(
                part,
                format="WEBP",
                save_all=True,
                append_images=images[1:],
                loop=0,
                duration=durations,
                quality=quality,
                method=4,
                minimize_size=True,
            )
        if Path(path).stat().st_size <= max_bytes:
            return quality
    raise ValueError(f"{path}: {len(frames)} frames do not fit into {max_bytes} bytes")
