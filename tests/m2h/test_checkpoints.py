from __future__ import annotations

from pathlib import Path

import pytest
import torch

from m2h.checkpoints import load_checkpoint, read_card, save_checkpoint, start_encoder
from m2h.errors import CheckpointError
from m2h.model import M2H, build_model, preset

ENCODER = "models/segmentation/deeplab_mnv2_ade20k32_fp16.safetensors"


@pytest.fixture(scope="module")
def tiny() -> M2H:
    torch.manual_seed(0)
    return build_model(preset("m2h_tiny", tasks=("semantics", "depth"), sigma_scale=1.3)).eval()


def same_weights(a: M2H, b: M2H, **tolerance: float) -> None:
    torch.testing.assert_close(a.state_dict(), b.state_dict(), **tolerance)


def message_of(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_own_file_gives_back_weights_configuration_and_card(tiny: M2H, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, tiny, {"data": "simulated homes"})
    loaded = load_checkpoint(path)
    same_weights(loaded, tiny, rtol=0, atol=0)
    assert loaded.config == tiny.config
    assert not loaded.training
    assert read_card(path) == {"data": "simulated homes"}
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_half_precision_halves_the_file_and_keeps_the_weights(tiny: M2H, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "full.safetensors", tiny, {})
    save_checkpoint(tmp_path / "half.safetensors", tiny, {}, half=True)
    sizes = {p.stem: p.stat().st_size for p in tmp_path.iterdir()}
    assert sizes["half"] < 0.6 * sizes["full"]
    loaded = load_checkpoint(tmp_path / "half.safetensors")
    assert {x.dtype for x in loaded.parameters()} == {torch.float32}
    same_weights(loaded, tiny, rtol=1e-3, atol=1e-6)


def test_small_network_alone_cannot_be_guessed_from_its_keys(tiny: M2H, tmp_path: Path) -> None:
    torch.save(tiny.state_dict(), tmp_path / "tiny.pt")
    assert "looks like m2h_tiny" in message_of(tmp_path / "tiny.pt")


def test_unreadable_files_are_refused_in_one_line(tmp_path: Path) -> None:
    for name in ("broken.pt", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"neither a zip nor a header" * 9)
        assert "download it again" in message_of(tmp_path / name)
    assert "no such file" in message_of(tmp_path / "absent.pt")
    torch.save({"epoch": 3}, tmp_path / "other.pt")
    assert "not a tensor" in message_of(tmp_path / "other.pt")


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    torch.save({"weights": Path("anything")}, tmp_path / "code.pt")
    assert "not a readable file" in message_of(tmp_path / "code.pt")


@pytest.mark.data
def test_open_encoder_weights_start_the_encoder(test_data: Path) -> None:
    model = build_model(preset("m2h_tiny"))
    decoder = model.mlt_head.state_dict()["merge_8.0.weight"].clone()
    start_encoder(model, test_data / ENCODER)
    stored = model.backbone.state_dict()["block05.dw.weight"]
    from safetensors.torch import load_file

    expected = load_file(test_data / ENCODER)["encoder.block05.dw.weight"].float()
    torch.testing.assert_close(stored, expected, rtol=0, atol=0)
    assert torch.equal(decoder, model.mlt_head.state_dict()["merge_8.0.weight"])


@pytest.mark.data
def test_a_foreign_encoder_names_what_it_looks_like(test_data: Path) -> None:
    model = build_model(preset("m2h_tiny", encoder="dinov2_vits14"))
    with pytest.raises(CheckpointError, match=r"175 keys missing .* encoder mobilenet_v2 alone"):
        start_encoder(model, test_data / ENCODER)
