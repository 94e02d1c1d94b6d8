"""The engines of one network, one for each size of its input.

An engine comes from memory, from the cache of graphs, or from the network itself, which is loaded
only then.
"""

from __future__ import annotations

import logging
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from m2h.backends import Engine, EngineChoice, build_engine, open_exported
from m2h.errors import BackendError
from m2h.graph_cache import GraphCache, StoredGraph, graph_key
from m2h.openvino_engine import OpenVinoEngine, import_compiled, machine_of
from m2h.presets import ModelConfig, shipped_weights

if TYPE_CHECKING:
    from m2h.model import M2H

logger = logging.getLogger(__name__)

Size = tuple[int, int]  # height, width

_MIN_SIDE_PX = 32
_EXPORTED = (".xml", ".onnx")


class Engines:
    """Engines by size.

    Args:
        network: a network, its checkpoint or preset, or an exported `.onnx` or `.xml` file.
        choice: backend, device and so on; an exported file brings its own backend.
        size: of the first engine, even numbers; None = what the network was made for.
        cache: of graphs; only checkpoints on OpenVINO are kept.

    Raises:
        CheckpointError, BackendError: in one line.
    """

    config: ModelConfig
    size: Size  # of the first engine

    def __init__(
        self,
        network: M2H | str | Path,
        choice: EngineChoice,
        size: Size | None,
        cache: GraphCache | None,
    ) -> None:
        self._choice = choice
        self._engines: dict[Size, Engine] = {}
        self._model: M2H | None = None
        self._checkpoint: Path | None = None
        self._cache: GraphCache | None = None
        self.is_fixed = False  # whether there is an engine for the first size alone
        if not isinstance(network, (str, Path)):
            self._model = network
        elif Path(network).suffix in _EXPORTED:
            engine, self.config, self.size = open_exported(
                Path(network), choice.device, choice.precision, choice.n_threads
            )
            self._engines[self.size] = engine
            self.is_fixed = True
            return
        else:
            self._checkpoint = shipped_weights(network)
            is_readable = self._checkpoint.is_file() and os.access(self._checkpoint, os.R_OK)
            if choice.backend == "openvino" and is_readable:
                self._cache = cache
        self.config, self.size = self._open(_checked(size) if size else None)

    def at(self, size: Size) -> Engine:
        """The engine for images of a size.

        Raises:
            BackendError: an exported file has no engine for it.
        """
        if size not in self._engines:
            if self.is_fixed:
                raise BackendError(f"exported network has no engine for {size}; export that size")
            self._open(size)
        return self._engines[size]

    def _open(self, size: Size | None) -> tuple[ModelConfig, Size]:
        """Put an engine in its place; None = of the network's own size."""
        if self._cache is None:
            return self._make(size)
        key = self._key(size)
        kept = self._take(self._cache, key)
        if kept is not None:
            return kept
        config, size = self._make(size)
        self._keep(self._cache, key, config, size)
        return config, size

    def _make(self, size: Size | None) -> tuple[ModelConfig, Size]:
        """From the network."""
        if self._model is None:
            from m2h.checkpoints import load_checkpoint

            assert self._checkpoint is not None
            self._model = load_checkpoint(self._checkpoint)
        config = self._model.config
        size = _checked(size or config.input_size)
        self._engines[size] = build_engine(self._model, self._choice, size)
        return config, size

    def _take(self, cache: GraphCache, key: str) -> tuple[ModelConfig, Size] | None:
        """From the cache."""
        stored, choice = cache.read(key), self._choice
        if stored is None:
            return None
        try:
            self._engines[stored.size] = import_compiled(
                stored.graph, choice.device, choice.precision, choice.n_threads
            )
        except RuntimeError as error:
            cache.damaged(key, error)
            return None
        return stored.config, stored.size

    def _keep(self, cache: GraphCache, key: str, config: ModelConfig, size: Size) -> None:
        engine = self._engines[size]
        assert isinstance(engine, OpenVinoEngine)
        try:
            graph = engine.to_bytes()
        except RuntimeError as error:
            logger.info("device %s cannot export a graph (%s)", self._choice.device, error)
            return
        cache.write(key, StoredGraph(config, size, graph))

    def _key(self, size: Size | None) -> str:
        assert self._checkpoint is not None
        machine = machine_of(self._choice.device)
        return graph_key(self._checkpoint, size=size, machine=machine, **asdict(self._choice))


def _checked(size: Size) -> Size:
    if size[0] % 2 or size[1] % 2 or min(size) < _MIN_SIDE_PX:
        raise BackendError(
            f"network size {size[0]}x{size[1]}: give even numbers from {_MIN_SIDE_PX} px"
        )
    return size
