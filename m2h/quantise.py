"""An exported ONNX file with 8-bit convolutions, calibrated on images.

Static quantisation of ONNX Runtime: weights per channel and symmetric, activations with the range
that the calibration images give. Attention, gates and the exponential of the depth stay float32:
they cost little, and eight bits would be seen there; so do the encoder's first blocks (measured on
an m2h_tiny: 2 % instead of 7 % difference of depth). OpenVINO reads the same graph.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from m2h.errors import BackendError, DataError
from m2h.export import export_onnx, input_names
from m2h.letterbox import ASSUMED_VIEW
from m2h.model import M2H
from m2h.openvino_engine import import_openvino, openvino_core
from m2h.presets import CONFIG_KEY
from m2h.types import U1

_FIRST = re.compile(r"/backbone/(stem|block0[0-3])/")


def export_int8(model: M2H, path: Path, size: tuple[int, int], images: Sequence[U1]) -> None:
    """Write an `.onnx`, or an OpenVINO `.xml` and `.bin`, with 8-bit convolutions.

    Args:
        model: any network.
        path: the file; its suffix decides the format.
        size: (height, width) of the network's input.
        images: (height, width, 3) RGB to calibrate on; a hundred of the later use are plenty.

    Raises:
        BackendError: onnx, onnxruntime or (for `.xml`) openvino is not installed.
        DataError: no image.
    """
    if not images:
        raise DataError(f"{path}: int8 needs images to calibrate on; give --calibration DIR")
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "int8.onnx"
        export_onnx(model, plain, size)
        _quantise(plain, small, _Calibration(images, input_names(model)))
        if path.suffix == ".xml":
            _write_openvino(small, path, model)
        else:
            path.write_bytes(small.read_bytes())


class _Calibration:
    """What ONNX Runtime asks for its images."""

    def __init__(self, images: Sequence[U1], names: Sequence[str]) -> None:
        self._images, self._names = iter(images), names

    def get_next(self) -> dict[str, Any] | None:
        """One feed of the graph, None after the last."""
        image = next(self._images, None)
        if image is None:
            return None
        view = np.array([ASSUMED_VIEW], np.float32)
        return dict(zip(self._names, (image[None], view), strict=False))


def _quantise(source: Path, target: Path, calibration: _Calibration) -> None:
    try:
        from onnxruntime.quantization import (  # type: ignore[import-untyped]
            QuantFormat,
            QuantType,
            quantize_static,
        )
    except ImportError as error:
        raise BackendError(
            f"{target.name}: int8 needs the package onnxruntime; pip install mono-hydra[onnx]"
        ) from error
    # no pre-processing: the exporter folds batch norms, and folding constants would store the
    # attention's biases once for every window
    with _quiet():
        quantize_static(
            str(source),
            str(target),
            calibration,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_first_convolutions(source),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    _keep_config(source, target)


def _first_convolutions(path: Path) -> list[str]:
    """Those of the encoder's finest maps: a twentieth of the weights, most of the error."""
    import onnx

    graph = onnx.load(path).graph
    return [n.name for n in graph.node if n.op_type == "Conv" and _FIRST.search(n.name)]


def _keep_config(source: Path, target: Path) -> None:
    """The configuration is in the metadata, which the quantiser does not promise to keep."""
    import onnx

    metadata = {p.key: p.value for p in onnx.load(source).metadata_props}
    written = onnx.load(target)
    onnx.helper.set_model_props(written, {CONFIG_KEY: metadata[CONFIG_KEY]})
    onnx.save(written, target)


def _write_openvino(source: Path, target: Path, model: M2H) -> None:
    ov = import_openvino()
    graph = openvino_core().read_model(source)
    graph.set_rt_info(json.dumps(model.config.to_dict()), CONFIG_KEY)
    ov.save_model(graph, target, compress_to_fp16=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser tells hints about its own options through the root logger."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(before)
