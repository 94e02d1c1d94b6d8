"""Kernels of the simulated camera: motion in exposure and read-out, sensor noise, tone curve."""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, U1


@njit(cache=True, nogil=True)
def _bilinear(image: F4, u: float, v: float, out: F4) -> None:
    """Add the bilinear value of image (H, W, 3) at pixel (u, v), kept inside, to out (3,)."""
    u = min(max(u, 0.0), image.shape[1] - 1.001)
    v = min(max(v, 0.0), image.shape[0] - 1.001)
    i = int(u)
    j = int(v)
    s = np.float32(u - i)
    t = np.float32(v - j)
    one = np.float32(1.0)
    for c in range(3):
        top = image[j, i, c] * (one - s) + image[j, i + 1, c] * s
        low = image[j + 1, i, c] * (one - s) + image[j + 1, i + 1, c] * s
        out[c] += top * (one - t) + low * t


@njit(cache=True, nogil=True)
def move_rows(
    row0: int,
    row1: int,
    image: F4,
    depth_m: F4,
    rays: F4,
    jacobian: F4,
    twist: F8,
    exposure_s: float,
    readout_s: float,
    max_taps: int,
    result: F4,
) -> None:
    """Rows of a picture whose camera moves with a constant twist while rows are exposed one by one.

    image (H, W, 3) is the view at the middle of the exposure of the middle row; rays (H, W, 2):
    x / z, y / z of each pixel; jacobian (H, W, 4): pixels per ray slope (uu, uv, vu, vv); twist:
    angular rad/s then linear m/s velocity, camera frame. A point seen at p at time 0 stands at
    p + flow t at time t, hence the row read at time t shows the view at p - flow t.
    """
    height = image.shape[0]
    value = np.zeros(3, np.float32)
    for y in range(row0, row1):
        row_s = ((y + 0.5) / height - 0.5) * readout_s
        for x in range(image.shape[1]):
            px = rays[y, x, 0]
            py = rays[y, x, 1]
            depth = depth_m[y, x]
            inverse = 1.0 / depth if depth > 0.05 else 0.0
            turn = twist[0] * py - twist[1] * px
            dx = (twist[5] * px - twist[3]) * inverse - twist[1] + twist[2] * py + px * turn
            dy = (twist[5] * py - twist[4]) * inverse + twist[0] - twist[2] * px + py * turn
            flow_u = jacobian[y, x, 0] * dx + jacobian[y, x, 1] * dy
            flow_v = jacobian[y, x, 2] * dx + jacobian[y, x, 3] * dy
            length = max(abs(flow_u), abs(flow_v)) * exposure_s
            n = min(max(1, int(length + 0.7)), max_taps)
            for c in range(3):
                value[c] = np.float32(0.0)
            for k in range(n):
                t = row_s + ((k + 0.5) / n - 0.5) * exposure_s
                _bilinear(image, x - flow_u * t, y - flow_v * t, value)
            for c in range(3):
                result[y, x, c] = value[c] / np.float32(n)


@njit(cache=True, nogil=True)
def expose_rows(
    row0: int,
    row1: int,
    linear: F4,
    gain: F4,
    vignette: F4,
    noise: F4,
    noise_start: int,
    shot: float,
    read: float,
    curve: F4,
    rgb: U1,
) -> None:
    """Rows of linear (H, W, 3) as the sensor and its processor deliver them.

    gain (3,) exposure and white balance; vignette (H, W); noise (P,) unit normal numbers read from
    noise_start on; shot, read: deviations of the signal at white and at black; curve: display value
    over the square root of linear light up to 16.
    """
    scale = np.float32((curve.shape[0] - 2) / 4.0)
    top = np.float32(15.99)
    width = linear.shape[1]
    shot2 = np.float32(shot * shot)
    read2 = np.float32(read * read)
    for y in range(row0, row1):
        at = (noise_start + y * width * 3) % noise.shape[0]
        for x in range(width):
            for c in range(3):
                value = linear[y, x, c] * gain[c] * vignette[y, x]
                value += np.sqrt(shot2 * value + read2) * noise[at]
                at += 1
                if at == noise.shape[0]:
                    at = 0
                k = np.sqrt(min(max(value, np.float32(0.0)), top)) * scale
                i = int(k)
                s = np.float32(k - i)
                rgb[y, x, c] = np.uint8(curve[i] + (curve[i + 1] - curve[i]) * s + np.float32(0.5))
