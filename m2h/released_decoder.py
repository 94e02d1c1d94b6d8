"""Decoder of the released M2H, full (`m2h`) and lightweight (`m2h_small`).

Source: M2H (arXiv 2510.17363) and its release; parameter names are the release's. Semantics is
called `sem_seg` there.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from m2h.features import Features, double, resize
from m2h.presets import ModelConfig
from m2h.released_attention import ReleasedCrossAttention
from m2h.released_blocks import ConvModule, GatedFusion, Reassembly, UniqueFeature, fusion_block
from m2h.released_heads import ContextHead, PlainHead
from m2h.types import TASKS, Outputs, Task

Maps = Mapping[Task, Tensor]

_RELEASE_NAMES: Mapping[Task, str] = {
    "edges": "edges",
    "normals": "normals",
    "semantics": "sem_seg",
    "depth": "depth",
}
_N_LEVELS, _N_ATTENTION_LAYERS = 4, 2
_NARROWING = 4  # the lightweight variant attends with a quarter of the channels


class ReleasedDecoder(nn.Module):
    """Reassembly, four top-down paths, cross-task attention, gated fusion and heads.

    Args:
        config: its decoder, head_channels, n_classes and min_depth_m are read.
        width: of the transformer.
    """

    def __init__(self, config: ModelConfig, width: int) -> None:
        super().__init__()
        c, light = config.head_channels, config.decoder == "light"
        self.is_light, self.min_depth_m = light, config.min_depth_m
        self.reassemble_blocks = Reassembly(width, is_light=light)
        self.convs = nn.ModuleList(
            ConvModule(n, c, 3, is_light=light, bias=False) for n in self.reassemble_blocks.channels
        )
        for name in _RELEASE_NAMES.values():
            blocks = (fusion_block(c, is_light=light, has_lateral=i > 0) for i in range(_N_LEVELS))
            self.add_module(f"fusion_blocks_{name}", nn.ModuleList(blocks))
            project = ConvModule(c, c, 3, is_light=light, activation=functional.relu)
            self.add_module(f"project_{name}", project)
        attended = c // _NARROWING if light else c
        self.cross_attn = nn.Sequential(
            *(ReleasedCrossAttention(len(TASKS), attended) for _ in range(_N_ATTENTION_LAYERS))
        )
        self.unique_depth_feature = UniqueFeature(width, c, is_light=light)
        self.unique_semantic_feature = UniqueFeature(width, c, is_light=light)
        self.conv_depth = ContextHead(c, 1, 3, is_light=light)
        self.seg_out = ContextHead(c, config.n_classes, 1, is_light=light)
        self.conv_normal = PlainHead(c, 3, nn.Tanh(), is_light=light)
        self.conv_edge = PlainHead(c, 1, nn.Identity(), is_light=light)
        self.restore_depth = GatedFusion(c, is_light=light)
        self.restore_semseg = GatedFusion(c, is_light=light)
        if light:
            names = _RELEASE_NAMES.values()
            self.pre_attn_proj = nn.ModuleDict({n: nn.Conv2d(c, attended, 1) for n in names})
            self.post_attn_proj = nn.ModuleDict({n: nn.Conv2d(attended, c, 1) for n in names})
        self.apply(_initialise)

    def look_around(self, features: Features, _view: Tensor | None) -> Features:
        """As they are: the released networks know nothing of cameras."""
        return features

    def pyramid(self, features: Features, _size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Four maps of C channels, from 4h x 4w to ceil(h / 2) x ceil(w / 2)."""
        maps = self.reassemble_blocks(features)
        return tuple(reduce(x) for reduce, x in zip(self.convs, maps, strict=True))

    def fuse(self, pyramid: tuple[Tensor, ...]) -> Maps:
        """Top-down path of each task: (B, C, 16 ceil(h / 2), 16 ceil(w / 2))."""
        fused: dict[Task, Tensor] = {}
        for task, name in _RELEASE_NAMES.items():
            first, *others = self.get_submodule(f"fusion_blocks_{name}").children()
            x = first(pyramid[-1])
            for block, lateral in zip(others, reversed(pyramid[:-1]), strict=True):
                x = block(x, lateral)  # the running map sets the size
            fused[task] = self.get_submodule(f"project_{name}")(x)
        return fused

    def attend(self, fused: Maps) -> Maps:
        """Cross-task attention; the lightweight variant's at half size and a quarter of C."""
        if not self.is_light:
            maps = self.cross_attn(torch.stack([fused[task] for task in TASKS], dim=1))
            return dict(zip(TASKS, maps.unbind(1), strict=True))
        narrow = [self.pre_attn_proj[_RELEASE_NAMES[task]](fused[task]) for task in TASKS]
        pooled = torch.stack([functional.max_pool2d(x, 2) for x in narrow], dim=1)
        attended = zip(TASKS, self.cross_attn(pooled).unbind(1), strict=True)
        return {task: self.post_attn_proj[_RELEASE_NAMES[task]](double(x)) for task, x in attended}

    def restore(
        self, attended: Maps, fused: Maps, _pyramid: tuple[Tensor, ...], features: Features
    ) -> Maps:
        """Gated fusion of depth and semantics with the last tap; edges and normals pass."""
        last = features.maps[-1]
        depth = self.restore_depth(
            attended["depth"], fused["depth"], self.unique_depth_feature(last)
        )
        semantics = self.restore_semseg(
            attended["semantics"], fused["semantics"], self.unique_semantic_feature(last)
        )
        return {**attended, "depth": depth, "semantics": semantics}

    def predict(
        self,
        restored: Maps,
        _pyramid: tuple[Tensor, ...],
        _size: tuple[int, int],
        output_size: tuple[int, int],
    ) -> Outputs:
        """Outputs at a given size; padding is not cropped, normals are not of unit length."""
        depth = functional.relu(self.conv_depth(restored["depth"])) + self.min_depth_m
        normals = functional.normalize(self.conv_normal(restored["normals"]), dim=1)
        return Outputs(
            depth=resize(depth, output_size),
            semantics=resize(self.seg_out(restored["semantics"]), output_size),
            normals=resize(normals, output_size),
            edges=resize(self.conv_edge(restored["edges"]), output_size),
        )


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
