"""An image of any size and kind as the fixed-size RGB a network takes, and the way back.

The aspect ratio is kept: the image is scaled to fit, and what is left is filled by repeating its
border. Pixel centres lie at integer coordinates. Places and sizes inside the network's input are
even, so that outputs at half its size can be cropped exactly; the aspect changes by < 1 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2h.errors import ImageError
from m2h.types import F4, U1, Intrinsics

ASSUMED_VIEW = (0.95, 0.95, 0.0, 0.0)  # of an unknown camera: 70 degrees across in a 4:3 picture
_MIN_SIDE_PX = 16
_MIN_INNER_PX = 4  # so that half of it still has a gradient
_MOST_ASPECT = 2.5  # beyond it the border is filled
_ASPECT_SLACK = 0.1  # of ln aspect: a tenth of the input may be border
_MAX_PIXELS = 50_000_000  # the prediction takes 30 bytes a pixel


def size_for(
    image_size: tuple[int, int], network_size: tuple[int, int], multiple: int
) -> tuple[int, int]:
    """The input that an image of another shape than the network's fills best, of as many pixels.

    A 16:9 picture in a 4:3 input would lose a quarter of the pixels to its borders.

    Args:
        image_size: height, width.
        network_size: height, width that the network was made for; kept for images about its shape.
        multiple: of both sides of the answer.
    """
    made_for = network_size[1] / network_size[0]
    aspect = min(max(image_size[1] / image_size[0], 1 / _MOST_ASPECT), _MOST_ASPECT)
    if abs(math.log(aspect / made_for)) < _ASPECT_SLACK:
        return network_size
    if abs(math.log(aspect * made_for)) < _ASPECT_SLACK:
        return network_size[1], network_size[0]
    width = math.sqrt(network_size[0] * network_size[1] * aspect)
    height, width = (max(multiple, round(x / multiple) * multiple) for x in (width / aspect, width))
    return height, width


@dataclass(frozen=True)
class Letterbox:
    """Where an image lies inside the network's input."""

    image_size: tuple[int, int]  # height, width
    network_size: tuple[int, int]
    inner_size: tuple[int, int]  # of the scaled image
    top: int
    left: int

    @property
    def scale(self) -> tuple[float, float]:
        """Network pixels per image pixel along y and x."""
        return (
            self.inner_size[0] / self.image_size[0],
            self.inner_size[1] / self.image_size[1],
        )

    def intrinsics(self, camera: Intrinsics, stride: int = 1) -> Intrinsics:
        """The camera of the scaled image without border, of every `stride`-th pixel."""
        scale_y, scale_x = (scale / stride for scale in self.scale)
        return Intrinsics(
            camera.fx * scale_x,
            camera.fy * scale_y,
            (camera.cx + 0.5) * scale_x - 0.5,
            (camera.cy + 0.5) * scale_y - 0.5,
        )

    def view(self, camera: Intrinsics) -> F4:
        """(4,) fx, fy, and the optical axis right of and below the middle of the network's input.

        All in heights of that input, so that it does not depend on its resolution.
        """
        k, (height, width) = self.intrinsics(camera), self.network_size
        right = k.cx + self.left - (width - 1) / 2
        below = k.cy + self.top - (height - 1) / 2
        return np.array([k.fx, k.fy, right, below], np.float32) / np.float32(height)

    def apply(self, image: U1) -> U1:
        """(H, W, 3) -> (h, w, 3) of the network's size."""
        import cv2

        height, width = self.inner_size
        is_smaller = height < self.image_size[0]
        inner = cv2.resize(
            image, (width, height), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
        )
        bottom = self.network_size[0] - height - self.top
        right = self.network_size[1] - width - self.left
        framed = cv2.copyMakeBorder(inner, self.top, bottom, self.left, right, cv2.BORDER_REPLICATE)
        return np.ascontiguousarray(framed, dtype=np.uint8)

    def crop(self, x: F4) -> F4:
        """Cut the scaled image out of an output (h, w, ...) at full or half the input's size."""
        stride = self.network_size[0] // x.shape[0]
        height, width = (n // stride for n in self.inner_size)
        top, left = self.top // stride, self.left // stride
        return x[top : top + height, left : left + width]

    def enlarge(self, x: F4) -> F4:
        """Resize a cropped output (h, w) or (h, w, 3) to the image bilinearly."""
        import cv2

        height, width = self.image_size
        return np.asarray(cv2.resize(np.ascontiguousarray(x), (width, height)), dtype=np.float32)


def fit(image_size: tuple[int, int], network_size: tuple[int, int]) -> Letterbox:
    """The largest placement of an image inside the network's input, centred."""
    scale = min(n / i for n, i in zip(network_size, image_size, strict=True))
    height, width = (
        min(n, max(_MIN_INNER_PX, 2 * round(i * scale / 2)))
        for n, i in zip(network_size, image_size, strict=True)
    )
    top, left = (network_size[0] - height) // 4 * 2, (network_size[1] - width) // 4 * 2
    return Letterbox(image_size, network_size, (height, width), top, left)


def positions(large: tuple[int, int], small: tuple[int, int]) -> tuple[F4, F4]:
    """Rows and columns of a large image's pixels in a small one, clamped to it."""
    of_axis = []
    for n_large, n_small in zip(large, small, strict=True):
        at = (np.arange(n_large) + 0.5) * (n_small / n_large) - 0.5
        of_axis.append(np.clip(at, 0, n_small - 1).astype(np.float32))
    return of_axis[0], of_axis[1]


def as_rgb(image: NDArray[Any]) -> U1:
    """An image of a usual kind as (H, W, 3) uint8 RGB.

    Args:
        image: grey (H, W) or (H, W, 1), RGB, or RGBA (alpha is dropped); uint8, uint16, or
            floats in [0, 1].

    Raises:
        ImageError: another shape or type, values that are not finite or out of range, a side
            below 16 pixels, or more than 50 million pixels.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise ImageError(f"image of shape {image.shape}: give (height, width, 3) RGB or grey")
    height, width = image.shape[:2]
    if min(height, width) < _MIN_SIDE_PX:
        raise ImageError(f"image of {width}x{height}: too small, give at least {_MIN_SIDE_PX} px")
    if height * width > _MAX_PIXELS:
        raise ImageError(f"image of {width}x{height}: too large, scale it below 50 megapixels")
    rgb = _as_uint8(image[:, :, :3])
    return np.ascontiguousarray(np.broadcast_to(rgb, (height, width, 3)))


def _as_uint8(image: NDArray[Any]) -> U1:
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.uint16:
        return (image >> 8).astype(np.uint8)
    if not np.issubdtype(image.dtype, np.floating):
        raise ImageError(f"image of type {image.dtype}: give uint8, uint16, or floats in [0, 1]")
    if not np.isfinite(image).all():
        raise ImageError("image holds values that are not finite; replace them first")
    if image.min() < 0 or image.max() > 1:
        raise ImageError(
            f"image of floats in [{image.min():.3g}, {image.max():.3g}]: scale it to [0, 1]"
        )
    return (image * 255 + 0.5).astype(np.uint8)
