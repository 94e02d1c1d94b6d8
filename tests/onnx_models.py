"""Depth networks of one or two layers, with their cards, as a user might bring them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

SIZE = (48, 64)
CARD: dict[str, Any] = {
    "output": "relative_inverse_depth",
    "input_size": list(SIZE),
    "mean": [0.0, 0.0, 0.0],
    "std": [1.0, 1.0, 1.0],
}


def write_card(network: Path, **changes: Any) -> None:
    """The card of a file; a key set to None is left out."""
    card = {key: value for key, value in (CARD | changes).items() if value is not None}
    network.with_suffix(".card.yaml").write_text(yaml.safe_dump(card))


def brightness(
    path: Path,
    *,
    slope: float = 1.0,
    offset: Any = 0.0,
    size: tuple[Any, Any] = SIZE,
    kind: str = "FLOAT",
    more_outputs: bool = False,
    props: dict[str, str] | None = None,
) -> Path:
    """Writes `slope * (mean of the normalised channels) + offset`, (1, 1, h, w)."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    of, make = getattr(onnx.TensorProto, kind), onnx.helper.make_tensor_value_info
    dtype = {"FLOAT": np.float32, "FLOAT16": np.float16}[kind]
    constants = [
        onnx.numpy_helper.from_array(np.asarray(value, dtype), name)
        for name, value in (("slope", slope), ("offset", offset))
    ]
    nodes = [
        onnx.helper.make_node("ReduceMean", ["rgb"], ["grey"], axes=[1], keepdims=1),
        onnx.helper.make_node("Mul", ["grey", "slope"], ["scaled"]),
        onnx.helper.make_node("Add", ["scaled", "offset"], ["depth"]),
    ]
    outputs = [make("depth", of, [1, 1, *size])]
    outputs += [make("rgb_mean", of, [1])] if more_outputs else []
    if more_outputs:
        nodes.append(
            onnx.helper.make_node("ReduceMean", ["grey"], ["rgb_mean"], axes=[1, 2, 3], keepdims=0)
        )
    graph = onnx.helper.make_graph(
        nodes, "brightness", [make("rgb", of, [1, 3, *size])], outputs, constants
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8
    )
    onnx.helper.set_model_props(model, props or {})
    onnx.save(model, path)
    return path


def ramp(near: float, far: float) -> Any:
    """(1, 1, h, w) offset that grows from the top to the bottom of the picture."""
    return np.broadcast_to(np.linspace(far, near, SIZE[0])[:, None], (1, 1, *SIZE))
