"""The network as one graph from 8-bit image to usable outputs, and its ONNX and OpenVINO files.

Normalisation and log-probabilities are inside the graph, so that every backend gets the same
bytes. Class 0 (unknown) is left out there: it is never predicted. The configuration travels in
the file's metadata.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from m2h.errors import BackendError
from m2h.letterbox import ASSUMED_VIEW
from m2h.model import M2H
from m2h.openvino_engine import import_openvino
from m2h.presets import CONFIG_KEY

INPUT_NAME, VIEW_NAME = "image", "view"
_OPSET = 17


class DeployedNetwork(nn.Module):
    """(1, H, W, 3) uint8 RGB to the tensors of `output_names`, of batch size 1.

    Networks with context blocks also take the camera's view (1, 4) (`Letterbox.view`).

    depth (1, 1, h, w) for the canonical focal length; log_probability (1, h, w, K - 1) of classes
    1 .. K - 1; normals (1, 3, h, w); edges (1, 1, h, w) probability; log_sigma (1, 1, h, w).
    (h, w) is half of the image's size for `m2h_tiny`, whose heads end there: enlarging is left to
    the predictor, which knows the final size. Other networks give the image's size.
    """

    def __init__(self, model: M2H) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, view: Tensor | None = None) -> tuple[Tensor, ...]:
        """The outputs that the network has, in the order of `output_names`."""
        rgb = image.permute(0, 3, 1, 2).float() / 255.0
        stride = output_stride(self.model)
        size = (int(rgb.shape[-2]) // stride, int(rgb.shape[-1]) // stride)
        out = self.model(self.model.normalise(rgb), size, view)
        semantics = out.semantics
        if semantics is not None:
            semantics = torch.log_softmax(semantics[:, 1:], dim=1).permute(0, 2, 3, 1)
        edges = None if out.edges is None else torch.sigmoid(out.edges)
        every = (out.depth, semantics, out.normals, edges, out.log_sigma)
        return tuple(x for x in every if x is not None)


def output_names(model: M2H) -> list[str]:
    """Names of what `DeployedNetwork` returns."""
    of_task = {"depth": "depth", "log_probability": "semantics"}
    of_task |= {"normals": "normals", "edges": "edges"}
    names = [name for name, task in of_task.items() if task in model.config.tasks]
    has_sigma = model.config.decoder == "tiny" and "depth" in model.config.tasks
    return [*names, "log_sigma"] if has_sigma else names


def input_names(model: M2H) -> list[str]:
    """Names of what `DeployedNetwork` takes."""
    return [INPUT_NAME, VIEW_NAME] if model.config.context_blocks else [INPUT_NAME]


def output_stride(model: M2H) -> int:
    """Image pixels per output pixel of `DeployedNetwork`."""
    return 2 if model.config.decoder == "tiny" else 1


def export_onnx(model: M2H, path: str | Path, size: tuple[int, int]) -> None:
    """Write an ONNX file of a fixed input size (height, width), float32.

    Raises:
        BackendError: the package onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise BackendError(
            f"{path}: needs the package onnx; pip install mono-hydra[onnx]"
        ) from error
    path = Path(path)
    with _quiet_tracing():
        torch.onnx.export(
            DeployedNetwork(model).eval(),
            _example(model, size),
            str(path),
            dynamo=False,
            input_names=input_names(model),
            output_names=output_names(model),
            opset_version=_OPSET,
        )
    written = onnx.load(path)
    onnx.helper.set_model_props(written, {CONFIG_KEY: json.dumps(model.config.to_dict())})
    onnx.save(written, path)


def export_openvino(
    model: M2H, path: str | Path, size: tuple[int, int], *, half: bool = False
) -> None:
    """Write an OpenVINO `.xml` and `.bin` of a fixed input size (height, width).

    Args:
        model: any network.
        path: the `.xml` file.
        size: of the input image, even numbers.
        half: store weights as float16; they are widened when the file is compiled.

    Raises:
        BackendError: the package openvino is not installed.
    """
    import_openvino().save_model(openvino_graph(model, size), Path(path), compress_to_fp16=half)


def openvino_graph(model: M2H, size: tuple[int, int], *, is_tidy: bool = True) -> Any:
    """The network as an `openvino.Model` of a fixed input size (height, width).

    Args:
        model: any network.
        size: of the input image, even numbers.
        is_tidy: as a file should be: a third of the operations. What is compiled at once need not
            be, for compiling tidies too, and is ready much sooner.

    Raises:
        BackendError: the package openvino is not installed.
    """
    ov = import_openvino()
    example = _example(model, size)
    with _quiet_tracing(), torch.no_grad():
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            DeployedNetwork(model).eval(), example, check_trace=False
        )
        frozen = torch.jit.freeze(traced)  # four times faster to convert
        if is_tidy:
            shapes = [list(x.shape) for x in example]
            graph = ov.convert_model(frozen, example_input=example, input=shapes)
        else:
            graph = _translated(frozen, example)
    for node, name in zip(graph.inputs, input_names(model), strict=True):
        node.get_tensor().set_names({name})
    for output, name in zip(graph.outputs, output_names(model), strict=True):
        output.get_tensor().set_names({name})
    graph.set_rt_info(json.dumps(model.config.to_dict()), CONFIG_KEY)
    return graph


def _translated(frozen: Any, example: tuple[Tensor, ...]) -> Any:
    """The first step of `openvino.convert_model`, a quarter of its time; the rest tidies."""
    from openvino import PartialShape, Type
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    frontend = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(frozen, example_input=example)  # must outlive the conversion
    loaded = frontend.load(decoder)
    for place, tensor in zip(loaded.get_inputs(), example, strict=True):
        loaded.set_partial_shape(place, PartialShape(list(tensor.shape)))
        loaded.set_element_type(place, Type.u8 if tensor.dtype == torch.uint8 else Type.f32)
    return frontend.convert(loaded)


def _example(model: M2H, size: tuple[int, int]) -> tuple[Tensor, ...]:
    image = torch.zeros(1, *size, 3, dtype=torch.uint8)
    return (image, torch.tensor([ASSUMED_VIEW]))[: len(input_names(model))]


@contextmanager
def _quiet_tracing() -> Iterator[None]:
    # sizes become constants of the graph, which is what a fixed input size means
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
