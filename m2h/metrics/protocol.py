"""How depth is compared on each data set: which pixels count, and up to where.

Published numbers of one set differ by crop and cap; the name of the protocol says which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from m2h.errors import DataError
from m2h.types import F4


@dataclass(frozen=True)
class Protocol:
    """One row of the table below."""

    name: str
    min_depth_m: float  # truth must be larger
    cap_m: float | None  # predictions are clamped to it, truth beyond it does not count
    crop: tuple[int, int, int, int] | None = None  # first and last row, first and last column + 1
    size: tuple[int, int] | None = None  # (height, width) that the crop belongs to
    boundary_tolerance: float = 0.0075  # share of the image's diagonal

    def valid(self, depth_m: F4) -> NDArray[np.bool_]:
        """Pixels of a true depth image that count.

        The crop of an image of another size is scaled with it (outward to whole pixels).
        """
        valid = np.isfinite(depth_m) & (depth_m > self.min_depth_m)
        if self.cap_m is not None:
            valid &= depth_m <= self.cap_m
        if self.crop is not None and self.size is not None:
            sy, sx = depth_m.shape[0] / self.size[0], depth_m.shape[1] / self.size[1]
            top, bottom, left, right = self.crop
            inside = np.zeros_like(valid)
            inside[int(top * sy) : ceil(bottom * sy), int(left * sx) : ceil(right * sx)] = True
            valid &= inside
        return valid


_NYU, _HYPERSIM, _CITYSCAPES = (480, 640), (768, 1024), (1024, 2048)
_ALL = (
    # Eigen, Puhrsch, Fergus 2014
    Protocol("nyu_eigen", 1e-3, 10.0, (45, 471, 41, 601), _NYU, 0.011),
    # multi-task papers (MTI-Net and followers)
    Protocol("nyu_mtl", 0.0, None, boundary_tolerance=0.011),
    Protocol("hypersim_80", 1e-3, 80.0, size=_HYPERSIM),  # ZoeDepth, ScaleDepth
    Protocol("hypersim_20", 1e-3, 20.0, size=_HYPERSIM),  # indoor models
    Protocol("cityscapes_80", 0.0, 80.0, (256, 768, 192, 1856), _CITYSCAPES),
    Protocol("cityscapes_80_full", 0.0, 80.0, size=_CITYSCAPES),
    Protocol("scannet", 0.1, 10.0),
    Protocol("simulated", 0.1, 10.0),
)
PROTOCOLS = {protocol.name: protocol for protocol in _ALL}


def protocol_named(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        DataError: there is none.
    """
    if name not in PROTOCOLS:
        raise DataError(f"protocol {name}: unknown; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
