"""Decoder of `m2h_tiny`: the figure of M2H at stride 8 with 64 channels.

Source: M2H (arXiv 2510.17363), reduced to what two CPU cores train and run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from m2h.context import GlobalContext, Refinement, assumed_views
from m2h.features import Features, resize, size_of
from m2h.presets import ModelConfig
from m2h.tiny_blocks import (
    ConcatMixing,
    GatedGlobalFusion,
    Pointwise,
    Separable,
    TinyTaskHead,
    WindowMixing,
)
from m2h.types import Outputs, Task

Maps = Mapping[Task, Tensor]

LOG_SIGMA_RANGE = (math.log(0.01), math.log(2.0))
_START_DEPTH_M, _START_SIGMA, _START_EDGE = 2.0, 0.3, 0.1  # what an untrained network says
_STRIDES = (4, 8, 16, 32)


class TinyDecoder(nn.Module):
    """Pyramid, task maps, cross-task attention, gated fusion and heads.

    Args:
        config: its tasks, cross_task, ggfm, head_channels, label_channels, context_blocks,
            refine_blocks, n_classes and depth range are read.
        encoder_channels: channels of the encoder's four maps.
        is_pyramid: whether these lie at strides 4, 8, 16, 32; those of a transformer do not.
    """

    def __init__(
        self, config: ModelConfig, encoder_channels: tuple[int, ...], *, is_pyramid: bool
    ) -> None:
        super().__init__()
        c, self.tasks = config.head_channels, config.tasks
        self.is_pyramid = is_pyramid
        self.min_depth_m, self.max_depth_m = config.min_depth_m, config.max_depth_m
        self.lateral_4 = Pointwise(encoder_channels[0], 32)
        self.laterals = nn.ModuleList(Pointwise(n, c) for n in encoder_channels[1:])
        n = config.context_blocks
        self.context = GlobalContext(encoder_channels[-1], n) if n else None
        self.merge_16, self.merge_8 = Separable(c, c, 5), Separable(c, c, 5)
        self.refine = nn.Sequential(*(Refinement(c) for _ in range(config.refine_blocks)))
        self.task_maps = nn.ModuleDict({task: Separable(c, c) for task in self.tasks})
        self.cross_task = _mixing(config)
        self.ggfm = (
            nn.ModuleDict({task: GatedGlobalFusion(c) for task in self.tasks})
            if config.ggfm
            else None
        )
        n_out = {"edges": 1, "normals": 3, "semantics": config.n_classes, "depth": 2}
        n_last = dict.fromkeys(self.tasks, 16) | {"semantics": config.label_channels}
        self.heads = nn.ModuleDict(
            {
                task: TinyTaskHead(c, n_out[task], n_last[task], refines=config.refine_blocks > 0)
                for task in self.tasks
            }
        )
        self._start_plausibly()

    def look_around(self, features: Features, view: Tensor | None) -> Features:
        """Features whose coarsest map knows the whole picture; views (B, 4) or None."""
        if self.context is None:
            return features
        *finer, coarsest = features.maps
        view = assumed_views(coarsest) if view is None else view
        return features._replace(maps=(*finer, self.context(coarsest, view)))

    def pyramid(self, features: Features, size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Detail (B, 32, H/4, W/4), merged map (B, C, H/8, W/8), global map (B, C, H/32, W/32)."""
        finest, *coarser = features.maps
        detail = self.lateral_4(finest)
        l8, l16, l32 = (lateral(x) for lateral, x in zip(self.laterals, coarser, strict=True))
        if not self.is_pyramid:
            sizes = [(-(-size[0] // stride), -(-size[1] // stride)) for stride in _STRIDES]
            detail, l8, l16, l32 = map(resize, (detail, l8, l16, l32), sizes)
        p16 = self.merge_16(l16 + resize(l32, size_of(l16)))
        p8 = self.refine(self.merge_8(l8 + resize(p16, size_of(l8))))
        return detail, p8, l32

    def fuse(self, pyramid: tuple[Tensor, ...]) -> Maps:
        """One map of C channels at stride 8 for each task."""
        return {task: self.task_maps[task](pyramid[1]) for task in self.tasks}

    def attend(self, fused: Maps) -> Maps:
        """Let the tasks look at each other."""
        if self.cross_task is None:
            return fused
        maps = self.cross_task(torch.stack([fused[task] for task in self.tasks], dim=1))
        return dict(zip(self.tasks, maps.unbind(1), strict=True))

    def restore(
        self, attended: Maps, fused: Maps, pyramid: tuple[Tensor, ...], _features: Features
    ) -> Maps:
        """Gate attended, original and global features."""
        if self.ggfm is None:
            return attended
        return {t: self.ggfm[t](attended[t], fused[t], pyramid[2]) for t in self.tasks}

    def predict(
        self,
        restored: Maps,
        pyramid: tuple[Tensor, ...],
        size: tuple[int, int],
        output_size: tuple[int, int],
    ) -> Outputs:
        """Outputs at a given size; depth is metric for the canonical focal length.

        In training the logits of the labels stay at stride 2, where the head ends: to enlarge 41
        planes takes a seventh of a step, and their loss asks no more pixels.
        """
        half_size = (-(-size[0] // 2), -(-size[1] // 2))
        raw = {t: self.heads[t](restored[t], pyramid[0], half_size) for t in self.tasks}
        small = {"semantics"} if self.training else set()
        raw = {t: x if t in small else resize(x, output_size) for t, x in raw.items()}
        depth, log_sigma = self._depth(raw["depth"]) if "depth" in raw else (None, None)
        normals = functional.normalize(raw["normals"], dim=1) if "normals" in raw else None
        return Outputs(depth, raw.get("semantics"), normals, raw.get("edges"), log_sigma)

    def _depth(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """d_min (d_max / d_min)^sigmoid(x), and ln sigma between its bounds."""
        share = torch.sigmoid(raw)
        span = math.log(self.max_depth_m / self.min_depth_m)
        low, high = LOG_SIGMA_RANGE
        return self.min_depth_m * torch.exp(span * share[:, :1]), low + (high - low) * share[:, 1:]

    def _start_plausibly(self) -> None:
        """Biases of the last layers such that the first losses are moderate."""
        starts: dict[Task, list[float]] = {"edges": [_START_EDGE], "normals": [0.0, 0.0, -1.0]}
        span = math.log(self.max_depth_m / self.min_depth_m)
        low, high = LOG_SIGMA_RANGE
        starts["depth"] = [
            math.log(_START_DEPTH_M / self.min_depth_m) / span,
            (math.log(_START_SIGMA) - low) / (high - low),
        ]
        for task, start in starts.items():
            if task in self.heads:
                value = torch.tensor(start)
                bias = self.heads[task].get_parameter("out.bias")
                bias.data.copy_(value if task == "normals" else torch.logit(value))


def _mixing(config: ModelConfig) -> nn.Module | None:
    if config.cross_task == "none":
        return None
    kind = WindowMixing if config.cross_task == "wmca" else ConcatMixing
    return kind(len(config.tasks), config.head_channels)
