"""The timing of the network: rows, prefixes, and what a missing engine looks like."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

import pytest
import torch

from mono_hydra.errors import ConfigError


@pytest.fixture
def benchmark(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return load_benchmark("network_speed")


def last_object(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, float]]:
    result: dict[str, dict[str, float]] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_an_engine_that_cannot_run_is_null_with_its_reason(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--size", "32x64", "--images", "1", "--rows", "torch", "cuda"]
    code = benchmark.main([*options, "--require", "torch.ms_p50>=1e9"])
    result = last_object(capsys)
    assert code == 1  # the limit is judged
    (run,) = result["runs"]
    assert run["scores"]["cuda.ms_p50"] is None
    assert "not usable" in run["missing"]["cuda"]
    assert 0 < result["mean"]["torch.ms_p50"] <= result["mean"]["torch.ms_p95"]
    assert result["mean"]["parameters"] == pytest.approx(3.7e6, rel=0.1)


def test_several_sizes_get_prefixes(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--size", "32x64", "64x32", "--images", "1", "--rows", "torch"]
    assert benchmark.main(options) == 0
    mean = last_object(capsys)["mean"]
    assert {"m2h_tiny.32x64.torch.ms_p50", "m2h_tiny.64x32.torch.ms_p50"} <= mean.keys()


def test_the_mirror_image_takes_its_time(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--size", "64x96", "--images", "9", "--rows", "openvino", "openvino_mirror"]
    ratios = []
    for _ in range(3):  # a busy machine may blur one of them
        assert benchmark.main(options) == 0
        mean = last_object(capsys)["mean"]
        ratios.append(mean["openvino_mirror.ms_p50"] / mean["openvino.ms_p50"])
    assert max(ratios) > 1.2


def test_no_image_is_refused(benchmark: ModuleType) -> None:
    with pytest.raises(ConfigError, match="must be 1 or more"):
        benchmark.main(["--images", "0"])
