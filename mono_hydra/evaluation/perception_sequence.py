"""Frames of one recording at the pipeline's rate and on its pixel grid, to be judged over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from m2h.metrics import protocol_named
from m2h.types import Intrinsics, Sample
from mono_hydra.config import MappingConfig, PerceptionConfig
from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.perception import Judged, JudgedSet
from mono_hydra.evaluation.perception_time import MIN_INTERVAL_S, TrueView
from mono_hydra.labels import load_label_space
from mono_hydra.labels.label_space import remap_table
from mono_hydra.perception.given import GivenPredictor
from mono_hydra.perception.network import NETWORK_LABELS
from mono_hydra.sequences.base import Sequence
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.tracking.given import GivenTracker
from mono_hydra.types import Frame

SAME_STAMP_S = 1e-6


def sequence_set(path: Path, max_images: int) -> JudgedSet:
    """The first frames of a recording, at most four a second, rectified to the mapping's width.

    Frames without depth or pose are left out. Labels are compared where the recording has them.

    Raises:
        DatasetError: it cannot be opened.
        EvaluationError: it has no depth or no poses.
        LabelError: its labels cannot be named in those of the network.
    """
    sequence = open_sequence(path)
    info = sequence.info
    for part, is_there in (("depth", info.has_depth), ("poses", info.has_poses)):
        if not is_there:
            raise EvaluationError(
                f"{path}: has no {part}, which the comparison over time needs; "
                "choose a recording with depth and poses"
            )
    protocol = protocol_named("simulated" if info.kind == "simulated" else "scannet")
    return JudgedSet(f"sequence={info.name}", protocol, _judged(sequence, max_images))


def spaced(frames: Iterable[Frame], min_interval_s: float) -> Iterator[Frame]:
    """The first frame, and each that comes at least so many seconds after the last one given."""
    last_s = -np.inf
    for frame in frames:
        if frame.stamp_s - last_s >= min_interval_s - SAME_STAMP_S:
            last_s = frame.stamp_s
            yield frame


def _judged(sequence: Sequence, max_images: int) -> Iterator[Judged]:
    info, reference = sequence.info, sequence.reference()
    space = load_label_space(info.label_space)
    known_as = remap_table(space, load_label_space(NETWORK_LABELS))
    tracker = GivenTracker(reference, np.eye(3))
    given = GivenPredictor(
        reference, space, PerceptionConfig(), MappingConfig().image_width,
        use_labels=info.has_labels,
    )  # fmt: skip
    n_given = 0
    for frame in spaced(sequence.frames(), MIN_INTERVAL_S):
        if n_given == max_images:
            return
        tracked = tracker.step(frame)
        true = None if tracked is None else given.step(frame, tracked.T_world_camera)
        if tracked is None or true is None:
            continue
        n_given += 1
        labels = known_as[true.labels] if info.has_labels else None
        camera = true.camera
        sample = Sample(
            source=info.name,
            name=f"{frame.index:06d}",
            image=true.rgb,
            intrinsics=Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy),
            depth_m=true.depth_m,
            labels=labels,
        )
        view = TrueView(frame.stamp_s, camera, tracked.T_world_camera, true.depth_m, labels)
        yield Judged(sample, stamp_s=frame.stamp_s, true_view=view)
