"""How long a whole predictor call takes, by preset, size of the input and engine.

A call goes from a 480x640 image to depth, labels, normals and edges of that size. Weights are
random: they do not change the time. Keys: `<row>.ms_p50`, `<row>.ms_p95` with the rows torch,
openvino, openvino_bf16, onnxruntime; openvino_mirror, which sees the mirror image too
(`perception.mirror=on`); on a machine with a GPU cuda and cuda_bf16. With several presets or sizes
they are prefixed `<preset>.<HxW>.`. A row that cannot run is null and `missing` says why. All rows
take turns, so that a busy moment hits them alike.
"""

from __future__ import annotations

import time
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from typing import Any

import numpy as np
from harness import BenchmarkRun, finish, limits, make_parser, run_benchmark, say, summary_of

from m2h.errors import M2HError
from m2h.model import M2H, build_model, preset
from m2h.predictor import Predictor
from m2h.types import U1
from mono_hydra.cli.train_m2h import parse_size
from mono_hydra.errors import ConfigError

IMAGE_SIZE, FOCAL_PX = (480, 640), 520.0
N_FIRST = 2  # calls that allocate
ENGINES = {  # row -> backend, device, precision, mirror image
    "torch": ("torch", "cpu", "fp32", False),
    "openvino": ("openvino", "cpu", "fp32", False),
    "openvino_mirror": ("openvino", "cpu", "fp32", True),
    "openvino_bf16": ("openvino", "cpu", "bf16", False),
    "onnxruntime": ("onnxruntime", "cpu", "fp32", False),
    "cuda": ("torch", "cuda", "fp32", False),
    "cuda_bf16": ("torch", "cuda", "bf16", False),
}
CPU_ROWS = ("torch", "openvino", "openvino_mirror", "openvino_bf16", "onnxruntime")
GPU_ROWS = ("cuda", "cuda_bf16")


@dataclass(frozen=True)
class Timing:
    """Milliseconds of a row's calls, or why there are none."""

    ms: tuple[float, ...] = ()
    problem: str | None = None

    def scores(self, row: str) -> dict[str, float | None]:
        """Median and 95th percentile; None where nothing ran."""
        share = {"ms_p50": 50, "ms_p95": 95}
        return {
            f"{row}.{key}": float(np.percentile(self.ms, q)) if self.ms else None
            for key, q in share.items()
        }


def main(argv: Rows[str]) -> int:
    """Measure and print one JSON object."""
    args = _parser().parse_args(list(argv))
    if args.images < 1:
        raise ConfigError(f"--images {args.images}: must be 1 or more")
    sizes = [parse_size(text) for text in args.size]
    rows = args.rows or [*CPU_ROWS, *(GPU_ROWS if _has_gpu() else ())]
    _use_threads(args.threads)
    several = len(args.preset) * len(sizes) > 1
    scores: dict[str, float | None] = {}
    missing: dict[str, str] = {}
    for name in args.preset:
        for size in sizes:
            prefix = f"{name}.{size[0]}x{size[1]}." if several else ""
            timings, n_parameters = measure(name, size, rows, args)
            scores[f"{prefix}parameters"] = float(n_parameters)
            for row, timing in timings.items():
                scores |= {prefix + key: value for key, value in timing.scores(row).items()}
                if timing.problem is not None:
                    missing[prefix + row] = timing.problem
    run = BenchmarkRun("network_speed", scores, extra={"missing": missing})
    return finish(summary_of("network_speed", _plain(vars(args)), [run], limits(args)))


def measure(
    name: str, size: tuple[int, int], rows: Rows[str], args: Any
) -> tuple[dict[str, Timing], int]:
    """Timing of every row, and the parameters of the network."""
    model = build_model(preset(name)).eval()
    predictors: dict[str, Predictor] = {}
    timings: dict[str, Timing] = {}
    for row in rows:
        try:
            predictors[row] = _predictor(model, row, size, args.threads)
        except M2HError as error:
            timings[row] = Timing(problem=str(error))
    image = np.random.default_rng(0).integers(0, 256, (*IMAGE_SIZE, 3), dtype=np.uint8)
    spent_ms = _take_turns(predictors, image, args.images, args.seconds)
    timings |= {row: Timing(tuple(ms)) for row, ms in spent_ms.items()}
    for row in rows:
        ms, problem = timings[row].ms, timings[row].problem
        told = f"{np.median(ms):8.1f} ms, {len(ms)} calls" if ms else f"   not run: {problem}"
        say(f"{name:10} {size[0]}x{size[1]}  {row:14}{told}")
    return {row: timings[row] for row in rows}, sum(p.numel() for p in model.parameters())


def _predictor(model: M2H, row: str, size: tuple[int, int], n_threads: int | None) -> Predictor:
    backend, device, precision, mirror = ENGINES[row]
    return Predictor(
        model, backend, device=device, precision=precision, size=size, n_threads=n_threads,
        mirror=mirror,
    )  # fmt: skip


def _take_turns(
    predictors: dict[str, Predictor], image: U1, n_images: int, seconds: float
) -> dict[str, list[float]]:
    """Calls of all rows, A B C A B C; a slow network stops after `seconds` for all of them."""
    spent_ms: dict[str, list[float]] = {row: [] for row in predictors}
    start_s = time.perf_counter()
    for call in range(n_images + N_FIRST):
        for row, predictor in predictors.items():
            before_s = time.perf_counter()
            predictor.predict(image, focal_px=FOCAL_PX)
            spent_ms[row].append((time.perf_counter() - before_s) * 1e3)
        if call >= N_FIRST and time.perf_counter() - start_s > seconds:
            break
    return {row: ms[N_FIRST:] for row, ms in spent_ms.items()}


def _parser() -> Any:
    parser = make_parser("network_speed", __doc__)
    parser.add_argument("--preset", nargs="+", default=["m2h_tiny"], metavar="NAME")
    parser.add_argument("--size", nargs="+", default=["224x308"], metavar="HxW")
    parser.add_argument("--images", type=int, default=30, metavar="N", help="calls of each row")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S",
                        help="no further round after so long")  # fmt: skip
    parser.add_argument("--threads", type=int, metavar="N", help="of every engine")
    parser.add_argument("--rows", nargs="+", choices=list(ENGINES), metavar="ROW")
    return parser


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    kept = ("preset", "size", "images", "seconds", "threads", "rows")
    return {key: arguments[key] for key in kept}


def _use_threads(n_threads: int | None) -> None:
    import torch

    if n_threads:
        torch.set_num_threads(n_threads)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    run_benchmark(main)
