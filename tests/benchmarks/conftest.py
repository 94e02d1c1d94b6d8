"""Benchmarks as modules: they are scripts beside the packages, not in them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def load_benchmark(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Load a benchmark by the name of its file."""

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(FOLDER))
        # a name of its own: a benchmark may be called like a package
        called = f"benchmark_{name}"
        spec = importlib.util.spec_from_file_location(called, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, called, module)
        spec.loader.exec_module(module)
        return module

    return load
