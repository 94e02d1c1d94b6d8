"""One training sample seen by another camera: zoom crop, mirror, resize, look.

The focal length follows every crop and resize, so metric depth stays true.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from m2h.data.geometry import cropped, mirrored, resized
from m2h.data.photometric import REAL_LOOK, SIMULATED_LOOK, Look, change_look
from m2h.types import U1, Sample


@dataclass(frozen=True)
class Framing:
    """Size and crop of training images."""

    height: int = 224
    width: int = 288
    smallest_crop: float = 0.5  # share of the widest crop's edge
    whole_share: float = 0.3  # of the samples, which keep the widest crop
    mirror_share: float = 0.5
    stretch: float = 0.08  # deviation of ln aspect ratio


def augment(
    sample: Sample, framing: Framing, rng: np.random.Generator, style: U1 | None = None
) -> Sample:
    """The sample at the framing's size, changed at random.

    Args:
        sample: of any size.
        framing: size and crop.
        rng: draws everything; equal states give equal samples.
        style: a photograph whose style a simulated picture may take over.
    """
    moved = fitted(random_crop(sample, framing, rng), framing)
    if rng.random() < framing.mirror_share:
        moved = mirrored(moved)
    return replace(moved, image=change_look(moved.image, look_of(sample), rng, style))


def look_of(sample: Sample) -> Look:
    """How strongly a sample's picture is changed."""
    return SIMULATED_LOOK if sample.source == "simulated" else REAL_LOOK


def random_crop(sample: Sample, framing: Framing, rng: np.random.Generator) -> Sample:
    """A part of about the framing's aspect ratio: a zoom into anywhere."""
    aspect = framing.width / framing.height * float(np.exp(rng.normal(0.0, framing.stretch)))
    share = 1.0
    if rng.random() >= framing.whole_share:
        share = float(rng.uniform(framing.smallest_crop, 1.0))
    height, width = _widest(sample, aspect, share)
    top = int(rng.integers(sample.image.shape[0] - height + 1))
    left = int(rng.integers(sample.image.shape[1] - width + 1))
    return cropped(sample, top, left, height, width)


def centred(sample: Sample, framing: Framing) -> Sample:
    """The widest middle part at the framing's size, unchanged otherwise: for held-out samples."""
    height, width = _widest(sample, framing.width / framing.height, 1.0)
    top = (sample.image.shape[0] - height) // 2
    left = (sample.image.shape[1] - width) // 2
    return fitted(cropped(sample, top, left, height, width), framing)


def fitted(sample: Sample, framing: Framing) -> Sample:
    """The sample at the framing's size."""
    return resized(sample, framing.height, framing.width)


def _widest(sample: Sample, aspect: float, share: float) -> tuple[int, int]:
    """Height and width of the largest part of an aspect ratio, times `share`."""
    height, width = sample.image.shape[:2]
    widest = min(width, height * aspect)
    return max(1, round(share * widest / aspect)), max(1, round(share * widest))
