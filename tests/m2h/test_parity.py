"""Agreement with the release; the full network takes a minute and is left to evaluate_m2h."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from m2h.checkpoints import load_checkpoint
from m2h.errors import CheckpointError, DataError
from m2h.model import build_model, preset
from m2h.parity import check_parity
from m2h.recipe import crc32_of_state, recipe_image, recipe_state


@pytest.mark.data
@pytest.mark.parametrize("name", ["dinov2_vits14_224x224.npz", "m2h_small_240x320.npz"])
def test_network_computes_what_the_release_computes(test_data: Path, name: str) -> None:
    result = check_parity([test_data / "m2h_parity" / name])
    assert result["files"][name]["failed"] == []
    assert result["met"]
    assert max(result["files"][name]["max_abs_difference"].values()) < 5e-4


@pytest.mark.data
def test_a_wrong_reference_is_noticed(test_data: Path, tmp_path: Path) -> None:
    folder = test_data / "m2h_parity"
    stored = dict(np.load(folder / "dinov2_vits14_224x224.npz"))
    stored["tap.2.cls"] = stored["tap.2.cls"] + 1e-3
    np.savez(tmp_path / "wrong.npz", **stored)
    keys = "dinov2_vits14_keys.json"
    (tmp_path / keys).write_bytes((folder / keys).read_bytes())
    result = check_parity([tmp_path / "wrong.npz"])
    assert not result["met"]
    assert result["files"]["wrong.npz"]["failed"] == ["tap.2.cls"]


@pytest.mark.data
@pytest.mark.parametrize(
    ("keys", "name"), [("m2h_vits14_keys.json", "m2h"), ("m2h_small_vits14_keys.json", "m2h_small")]
)
def test_names_and_shapes_are_the_releases(test_data: Path, keys: str, name: str) -> None:
    entries = json.loads((test_data / "m2h_parity" / keys).read_text())["tensors"]
    with torch.device("meta"):
        state = build_model(preset(name)).state_dict()
    expected = {e["key"]: tuple(e["shape"]) for e in entries}
    assert {key: tuple(x.shape) for key, x in state.items()} == expected


@pytest.mark.data
def test_recipe_gives_the_stated_weights(test_data: Path) -> None:
    text = (test_data / "m2h_parity" / "dinov2_vits14_keys.json").read_text()
    spec = json.loads(text)
    assert crc32_of_state(recipe_state(spec["tensors"])) == spec["crc32"]
    assert recipe_image(30, 41).shape == (30, 41, 3)


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", depth=np.zeros(3))
    for path in (tmp_path / "other.npz", tmp_path / "absent.npz"):
        with pytest.raises(DataError, match="not a parity file"):
            check_parity([path])
    with pytest.raises(DataError, match="no file given"):
        check_parity([])


def test_wrapped_checkpoint_with_prefix_is_recognised_by_its_keys(tmp_path: Path) -> None:
    model = build_model(preset("m2h_small", head_channels=16, n_classes=5))
    wrapped = {"epoch": 2, "model": {f"module.{k}": x for k, x in model.state_dict().items()}}
    torch.save(wrapped, tmp_path / "wrapped.pt")
    loaded = load_checkpoint(tmp_path / "wrapped.pt")
    assert loaded.config == model.config
    torch.testing.assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_an_incomplete_checkpoint_names_the_missing_key(tmp_path: Path) -> None:
    state = build_model(preset("m2h_small", head_channels=16)).state_dict()
    del state["mlt_head.restore_depth.out_conv.weight"]
    torch.save(state, tmp_path / "short.pt")
    with pytest.raises(CheckpointError, match=r"1 keys missing \(first mlt_head.restore_depth"):
        load_checkpoint(tmp_path / "short.pt")


def test_backbone_alone_is_named(tmp_path: Path) -> None:
    state = build_model(preset("m2h_small", head_channels=16)).backbone.state_dict()
    torch.save(state, tmp_path / "dino.pth")
    with pytest.raises(CheckpointError, match="encoder dinov2_vits14 alone"):
        load_checkpoint(tmp_path / "dino.pth")
