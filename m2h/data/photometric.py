"""Changes of a picture's look that leave its geometry alone: camera, light, compression, style.

Everything runs on the final small image; colour, exposure and gamma share one table look-up.
Style: the low spatial frequencies of a photograph's amplitude spectrum replace the picture's own
(Fourier domain adaptation, Yang and Soatto, CVPR 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from m2h.types import F4, U1

DISPLAY_GAMMA = 2.2
MIN_JPEG_QUALITY, MAX_JPEG_QUALITY = 30, 95
STYLE_REACH = (0.004, 0.012)  # of the spectrum's width and height, to either side of zero
MIN_STYLE = 0.3  # share of the photograph's amplitude, at least
MAX_BLUR_SHARE = 0.03  # of the image's width


@dataclass(frozen=True)
class Look:
    """How strongly pictures are changed; shares are probabilities."""

    white_balance: float = 0.08  # deviation of ln gain of red and blue
    exposure: float = 0.25  # deviation of ln gain, linear light
    gamma: float = 0.12  # deviation of ln exponent
    saturation: tuple[float, float] = (0.6, 1.4)
    grey_share: float = 0.02
    vignetting_share: float = 0.2
    blur_share: float = 0.2
    noise_share: float = 0.4
    noise: float = 0.03  # largest deviation, of 1
    jpeg_share: float = 0.3
    style_share: float = 0.0


REAL_LOOK = Look()
SIMULATED_LOOK = Look(
    white_balance=0.12,
    exposure=0.35,
    gamma=0.2,
    saturation=(0.4, 1.5),
    vignetting_share=0.3,
    blur_share=0.3,
    noise_share=0.5,
    noise=0.04,
    jpeg_share=0.4,
    style_share=0.35,
)


def change_look(image: U1, look: Look, rng: np.random.Generator, style: U1 | None = None) -> U1:
    """The picture (H, W, 3) as another camera in other light would have taken it.

    Args:
        image: (H, W, 3) RGB.
        look: what may happen.
        rng: draws what does.
        style: (any size, 3) a photograph whose style may be taken over.
    """
    if style is not None and rng.random() < look.style_share:
        share = float(rng.uniform(MIN_STYLE, 1.0))
        image = with_style(image, style, float(rng.uniform(*STYLE_REACH)), share)
    image = _toned(image, look, rng)
    image = _saturated(image, look, rng)
    if rng.random() < look.vignetting_share:
        image = _vignetted(image, rng)
    if rng.random() < look.blur_share:
        image = _blurred(image, rng)
    if rng.random() < look.noise_share:
        image = _noisy(image, look.noise, rng)
    if rng.random() < look.jpeg_share:
        image = _compressed(image, int(rng.integers(MIN_JPEG_QUALITY, MAX_JPEG_QUALITY + 1)))
    return image


def with_style(image: U1, style: U1, reach: float, share: float = 1.0) -> U1:
    """The picture with a photograph's low-frequency amplitudes and its own phases.

    Args:
        image: (H, W, 3).
        style: (h, w, 3), any size.
        reach: share of the spectrum's width and height, to either side of zero, that is replaced.
        share: of the photograph's amplitude; the rest stays the picture's own.
    """
    import cv2
    from scipy import fft

    height, width = image.shape[:2]
    other = cv2.resize(style, (width, height), interpolation=cv2.INTER_AREA)
    rows, columns = max(1, round(reach * height)), max(1, round(reach * width))
    own = fft.rfft2(image.astype(np.float32), axes=(0, 1))
    theirs = fft.rfft2(other.astype(np.float32), axes=(0, 1))
    for part in (slice(0, rows + 1), slice(height - rows, height)):
        low, model = own[part, : columns + 1], np.abs(theirs[part, : columns + 1])
        mixed = share * model + (1.0 - share) * np.abs(low)
        own[part, : columns + 1] = mixed * np.exp(1j * np.angle(low))
    changed = fft.irfft2(own, s=(height, width), axes=(0, 1))
    return _bytes(np.asarray(changed, np.float32))


def _toned(image: U1, look: Look, rng: np.random.Generator) -> U1:
    """Exposure and white balance in linear light, then a gamma, through one table."""
    red, blue = rng.normal(0.0, look.white_balance, 2)
    exposure, exponent = rng.normal(0.0, look.exposure), np.exp(rng.normal(0.0, look.gamma))
    gain = np.exp(exposure + np.array([red, 0.0, blue]))
    level = np.linspace(0.0, 1.0, 256)[:, None] ** DISPLAY_GAMMA * gain
    shown = np.minimum(level, 1.0) ** (exponent / DISPLAY_GAMMA)
    table = np.round(255.0 * shown).astype(np.uint8)
    return np.stack([table[image[..., c], c] for c in range(3)], axis=-1)


def _saturated(image: U1, look: Look, rng: np.random.Generator) -> U1:
    """Colours further from or nearer to grey; at times grey altogether."""
    import cv2

    factor = 0.0 if rng.random() < look.grey_share else float(rng.uniform(*look.saturation))
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(image, factor, grey, 1.0 - factor, 0.0), np.uint8)


def _vignetted(image: U1, rng: np.random.Generator) -> U1:
    height, width = image.shape[:2]
    y, x = np.ogrid[-1.0 : 1.0 : height * 1j, -1.0 : 1.0 : width * 1j]
    loss = rng.uniform(0.1, 0.5)
    factor = (1.0 - loss * 0.5 * (x * x + y * y)).astype(np.float32)
    return _bytes(image.astype(np.float32) * factor[..., None])


def _blurred(image: U1, rng: np.random.Generator) -> U1:
    """Out of focus, or moved along a line."""
    import cv2

    longest_px = max(MAX_BLUR_SHARE * image.shape[1], 2.0)
    if rng.random() < 0.5:
        sigma_px = float(rng.uniform(0.3, 0.25 * longest_px))
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.uint8)
    size = 2 * round(longest_px / 2) + 1
    kernel = np.zeros((size, size), np.float32)
    angle, half_px = rng.uniform(0.0, np.pi), rng.uniform(0.5, longest_px / 2)
    way = half_px * np.array([np.cos(angle), np.sin(angle)])
    middle = size // 2
    first, last = (
        np.round((middle - way) * 16).astype(int),
        np.round((middle + way) * 16).astype(int),
    )
    cv2.line(kernel, first.tolist(), last.tolist(), 1.0, 1, cv2.LINE_AA, 4)
    return np.asarray(cv2.filter2D(image, -1, kernel / max(float(kernel.sum()), 1e-6)), np.uint8)


def _noisy(image: U1, largest: float, rng: np.random.Generator) -> U1:
    """Noise of the sensor, stronger in the light."""
    deviation = 255.0 * float(rng.uniform(0.0, largest))
    noise = rng.standard_normal(image.shape, np.float32)
    level = image.astype(np.float32)
    return _bytes(level + np.float32(deviation) * noise * (0.5 + level / np.float32(255.0)))


def _compressed(image: U1, quality: int) -> U1:
    import cv2

    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    shown = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(shown[..., ::-1])


def _bytes(image: F4) -> U1:
    return np.asarray(np.clip(image + 0.5, 0.0, 255.0), np.uint8)
