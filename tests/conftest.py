"""Fixtures that several packages' tests share."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="session")
def tiny_options() -> Any:
    """What `tiny_sequence` is made of."""
    from mono_hydra.simulation.generate import SimulateOptions
    from mono_hydra.simulation.light import LightOptions

    return SimulateOptions(
        kind="plain",
        n_rooms=1,
        width=160,
        height=120,
        rate_hz=4.0,
        duration_s=10.0,
        still_s=1.0,
        name="tiny",
        light=LightOptions(cell_m=0.25, light_rays=4, gather_rays=16, bounces=1),
    )


@pytest.fixture(scope="session")
def tiny_sequence(tmp_path_factory: pytest.TempPathFactory, tiny_options: Any) -> Path:
    """A simulated sequence of one plain room: about 40 frames of 160x120 with complete truth."""
    from mono_hydra.simulation.generate import simulate

    return simulate(tiny_options, tmp_path_factory.mktemp("simulated") / "tiny").path


@pytest.fixture
def load_benchmark(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Load a benchmark by the name of its file: they are scripts beside the packages."""

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        # a name of its own: a benchmark may be called like a package
        called = f"benchmark_{name}"
        spec = importlib.util.spec_from_file_location(called, BENCHMARKS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, called, module)
        spec.loader.exec_module(module)
        return module

    return load
