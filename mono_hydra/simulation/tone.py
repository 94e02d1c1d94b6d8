"""From linear light to display values: one film-like curve for clean pictures and cameras."""

from __future__ import annotations

import numpy as np

from mono_hydra.types import F4, F8

LUMINANCE: F8 = np.array([0.2126, 0.7152, 0.0722])
CURVE_SIZE = 4096
BRIGHTEST = 16.0  # linear light at the end of the curve
WHITE_AT = 1.5  # linear light (mid grey 0.2) that is shown as white: windows and lamps burn out
SHOULDER = 0.45
CONTRAST = 1.6  # luminance deviation and extremes as in NYU Depth v2


def tone_curve(contrast: float = CONTRAST) -> F4:
    """(CURVE_SIZE + 1,) display value 0..255 over sqrt(linear), 0 to 4, the last value twice.

    A shoulder brings highlights below white, then sRGB; `contrast` > 1 deepens shadows around the
    display's middle.
    """
    linear = np.linspace(0.0, np.sqrt(BRIGHTEST), CURVE_SIZE) ** 2
    film = np.clip(linear * (1.0 + linear / WHITE_AT**2) / (1.0 + SHOULDER * linear), 0.0, 1.0)
    display = np.where(film <= 0.0031308, 12.92 * film, 1.055 * film ** (1 / 2.4) - 0.055)
    display = display**contrast / (display**contrast + (1.0 - display) ** contrast)
    return np.append(display, display[-1]).astype(np.float32) * np.float32(255.0)
