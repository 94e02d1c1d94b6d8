"""How fast fusion and a whole step are, on all frames of `demo`, kernels warm.

Keys: `fusion` is the kernel given the band's blocks, touch and allocation included;
`fusion_with_carving` carves all active blocks in view; `open3d` is Open3D's own integration of
depth and colour (no labels), in turn with ours; `step` are keyframe steps without perception.
"""

from __future__ import annotations

import time
from collections.abc import Sequence as Rows
from dataclasses import replace

import numpy as np
from harness import make_parser, one_result, run_benchmark

from mono_hydra.cli.run_sequence import make_pipeline
from mono_hydra.config import Config
from mono_hydra.labels import load_label_space
from mono_hydra.mapping.volume import Volume
from mono_hydra.pipeline import Pipeline
from mono_hydra.sequences.open_sequence import open_sequence
from mono_hydra.simulation.generate import demo_sequence
from mono_hydra.types import F8, Frame, Keyframe, Prediction, Provenance

Scores = dict[str, float]


class Remembered:
    """A predictor that answers from memory once it has answered."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.inner = pipeline.predictor
        self.known: dict[int, Prediction | None] = {}

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """The prediction of a frame."""
        if frame.index not in self.known:
            self.known[frame.index] = self.inner.step(frame, T_world_camera)
        return self.known[frame.index]


def main(argv: Rows[str]) -> int:
    """Measure and print one JSON object."""
    args = make_parser("speed", __doc__).parse_args(list(argv))
    sequence = open_sequence(demo_sequence())
    label_space = load_label_space(sequence.info.label_space)
    given = Provenance("dataset", "sensor", "dataset")

    def pipeline() -> Pipeline:
        return make_pipeline(sequence, Config(), given, label_space)

    first = pipeline()
    remembered = Remembered(first)
    first.predictor = remembered
    frames = []
    for frame in sequence.frames():
        first.process(frame)
        # from here on a frame's image is not looked at again
        frames.append(replace(frame, rgb=np.zeros((1, 1, 3), np.uint8)))
    scores = step_scores(pipeline(), remembered, frames)
    scores |= fusion_scores(list(first.keyframes), label_space_name=sequence.info.label_space)
    first.close()
    return one_result("speed", args, scores)


def step_scores(pipeline: Pipeline, remembered: Remembered, frames: list[Frame]) -> Scores:
    """Rates of a second run over the same frames."""
    pipeline.predictor = remembered
    step_ms, stages = [], {}
    total_s = 0.0
    for frame in frames:
        started = time.perf_counter()
        step = pipeline.process(frame)
        spent = time.perf_counter() - started
        total_s += spent
        if step is not None and step.keyframe is not None:
            step_ms.append(spent * 1e3)
            for stage, ms in step.timing_ms.items():
                stages.setdefault(stage, []).append(ms)
    pipeline.close()
    scores = {"frames_per_s": len(frames) / total_s, "keyframes": float(len(step_ms))}
    return (
        scores
        | _ms("step", step_ms)
        | {k: v for s, ms in stages.items() for k, v in _ms(f"stage_{s}", ms).items()}
    )


def fusion_scores(keyframes: list[Keyframe], *, label_space_name: str) -> Scores:
    """Fusion alone, in turn with Open3D's, keyframe by keyframe."""
    space, config = load_label_space(label_space_name), Config().mapping
    band, carving, other = Volume(config, space), Volume(config, space), _Open3D(keyframes[0])
    band_ms, carving_ms, other_ms = [], [], []
    for keyframe in keyframes:
        band_ms.append(_timed(lambda k=keyframe: band.integrate(k, only_band=True)))
        other_ms.append(_timed(lambda k=keyframe: other.integrate(k)))
        carving_ms.append(_timed(lambda k=keyframe: carving.step(k)))
    ratio = float(np.median(np.array(band_ms) / np.array(other_ms)))
    return (
        _ms("fusion", band_ms)
        | _ms("fusion_with_carving", carving_ms)
        | _ms("open3d", other_ms)
        | {"ratio.fusion_open3d": ratio}
    )


class _Open3D:
    """Open3D's voxel block grid with the same voxel and a band of three voxels to each side."""

    def __init__(self, keyframe: Keyframe) -> None:
        from mono_hydra.open3d_import import load_open3d

        self.o3d = load_open3d()
        core, camera = self.o3d.core, keyframe.camera
        self.grid = self.o3d.t.geometry.VoxelBlockGrid(
            ("tsdf", "weight", "color"),
            (core.float32, core.float32, core.float32),
            ((1,), (1,), (3,)),
            Config().mapping.voxel_size_m,
            8,
            20000,
        )
        self.K = core.Tensor(camera.K)

    def integrate(self, keyframe: Keyframe) -> None:
        """Touch and fuse one keyframe."""
        image, core = self.o3d.t.geometry.Image, self.o3d.core
        depth = image(core.Tensor(keyframe.depth_m))
        color = image(core.Tensor(keyframe.rgb.astype(np.float32) / np.float32(255.0)))
        T = core.Tensor(np.linalg.inv(keyframe.T_world_camera))
        blocks = self.grid.compute_unique_block_coordinates(depth, self.K, T, 1.0, 5.0, 3.0)
        self.grid.integrate(blocks, depth, color, self.K, self.K, T, 1.0, 5.0, 3.0)


def _timed(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return (time.perf_counter() - started) * 1e3


def _ms(name: str, values: list[float]) -> Scores:
    array = np.array(values[5:] or values)  # the first ones allocate
    return {
        f"{name}.ms_p50": float(np.median(array)),
        f"{name}.ms_p95": float(np.percentile(array, 95)),
    }


if __name__ == "__main__":
    run_benchmark(main)
