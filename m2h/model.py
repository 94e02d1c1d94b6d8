"""M2H: depth, semantics, normals and edges from one RGB image; `forward` is the paper's figure.

Source: M2H (arXiv 2510.17363) and its release. `m2h` and `m2h_small` repeat the release with its
parameter names; `m2h_tiny` is the small network trained by this project.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m2h.backbone import DinoV2
from m2h.mobilenet import MobileNetV2
from m2h.presets import PRESETS, ModelConfig, preset
from m2h.released_decoder import ReleasedDecoder
from m2h.tiny_decoder import TinyDecoder
from m2h.types import Outputs

__all__ = ["M2H", "PRESETS", "ModelConfig", "build_model", "preset"]


class M2H(nn.Module):
    """A network of one configuration, with random weights until a checkpoint is loaded."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = _backbone(config)
        self.mlt_head = _decoder(config, self.backbone)
        self.register_buffer("mean", torch.tensor(config.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(3, 1, 1), persistent=False)

    def normalise(self, rgb: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1] as the network expects it."""
        return (rgb - self.mean) / self.std

    def forward(
        self,
        image: Tensor,
        output_size: tuple[int, int] | None = None,
        view: Tensor | None = None,
    ) -> Outputs:
        """All tasks' outputs for a normalised image (B, 3, H, W).

        Args:
            image: of any size.
            output_size: (height, width) of the outputs; by default the image's.
            view: (B, 4) of the camera (`m2h.context.views_of`), for networks with context blocks;
                None = an assumed one.
        """
        size = (int(image.shape[-2]), int(image.shape[-1]))  # not traced by an export
        head = self.mlt_head
        features = self.backbone(image)
        pyramid = head.pyramid(head.look_around(features, view), size)
        fused = head.fuse(pyramid)
        attended = head.attend(fused)
        restored = head.restore(attended, fused, pyramid, features)
        return head.predict(restored, pyramid, size, output_size or size)


def build_model(config: ModelConfig) -> M2H:
    """A network with random weights; a transformer encoder is frozen, as in the paper."""
    # channels last: depthwise convolutions train twice as fast on a CPU
    model = M2H(config)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if isinstance(model.backbone, DinoV2):
        model.backbone.requires_grad_(False)
    return model


def _backbone(config: ModelConfig) -> MobileNetV2 | DinoV2:
    if config.encoder == "mobilenet_v2":
        return MobileNetV2()
    return DinoV2(config.encoder)


def _decoder(config: ModelConfig, backbone: MobileNetV2 | DinoV2) -> TinyDecoder | ReleasedDecoder:
    if isinstance(backbone, MobileNetV2):
        return TinyDecoder(config, backbone.channels, is_pyramid=True)
    width = backbone.shape.width
    if config.decoder == "tiny":
        return TinyDecoder(config, (width,) * 4, is_pyramid=False)
    return ReleasedDecoder(config, width)
