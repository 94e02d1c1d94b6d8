"""The box world on disk, written once; tests copy nothing and change only what they write."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # box_world beside the tests

import box_world

from mono_hydra.evaluation.truth import Truth, read_truth


@pytest.fixture(scope="session")
def truth_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return box_world.write_truth(tmp_path_factory.mktemp("box_world") / "truth")


@pytest.fixture(scope="session")
def truth(truth_folder: Path) -> Truth:
    return read_truth(truth_folder)


@pytest.fixture(scope="session")
def perfect_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return box_world.write_run(tmp_path_factory.mktemp("runs") / "perfect")
