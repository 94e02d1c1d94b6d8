"""Values that cross a module border of the network.

Camera axes right, down, forward. Depth is z along the optical axis in metres, 0 = unknown. Labels
are NYU40 ids 1..40, 0 = unknown. Normals are unit vectors in the camera's frame that face the
camera, zero where unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # what runs exported networks alone does without PyTorch
    from torch import Tensor

F4 = NDArray[np.float32]
F8 = NDArray[np.float64]
U1 = NDArray[np.uint8]

Task = Literal["edges", "normals", "semantics", "depth"]
TASKS: tuple[Task, ...] = ("edges", "normals", "semantics", "depth")  # the order of the paper
N_CLASSES = 41  # NYU40 and 0 = unknown
EDGE_UNKNOWN = 255


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera of one image size; pixel centres lie at integer coordinates."""

    fx: float
    fy: float
    cx: float
    cy: float


class Outputs(NamedTuple):
    """Raw outputs of a network for a batch; None for tasks it lacks.

    Depth is metric for the network's canonical focal length (presets without one: as it is).
    """

    depth: Tensor | None = None  # (B, 1, H, W), metres
    semantics: Tensor | None = None  # (B, K, H, W), logits; m2h_tiny in training: of half the size
    normals: Tensor | None = None  # (B, 3, H, W)
    edges: Tensor | None = None  # (B, 1, H, W), logits
    log_sigma: Tensor | None = None  # (B, 1, H, W), ln of the standard deviation of ln depth


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network says of one image, at the image's size."""

    depth_m: F4  # (H, W), metric
    depth_sigma: F4  # (H, W), standard deviation of ln depth
    labels: U1  # (H, W), NYU40 ids
    confidence: F4  # (H, W), probability of the label
    normals: F4  # (H, W, 3), unit vectors
    edges: F4  # (H, W), probability


@dataclass(frozen=True, eq=False)
class Sample:
    """One image of a training or test set with the truth that the set has."""

    source: str  # "simulated", "nyuv2", "photos", "hypersim", ...
    name: str
    image: U1  # (H, W, 3) RGB
    intrinsics: Intrinsics | None = None  # None: unknown camera
    depth_m: F4 | None = None  # (H, W)
    depth_step_m: float = 0.0  # quantisation of the depth, 0 = exact
    labels: U1 | None = None  # (H, W)
    normals: F4 | None = None  # (H, W, 3)
    edges: U1 | None = None  # (H, W), 0, 1 or EDGE_UNKNOWN
    teacher: U1 | None = None  # (H, W), index of the teacher's class 0..31, 255 = not sure


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples of one size as tensors."""

    image: Tensor  # (B, 3, H, W), RGB in [0, 1]
    focal_px: Tensor  # (B,), 0 = unknown camera
    intrinsics: Tensor  # (B, 4): fx, fy, cx, cy; zeros = unknown camera
    depth_m: Tensor  # (B, 1, H, W), 0 = unknown
    depth_step_m: Tensor  # (B,)
    labels: Tensor  # (B, H, W) int64, 0 = unknown
    normals: Tensor  # (B, 3, H, W), zero = unknown
    edges: Tensor  # (B, 1, H, W), 0 or 1, -1 = unknown
    teacher: Tensor  # (B, H, W) int64, 255 = none
