"""Engines that run a deployed network on one image of a fixed size: torch, OpenVINO, ONNX Runtime.

Every engine takes (H, W, 3) uint8 RGB and returns arrays by the names of `export.output_names`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from m2h.depth_card import card_path
from m2h.errors import BackendError, CheckpointError, M2HError
from m2h.export import CONFIG_KEY, DeployedNetwork, import_openvino, openvino_graph, output_names
from m2h.model import M2H
from m2h.presets import ModelConfig, config_from_dict
from m2h.types import F4, U1

BACKENDS = ("torch", "openvino", "onnxruntime")
PRECISIONS = ("fp32", "bf16")


class Engine(Protocol):
    """A network ready to run."""

    def __call__(self, image: U1) -> dict[str, F4]:
        """Outputs without the batch axis, for (H, W, 3) RGB of the engine's size."""
        ...


class TorchEngine:
    """The reference: PyTorch, any size."""

    def __init__(self, model: M2H, device: str, precision: str) -> None:
        self.device = _torch_device(device)
        self.names = output_names(model)
        self.network = DeployedNetwork(model).eval().to(self.device)
        self.is_half = precision == "bf16"

    def __call__(self, image: U1) -> dict[str, F4]:
        """Outputs of one image."""
        batch = torch.from_numpy(image)[None].to(self.device)
        enabled = torch.autocast(self.device.type, torch.bfloat16, enabled=self.is_half)
        with torch.inference_mode(), enabled:
            outputs = self.network(batch)
        arrays = (x[0].float().cpu().numpy() for x in outputs)
        return dict(zip(self.names, arrays, strict=True))


class OpenVinoEngine:
    """Fastest on a CPU; compiled for one size."""

    def __init__(self, graph: Any, device: str, precision: str, n_threads: int | None) -> None:
        ov = import_openvino()
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        }
        if n_threads:
            settings["INFERENCE_NUM_THREADS"] = n_threads
        name = {"auto": "CPU"}.get(device, device.upper())
        try:
            compiled = ov.Core().compile_model(graph, name, settings)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1][:120]
            raise BackendError(
                f"openvino: cannot compile for device {device} ({reason}); use device cpu"
            ) from error
        self.names = [output.get_any_name() for output in compiled.outputs]
        self.request = compiled.create_infer_request()

    def __call__(self, image: U1) -> dict[str, F4]:
        """Outputs of one image; they are overwritten by the next."""
        self.request.infer([image[None]])
        return {
            name: self.request.get_output_tensor(i).data[0] for i, name in enumerate(self.names)
        }


class OnnxEngine:
    """ONNX Runtime on an exported file."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.names = [output.name for output in session.get_outputs()]

    def __call__(self, image: U1) -> dict[str, F4]:
        """Outputs of one image."""
        feed = {self.session.get_inputs()[0].name: image[None]}
        outputs = self.session.run(self.names, feed)
        return {name: x[0] for name, x in zip(self.names, outputs, strict=True)}


def check_choice(backend: str, precision: str) -> None:
    """Refuse what no engine offers.

    Raises:
        BackendError: names the choices.
    """
    if backend not in BACKENDS:
        raise BackendError(f"{backend}: unknown backend; use one of {', '.join(BACKENDS)}")
    if precision not in PRECISIONS:
        hint = "int8 needs calibration, which is not offered" if precision == "int8" else "unknown"
        raise BackendError(f"{backend}: precision {precision}: {hint}; use fp32 or bf16")
    if backend == "onnxruntime" and precision != "fp32":
        raise BackendError(f"onnxruntime: precision {precision} is not offered; use openvino")


def build_engine(
    model: M2H,
    backend: str,
    device: str,
    precision: str,
    size: tuple[int, int],
    n_threads: int | None,
) -> Engine:
    """An engine of a network in memory for images of `size`.

    Raises:
        BackendError: the backend, device or precision is not available.
    """
    if backend == "torch":
        return TorchEngine(model, device, precision)
    if backend == "openvino":
        return OpenVinoEngine(openvino_graph(model, size), device, precision, n_threads)
    import tempfile

    from m2h.export import export_onnx

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
        graph = import_openvino().Core().read_model(path)
        config = config_from_dict(json.loads(graph.get_rt_info(CONFIG_KEY).value))
        height, width = list(graph.input(0).shape)[1:3]
        engine = OpenVinoEngine(graph, device, precision, n_threads)
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


def _torch_device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0][:80]
        raise BackendError(f"torch: device {device} is not usable ({reason}); use cpu") from error
    return torch.device(device)


def as_float32(x: F4) -> F4:
    """The array itself, or a float32 copy."""
    return np.asarray(x, dtype=np.float32)
