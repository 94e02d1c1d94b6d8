"""The engine of OpenVINO, from a graph or from what an earlier process compiled."""

from __future__ import annotations

from functools import cache
from typing import Any

from m2h.errors import BackendError
from m2h.types import F4, U1


class OpenVinoEngine:
    """Fastest on a CPU; compiled for one size."""

    def __init__(self, compiled: Any) -> None:
        self.compiled = compiled
        self.names = [output.get_any_name() for output in compiled.outputs]
        self.request = compiled.create_infer_request()

    def __call__(self, image: U1, view: F4) -> dict[str, F4]:
        """Outputs of one image; they are overwritten by the next."""
        self.request.infer([image[None], view[None]][: len(self.compiled.inputs)])
        return {
            name: self.request.get_output_tensor(i).data[0] for i, name in enumerate(self.names)
        }

    def to_bytes(self) -> bytes:
        """What `import_compiled` reads.

        Raises:
            RuntimeError: the device cannot export.
        """
        compiled: bytes = self.compiled.export_model().getvalue()
        return compiled


def compile_graph(graph: Any, device: str, precision: str, n_threads: int | None) -> OpenVinoEngine:
    """An engine of an `openvino.Model`.

    Raises:
        BackendError: the device is not available.
    """
    core, settings = openvino_core(), _settings(precision, n_threads)
    try:
        return OpenVinoEngine(core.compile_model(graph, _device(device), settings))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1][:120]
        raise BackendError(
            f"openvino: cannot compile for device {device} ({reason}); use device cpu"
        ) from error


def import_compiled(
    compiled: bytes, device: str, precision: str, n_threads: int | None
) -> OpenVinoEngine:
    """An engine of the bytes of `OpenVinoEngine.to_bytes`, from the same settings and machine.

    Raises:
        RuntimeError: of another version of openvino, or damaged.
    """
    core, settings = openvino_core(), _settings(precision, n_threads)
    # without the settings, the precision would be chosen anew
    return OpenVinoEngine(core.import_model(compiled, _device(device), settings))


def machine_of(device: str) -> list[str]:
    """What compiled bytes depend on: version of openvino, name of the device, what it can do.

    Raises:
        BackendError: the package openvino is not installed.
    """
    ov = import_openvino()
    try:
        of_device = [
            str(openvino_core().get_property(_device(device), name))
            for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
        ]
    except RuntimeError:  # compiling will say so
        of_device = []
    return [ov.get_version(), *of_device]


def import_openvino() -> Any:
    """The package openvino.

    Raises:
        BackendError: it is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise BackendError(
            "backend openvino: the package is not installed; pip install openvino, or use torch"
        ) from error
    return openvino


@cache
def openvino_core() -> Any:
    """The one `openvino.Core` of this process, which is never freed.

    Each core sets an alternate signal stack for its thread and restores the one before when it is
    freed. Of two cores that are not freed in reverse order the stack of a freed one stays, and the
    next signal, Ctrl-C for instance, ends the process with a segmentation fault.

    Raises:
        BackendError: the package openvino is not installed.
    """
    return import_openvino().Core()


def _settings(precision: str, n_threads: int | None) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
    }
    if n_threads:
        settings["INFERENCE_NUM_THREADS"] = n_threads
    return settings


def _device(device: str) -> str:
    return {"auto": "CPU"}.get(device, device.upper())
