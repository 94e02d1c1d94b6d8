"""Engines that run a deployed network on one image of a fixed size: torch, OpenVINO, ONNX Runtime.

Every engine takes (H, W, 3) uint8 RGB and returns arrays by the names of `export.output_names`.
PyTorch is imported only where a network is at hand that is not exported yet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from m2h.depth_card import card_path
from m2h.errors import BackendError, CheckpointError, M2HError
from m2h.openvino_engine import compile_graph, openvino_core
from m2h.presets import CONFIG_KEY, ModelConfig, config_from_dict
from m2h.types import F4, U1

if TYPE_CHECKING:
    from m2h.model import M2H

BACKENDS = ("torch", "openvino", "onnxruntime")
PRECISIONS = ("fp32", "bf16")


class Engine(Protocol):
    """A network ready to run."""

    def __call__(self, image: U1, view: F4) -> dict[str, F4]:
        """Outputs without the batch axis, for (H, W, 3) RGB of the engine's size and its view (4,).

        Networks that know nothing of cameras do not look at the view.
        """
        ...


@dataclass(frozen=True)
class EngineChoice:
    """Which engine, checked.

    Raises:
        BackendError: no engine offers this; names the choices.
    """

    backend: str
    device: str
    precision: str
    n_threads: int | None

    def __post_init__(self) -> None:
        backend, precision = self.backend, self.precision
        if backend not in BACKENDS:
            raise BackendError(f"{backend}: unknown backend; use one of {', '.join(BACKENDS)}")
        if precision not in PRECISIONS:
            is_int8 = precision == "int8"
            hint = "int8 needs calibration, which is not offered" if is_int8 else "unknown"
            raise BackendError(f"{backend}: precision {precision}: {hint}; use fp32 or bf16")
        if backend == "onnxruntime" and precision != "fp32":
            raise BackendError(f"onnxruntime: precision {precision} is not offered; use openvino")


class OnnxEngine:
    """ONNX Runtime on an exported file."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.names = [output.name for output in session.get_outputs()]

    def __call__(self, image: U1, view: F4) -> dict[str, F4]:
        """Outputs of one image."""
        names = [node.name for node in self.session.get_inputs()]
        feed = dict(zip(names, (image[None], view[None]), strict=False))  # the view may be unused
        outputs = self.session.run(self.names, feed)
        return {name: x[0] for name, x in zip(self.names, outputs, strict=True)}


def build_engine(model: M2H, choice: EngineChoice, size: tuple[int, int]) -> Engine:
    """An engine of a network in memory for images of `size`.

    Raises:
        BackendError: the backend, device or precision is not available.
    """
    device, precision, n_threads = choice.device, choice.precision, choice.n_threads
    if choice.backend == "torch":
        from m2h.torch_engine import TorchEngine

        return TorchEngine(model, device, precision)
    from m2h.export import export_onnx, openvino_graph

    if choice.backend == "openvino":
        graph = openvino_graph(model, size, is_tidy=False)
        return compile_graph(graph, device, precision, n_threads)
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(model, path, size)
        return open_exported(path, device, precision, n_threads)[0]


def open_exported(
    path: Path, device: str, precision: str, n_threads: int | None
) -> tuple[Engine, ModelConfig, tuple[int, int]]:
    """Engine, configuration and (height, width) of an exported `.onnx` or `.xml`.

    Raises:
        CheckpointError: the file cannot be read or is no export of this package.
        BackendError: the device or the package is not available.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; give an exported .onnx or .xml")
    try:
        if path.suffix == ".onnx":
            return _open_onnx(path, n_threads)
        graph = openvino_core().read_model(path)
        config = config_from_dict(json.loads(graph.get_rt_info(CONFIG_KEY).value))
        height, width = list(graph.input(0).shape)[1:3]
        engine = compile_graph(graph, device, precision, n_threads)
    except M2HError:
        raise
    except Exception as error:  # the engines raise their own many types
        raise CheckpointError(
            f"{path}: not an exported network ({reason_of(error)}); export again"
        ) from error
    return engine, config, (int(height), int(width))


def onnx_session(path: Path, n_threads: int | None, provider: str = "CPUExecutionProvider") -> Any:
    """An ONNX Runtime session on a file.

    Raises:
        BackendError: ONNX Runtime is not installed, or was built without the provider.
    """
    try:
        import onnxruntime  # type: ignore[import-untyped]
    except ImportError as error:
        raise BackendError(
            f"{path}: needs the package onnxruntime; pip install mono-hydra[onnx]"
        ) from error
    if provider not in onnxruntime.get_available_providers():
        raise BackendError(f"onnxruntime: installed without {provider}; use device cpu")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if n_threads:
        options.intra_op_num_threads = n_threads
    return onnxruntime.InferenceSession(str(path), options, [provider])


def _open_onnx(path: Path, n_threads: int | None) -> tuple[Engine, ModelConfig, tuple[int, int]]:
    session = onnx_session(path, n_threads)
    stored = session.get_modelmeta().custom_metadata_map
    if CONFIG_KEY not in stored:
        raise CheckpointError(
            f"{path}: not an export of m2h; a depth network of your own serves run_sequence alone, "
            f"with {card_path(path).name} beside it (see docs/m2h.md)"
        )
    _, height, width, _ = session.get_inputs()[0].shape
    config = config_from_dict(json.loads(stored[CONFIG_KEY]))
    return OnnxEngine(session), config, (int(height), int(width))


def reason_of(error: Exception) -> str:
    """The first line of what an engine says, cut to fit into one of ours."""
    return str(error).strip().partition("\n")[0][:120]


def as_float32(x: F4) -> F4:
    """The array itself, or a float32 copy."""
    return np.asarray(x, dtype=np.float32)
