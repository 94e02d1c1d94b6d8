from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from m2h.attention import CrossTaskWindowAttention, border_mask, cut_windows, join_windows
from m2h.context import assumed_views, directions, is_added, views_of
from m2h.errors import PresetError
from m2h.mobilenet import SameConv
from m2h.model import M2H, build_model, preset
from m2h.presets import config_from_dict
from m2h.types import TASKS, Outputs

SIZE = (64, 96)


@pytest.fixture(scope="module")
def tiny() -> M2H:
    torch.manual_seed(0)
    return build_model(preset("m2h_tiny")).eval()


def image(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def loss_of(outputs: Outputs) -> Tensor:
    weights = torch.Generator().manual_seed(2)
    given = [x for x in outputs if x is not None]
    return torch.stack([(x * torch.rand(x.shape, generator=weights)).mean() for x in given]).sum()


def silent_parameters(model: M2H) -> list[str]:
    loss_of(model(image(*SIZE, batch=2))).backward()
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return [n for n, p in trained if p.grad is None or not bool(p.grad.abs().sum() > 0)]


def test_tiny_has_the_size_of_its_budget(tiny: M2H) -> None:
    n = sum(p.numel() for p in tiny.parameters())
    assert sum(p.numel() for p in tiny.backbone.parameters()) == 1_795_936
    assert 3_500_000 < n < 4_000_000


@pytest.mark.parametrize("size", [SIZE, (97, 131), (33, 20)])
def test_outputs_have_the_size_of_the_image(tiny: M2H, size: tuple[int, int]) -> None:
    with torch.no_grad():
        outputs = tiny(tiny.normalise(image(*size)))
    shapes = {name: tuple(x.shape) for name, x in outputs._asdict().items()}
    n_channels = {"depth": 1, "semantics": 41, "normals": 3, "edges": 1, "log_sigma": 1}
    assert shapes == {name: (1, n, *size) for name, n in n_channels.items()}


def test_in_training_the_logits_of_the_labels_end_with_their_head() -> None:
    outputs = build_model(preset("m2h_tiny")).train()(image(*SIZE, batch=2))
    assert outputs.semantics.shape[-2:] == (SIZE[0] // 2, SIZE[1] // 2)
    assert outputs.depth.shape[-2:] == SIZE


def test_depth_keeps_its_range_and_normals_their_length(tiny: M2H) -> None:
    with torch.no_grad():
        outputs = tiny(100.0 * (image(*SIZE) - 0.5))
    assert outputs.depth.min() >= 0.1
    assert outputs.depth.max() <= 10.0 * (1 + 1e-6)
    torch.testing.assert_close(outputs.normals.norm(dim=1), torch.ones(1, *SIZE))


@pytest.mark.parametrize("switches", [{}, {"cross_task": "concat"}, {"tasks": ("depth",)}])
def test_gradient_reaches_every_parameter(switches: dict[str, object]) -> None:
    torch.manual_seed(0)
    assert silent_parameters(wakened(build_model(preset("m2h_tiny", **switches)))) == []


@pytest.mark.parametrize(
    ("switches", "part"),
    [({"cross_task": "none"}, "cross_task"), ({"ggfm": False}, "ggfm")],
)
def test_a_switch_removes_its_part_and_nothing_else(
    tiny: M2H, switches: dict[str, object], part: str
) -> None:
    left = build_model(preset("m2h_tiny", **switches)).state_dict()
    expected = {k for k in tiny.state_dict() if not k.startswith(f"mlt_head.{part}.")}
    assert set(left) == expected
    assert len(expected) < len(tiny.state_dict())


def deepened() -> M2H:
    torch.manual_seed(3)
    return build_model(preset("m2h_tiny", context_blocks=2, refine_blocks=1))


def shallow() -> M2H:
    torch.manual_seed(0)
    return build_model(preset("m2h_tiny", context_blocks=0, refine_blocks=0)).eval()


def wakened(model: M2H) -> M2H:
    """What ends in zeros at first ends in random numbers."""
    for name, parameter in model.named_parameters():
        if is_added(name) and not parameter.abs().sum():
            nn.init.trunc_normal_(parameter, std=0.05)
    return model


def test_added_parts_begin_as_the_identity() -> None:
    model, old = deepened(), shallow()
    before = old.state_dict()
    added = {k: v for k, v in model.state_dict().items() if k not in before}
    assert added
    assert all(map(is_added, added))
    model.load_state_dict(before | added)
    with torch.no_grad():
        x = image(*SIZE)
        for was, now in zip(old(x), model.eval()(x), strict=True):
            torch.testing.assert_close(now, was)


def test_added_parts_learn_and_see_the_whole_picture() -> None:
    model = wakened(deepened())
    assert silent_parameters(model) == []
    context = model.mlt_head.context
    there = torch.rand(1, 320, 3, 7)
    here = there.clone()
    here[..., -1, -1] += 1.0
    with torch.no_grad():
        view = assumed_views(here)
        change = (context(here, view) - context(there, view)).abs().amax(dim=1)
    assert change[0, 0, 0] > 1e-6


def test_directions_have_codes_of_their_own() -> None:
    codes = directions(6, 8, torch.tensor([[0.95, 0.95, 0.0, 0.0]]))[0]
    assert (torch.cdist(codes, codes) + 9.0 * torch.eye(48) > 0.5).all()


def test_a_direction_has_one_code_whatever_the_picture() -> None:
    """A crop of the middle half, and the same picture at another size, see the same."""
    whole = directions(6, 8, torch.tensor([[0.9, 0.9, 0.0, 0.0]])).view(6, 8, -1)
    right_half = directions(6, 4, torch.tensor([[0.9, 0.9, -2 / 6, 0.0]])).view(6, 4, -1)
    torch.testing.assert_close(right_half, whole[:, 4:])
    zoomed = directions(3, 4, torch.tensor([[1.8, 1.8, -2 / 3, 0.5]])).view(3, 4, -1)
    torch.testing.assert_close(zoomed, whole[:3, 4:])
    finer = directions(18, 24, torch.tensor([[0.9, 0.9, 0.0, 0.0]])).view(18, 24, -1)
    torch.testing.assert_close(finer[1::3, 1::3], whole)


def test_views_of_cameras() -> None:
    cameras = torch.tensor([[120.0, 130.0, 100.0, 47.5], [0.0, 0.0, 0.0, 0.0]])
    known, unknown = views_of(cameras, (96, 144))
    torch.testing.assert_close(known, torch.tensor([120.0, 130.0, 28.5, 0.0]) / 96)
    torch.testing.assert_close(unknown, assumed_views(cameras)[1])


def test_a_wider_lens_is_another_room() -> None:
    context = wakened(deepened()).mlt_head.context
    x = torch.rand(2, 320, 3, 4)
    x[1] = x[0]
    views = torch.tensor([[0.95, 0.95, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]])
    with torch.no_grad():
        one, other = context(x, views)
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_a_single_task_network_predicts_its_task_only(task: str) -> None:
    model = build_model(preset("m2h_tiny", tasks=(task,))).eval()
    with torch.no_grad():
        outputs = model(image(*SIZE))
    names = {name for name, x in outputs._asdict().items() if x is not None}
    assert names == ({task, "log_sigma"} if task == "depth" else {task})


def test_the_decoder_accepts_the_encoder_of_the_paper() -> None:
    torch.manual_seed(0)
    model = wakened(build_model(preset("m2h_tiny", encoder="dinov2_vits14")))
    assert silent_parameters(model) == []
    assert not any(p.requires_grad for p in model.backbone.parameters())


def test_windows_join_to_the_map_they_were_cut_from() -> None:
    maps = torch.rand(2, 4, 3, 16, 23)
    for shift in (0, 3):
        windows = cut_windows(maps, shift)
        assert windows.shape == (2, 12, 4, 49, 3)
        torch.testing.assert_close(join_windows(windows, 16, 23, shift), maps)


@pytest.mark.parametrize("shift", [0, 3])
def test_attention_stays_inside_the_image_and_its_window(shift: int) -> None:
    torch.manual_seed(0)
    layer = CrossTaskWindowAttention(2, 8, shift=shift).eval()
    maps = torch.rand(1, 2, 8, 10, 12, requires_grad=True)
    layer(maps)[0, 0, :, 0, 0].sum().backward()
    seen = maps.grad.abs().sum((0, 2)) > 0  # (T, H, W)
    reach = 7 if shift == 0 else 3
    expected = torch.zeros(2, 10, 12, dtype=torch.bool)
    expected[:, :reach, :reach] = True
    assert torch.equal(seen, expected)


@pytest.mark.parametrize("shift", [0, 3])
def test_attention_is_the_same_in_training(shift: int) -> None:
    torch.manual_seed(0)
    layer = CrossTaskWindowAttention(2, 8, shift=shift)
    maps = torch.rand(2, 2, 8, 10, 12)
    torch.testing.assert_close(layer.train()(maps), layer.eval()(maps))


def test_an_unpadded_unshifted_grid_masks_nothing() -> None:
    assert not border_mask(14, 21, 0).any()
    assert border_mask(14, 21, 3).any()
    assert border_mask(15, 21, 0).any()


def test_configuration_survives_its_own_dictionary() -> None:
    config = preset("m2h_tiny", tasks=("depth", "edges"), ggfm=False)
    assert config.tasks == ("edges", "depth")
    assert config_from_dict(config.to_dict()) == config


def test_files_from_before_the_deeper_decoder_have_none() -> None:
    config = preset("m2h_tiny", context_blocks=0, refine_blocks=0)
    old = {k: v for k, v in config.to_dict().items() if not k.endswith("_blocks")}
    assert config_from_dict(old) == config


@pytest.mark.parametrize(
    ("name", "switches", "message"),
    [
        ("m2h_big", {}, "unknown preset"),
        ("m2h_tiny", {"attention": 1}, "unknown switch attention"),
        ("m2h_tiny", {"tasks": ()}, "subset"),
        ("m2h_tiny", {"encoder": "resnet"}, "resnet"),
        ("m2h", {"ggfm": False}, "m2h_tiny"),
    ],
)
def test_what_does_not_exist_is_named(name: str, switches: dict[str, object], message: str) -> None:
    with pytest.raises(PresetError, match=message) as caught:
        preset(name, **switches)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("n", "before"), [(6, 0), (7, 1)])
def test_surplus_padding_goes_after_the_image(n: int, before: int) -> None:
    conv = SameConv(1, 1, 3, 2, bias=False)
    conv.weight.data.zero_()
    conv.weight.data[0, 0, 0, 0] = 1  # looks at the first pixel of its window
    x = torch.arange(1.0, n * n + 1).reshape(1, 1, n, n)
    padded = torch.nn.functional.pad(x, (before, 0, before, 0))
    torch.testing.assert_close(conv(x), padded[:, :, ::2, ::2][:, :, : -(-n // 2), : -(-n // 2)])
