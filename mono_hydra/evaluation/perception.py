"""Images with truth to score the network on: unseen homes, NYUv2 folders, recordings with depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from m2h.metrics import MeanDepthMap, Protocol, protocol_named
from m2h.types import Intrinsics, Sample
from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.perception_time import TrueView
from mono_hydra.types import F4, Camera, Frame

VIEWS_PER_HOME = 80
FIRST_TRAINING_SEED = 1_000_000


@dataclass(frozen=True, eq=False)
class Judged:
    """One image with its truth."""

    sample: Sample
    stamp_s: float | None = None  # of a recording
    # rows and columns that show the scene; the rest is a frame around the picture
    window: tuple[slice, slice] = (slice(None), slice(None))
    true_view: TrueView | None = None  # of a recording that is judged over time


@dataclass(frozen=True, eq=False)
class JudgedSet:
    """Images with the protocol they are scored by; read once, in a fixed order."""

    name: str
    protocol: Protocol
    images: Iterator[Judged]
    training_mean: MeanDepthMap | None = None  # the baseline's; None: of the other images


def simulated_set(seeds: Sequence[int], max_images: int) -> JudgedSet:
    """Views of homes that no training has seen.

    Raises:
        EvaluationError: a seed that trainings use.
    """
    wrong = [seed for seed in seeds if not 0 <= seed < FIRST_TRAINING_SEED]
    if wrong or not seeds:
        raise EvaluationError(
            f"--seeds {' '.join(map(str, wrong))}: name homes from 0 to {FIRST_TRAINING_SEED - 1}, "
            "the others are for training"
        )
    return JudgedSet("simulated", protocol_named("simulated"), _views(seeds, max_images))


def nyuv2_set(folder: Path, max_images: int) -> JudgedSet:
    """DIR/test of the NYUv2 layout; the mean map comes from DIR/train if it is there.

    Raises:
        DataError: a folder is missing or empty.
    """
    from m2h.data.nyuv2 import NyuFolder

    test = NyuFolder(folder / "test" if (folder / "test").is_dir() else folder, crop_frame=False)
    mean = mean_depth(folder / "train") if (folder / "train").is_dir() else None
    images = (_nyu_frame(test[i]) for i in _spread(len(test), max_images))
    return JudgedSet("nyuv2", protocol_named("nyu_eigen"), images, mean)


def recording_set(name: str, path: Path, max_images: int) -> JudgedSet:
    """Frames of a recording that come with depth, spread over it.

    Raises:
        DatasetError: it cannot be opened or has no depth.
    """
    from mono_hydra.sequences.open_sequence import open_sequence

    n_frames = open_sequence(path).info.n_frames or max_images
    every = max(1, -(-n_frames // max_images))
    sequence = open_sequence(path, every=every)
    if not sequence.info.has_depth:
        raise EvaluationError(
            f"{path}: has no depth to compare with; choose a recording with depth"
        )
    return JudgedSet(name, protocol_named("scannet"), _frames(name, sequence))


def mean_depth(folder: Path) -> MeanDepthMap:
    """The mean depth map of a training set in the NYUv2 layout.

    Raises:
        DataError: the folder is missing or empty.
    """
    from m2h.data.nyuv2 import NyuFolder

    reader, mean = NyuFolder(folder, crop_frame=False), MeanDepthMap()
    for i in range(len(reader)):
        depth_m = reader[i].depth_m
        if depth_m is not None:
            mean.add(depth_m)
    return mean


def _spread(n: int, most: int) -> list[int]:
    """Up to `most` indices spread over 0..n - 1."""
    count = min(n, most)
    return [k * n // count for k in range(count)]


def _views(seeds: Sequence[int], max_images: int) -> Iterator[Judged]:
    from mono_hydra.simulation.training_views import views

    per_home = min(VIEWS_PER_HOME, -(-max_images // len(seeds)))
    n_given = 0
    for seed in seeds:
        for index, view in enumerate(views(seed, per_home, allow_any_seed=True)):
            if n_given == max_images:
                return
            n_given += 1
            sample = Sample(
                source="simulated",
                name=f"{seed}/{index:03d}",
                image=view.rgb,
                intrinsics=_intrinsics(view.camera),
                depth_m=view.depth_m,
                labels=view.labels,
                normals=view.normals,
                edges=view.edges,
            )
            yield Judged(sample)


def _nyu_frame(sample: Sample) -> Judged:
    """The white frame of the pictures is not shown to the network; the truth keeps its size."""
    from m2h.data.nyuv2 import FRAME, FULL_HEIGHT, FULL_WIDTH

    height, width = sample.image.shape[:2]
    top, bottom, left, right = FRAME
    rows = slice(-(-top * height // FULL_HEIGHT), bottom * height // FULL_HEIGHT)
    columns = slice(-(-left * width // FULL_WIDTH), right * width // FULL_WIDTH)
    # depth in steps of 39 mm gives no normals, and label borders alone are no edges to judge by
    return Judged(replace(sample, normals=None, edges=None), window=(rows, columns))


def _frames(name: str, sequence: object) -> Iterator[Judged]:
    from mono_hydra.sequences.base import Sequence as Recording

    recording: Recording = sequence  # type: ignore[assignment]
    reference = recording.reference()
    for frame in recording.frames():
        depth = reference.depth(frame)
        if depth is None:
            continue
        sample = Sample(
            source=name,
            name=f"{frame.index:06d}",
            image=frame.rgb,
            intrinsics=_intrinsics(frame.camera),
            depth_m=_at_size(depth.depth_m, frame),
        )
        yield Judged(sample, stamp_s=frame.stamp_s)


def _at_size(depth_m: F4, frame: Frame) -> F4:
    """The depth image on the colour image's grid, nearest: no depth between two surfaces."""
    import cv2

    height, width = frame.rgb.shape[:2]
    if depth_m.shape == (height, width):
        return depth_m
    resized = cv2.resize(depth_m, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized, dtype=np.float32)


def _intrinsics(camera: Camera) -> Intrinsics:
    return Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy)
