"""Packing of trained weights: calibrated sigma, half precision, a card; one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from m2h.checkpoints import load_checkpoint, read_card, save_checkpoint
from m2h.model import build_model, preset
from m2h.predictor import Predictor
from mono_hydra.cli import pack_m2h, render_training_views
from mono_hydra.cli.door import enter
from mono_hydra.simulation.training_views import TrainingView
from mono_hydra.simulation.view_shards import write_views
from mono_hydra.types import Camera

SIZE = (48, 64)


def view(rng: np.random.Generator) -> TrainingView:
    return TrainingView(
        rgb=rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8),
        camera=Camera(SIZE[1], SIZE[0], 60.0, 60.0, 31.5, 23.5),
        depth_m=rng.uniform(1.0, 4.0, SIZE).astype(np.float32),
        labels=np.ones(SIZE, np.uint8),
        normals=np.tile(np.float32([0.0, 0.0, -1.0]), (*SIZE, 1)),
        edges=np.zeros(SIZE, np.uint8),
        jpeg_quality=90,
    )


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("homes")
    rng = np.random.default_rng(1)
    for seed in range(3):
        write_views(folder / f"house_{1_000_000 + seed}.npz", seed, [view(rng) for _ in range(3)])
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "trained.safetensors"
    save_checkpoint(path, build_model(preset("m2h_tiny", cross_task="none")), {"steps": "1 of 2"})
    return path


def run(main, *arguments: object) -> int:
    return enter(main, [str(a) for a in arguments])


def test_packed_weights_state_how_sure_they_are(homes, network, tmp_path, capsys) -> None:
    out = tmp_path / "tiny.safetensors"
    code = run(
        pack_m2h.main, "--network", network, "--simulated", homes, "--out", out,
        "--size", "48x64", "--note", "licence=Apache-2.0",
    )  # fmt: skip
    assert code == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    packed = load_checkpoint(out)
    assert packed.config.input_size == SIZE
    assert packed.config.sigma_scale == pytest.approx(figures["sigma_scale"])
    card = read_card(out)
    assert (card["licence"], card["steps"]) == ("Apache-2.0", "1 of 2")
    assert out.stat().st_size < 0.6 * network.stat().st_size
    # within one sigma lie now as many pixels as a normal distribution has there
    from m2h.data.shards import SimulatedViews

    inside = []
    predictor = Predictor(packed, backend="torch")
    for sample in (SimulatedViews(homes)[k] for k in range(6)):  # the two homes kept aside
        seen = predictor.predict(sample.image, sample.intrinsics)
        assert sample.depth_m is not None
        inside.append(np.abs(np.log(seen.depth_m / sample.depth_m)) < seen.depth_sigma)
    assert np.mean(inside) == pytest.approx(pack_m2h.WANTED, abs=0.02)


def test_several_networks_are_packed_as_their_mean(homes, network, tmp_path) -> None:
    other = load_checkpoint(network)
    for parameter in other.parameters():
        parameter.data.add_(0.25)
    save_checkpoint(tmp_path / "other.safetensors", other, {"steps": "2 of 2"})
    out = tmp_path / "mean.safetensors"
    files = (network, tmp_path / "other.safetensors")
    assert run(pack_m2h.main, "--network", *files, "--simulated", homes, "--out", out) == 0
    first, mean = (dict(load_checkpoint(path).named_parameters()) for path in (network, out))
    for name, parameter in first.items():
        np.testing.assert_allclose(
            mean[name].detach(), parameter.detach() + 0.125, rtol=2e-3, atol=2e-3
        )
    assert read_card(out)["steps"] == "2 of 2"


def test_networks_of_two_kinds_have_no_mean(homes, network, tmp_path, capsys) -> None:
    save_checkpoint(
        tmp_path / "deep.safetensors",
        build_model(preset("m2h_tiny", cross_task="none", context_blocks=1)), {},
    )  # fmt: skip
    files = (tmp_path / "deep.safetensors", network)
    out = tmp_path / "mean.safetensors"
    assert run(pack_m2h.main, "--network", *files, "--simulated", homes, "--out", out) == 2
    error = capsys.readouterr().err
    assert "deep.safetensors" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--out", "weights.pt"), "name a .safetensors file"),
        (("--out", "x.safetensors", "--note", "nothing"), "write KEY=TEXT"),
        (("--out", "x.safetensors"), "no such file"),
    ],
)
def test_packing_says_in_one_line_what_is_wrong(
    arguments, said, homes, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(pack_m2h.main, "--network", "absent.pt", "--simulated", homes, *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_homes_that_are_there_are_not_rendered_again(tmp_path, monkeypatch, capsys) -> None:
    made = []

    def write(seed: int, folder: Path) -> None:
        made.append(seed)
        (folder / f"house_{seed}.npz").touch()

    monkeypatch.setattr("mono_hydra.simulation.view_shards.write_shard", write)
    for _ in range(2):
        assert run(render_training_views.main, "--out", tmp_path, "--homes", 2) == 0
    assert made == [1_000_000, 1_000_001]
    assert "2 homes, 0 of them made now" in capsys.readouterr().out


def test_seeds_of_tests_are_refused(tmp_path, capsys) -> None:
    assert run(render_training_views.main, "--out", tmp_path, "--first-seed", 7) == 2
    assert "must be 1000000 or more" in capsys.readouterr().err
