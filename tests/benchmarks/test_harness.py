"""The frame of the benchmarks: means, worst seed, limits, failed runs."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    spec = importlib.util.spec_from_file_location("harness", FOLDER / "harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["harness"] = module
    spec.loader.exec_module(module)
    return module


def runs(harness: ModuleType) -> list[object]:
    return [
        harness.BenchmarkRun("flat_1", {"f_5cm.f": 0.9, "places.wrong_edges": 0.1, "rooms": 5}, 1),
        harness.BenchmarkRun("flat_2", {"f_5cm.f": 0.7, "places.wrong_edges": 0.3, "rooms": 4}, 2),
    ]


def test_mean_sd_and_worst_by_seed(harness: ModuleType) -> None:
    summary = harness.summary_of("map_quality", {}, runs(harness))
    assert summary["mean"]["f_5cm.f"] == pytest.approx(0.8)
    assert summary["sd"]["f_5cm.f"] == pytest.approx(np.std([0.9, 0.7], ddof=1))
    assert summary["worst"]["f_5cm.f"] == {"seed": 2, "value": 0.7}
    assert summary["worst"]["places.wrong_edges"] == {"seed": 2, "value": 0.3}
    assert "rooms" not in summary["worst"]


def test_a_failed_run_counts_zero_where_more_is_better(harness: ModuleType) -> None:
    failed = harness.BenchmarkRun("flat_3", {}, 3, "exit 1")
    summary = harness.summary_of("map_quality", {}, [*runs(harness), failed])
    assert summary["mean"]["f_5cm.f"] == pytest.approx(1.6 / 3)
    assert summary["mean"]["places.wrong_edges"] == pytest.approx(0.2)
    assert (summary["n_ok"], summary["n"]) == (2, 3)
    assert summary["worst"]["f_5cm.f"]["seed"] == 3


def test_one_run_without_seed_has_a_mean(harness: ModuleType) -> None:
    summary = harness.summary_of(
        "speed", {}, [harness.BenchmarkRun("demo", {"frames_per_s": 60.0})]
    )
    assert summary["mean"] == {"frames_per_s": 60.0}
    assert summary["seeds"] == []


def test_last_line_is_the_object_and_an_unmet_limit_exits_1(
    harness: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = harness.make_parser("map_quality", "")
    args = parser.parse_args(["--seeds", "1", "2", "--require", "f_5cm.f>=0.85", "rooms>=4"])
    summary = harness.summary_of("map_quality", {}, runs(harness), harness.limits(args))
    assert harness.finish(summary) == 1
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [r["met"] for r in printed["required"]] == [False, True]


def test_a_limit_is_not_met_when_every_run_failed(harness: ModuleType) -> None:
    failed = harness.BenchmarkRun("flat_3", {}, 3, "exit 1")
    limit = harness.parse_requirement("objects.radius_f1@0.5.f1>=0.5")
    summary = harness.summary_of("map_quality", {}, [failed], [limit])
    assert not summary["required"][0]["met"]


def test_better_needs_an_interval_that_excludes_zero(harness: ModuleType) -> None:
    better = harness.paired_difference([0.8, 0.9, 0.85, 0.8], [0.7, 0.8, 0.8, 0.6])
    same = harness.paired_difference([0.8, 0.7, 0.8, 0.7], [0.7, 0.8, 0.7, 0.8])
    assert better["differs"]
    assert not same["differs"]
    assert better == harness.paired_difference([0.8, 0.9, 0.85, 0.8], [0.7, 0.8, 0.8, 0.6])
