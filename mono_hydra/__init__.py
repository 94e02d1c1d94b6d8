"""Mono-Hydra: images of one ordinary camera to a metric, labelled mesh and a scene graph.

The promised interface is `__all__`; everything else may change between minor versions.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Pipeline", "SceneGraph", "load_config", "open_sequence"]

if TYPE_CHECKING:
    from mono_hydra.config import load_config
    from mono_hydra.graph.scene_graph import SceneGraph
    from mono_hydra.pipeline import Pipeline
    from mono_hydra.sequences.open_sequence import open_sequence

_HOME = {
    "Pipeline": "mono_hydra.pipeline",
    "SceneGraph": "mono_hydra.graph.scene_graph",
    "load_config": "mono_hydra.config",
    "open_sequence": "mono_hydra.sequences.open_sequence",
}
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Import the promised names when they are used, so that `--help` stays fast."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
