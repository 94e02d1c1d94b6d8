"""One pass over the pixels of a view: what earlier views say of each."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, U1, Bool


@njit(cache=True, nogil=True, error_model="numpy")
def look_back(
    depth_m: F4,
    labels: U1,
    k_px: F8,
    T_then_now: F8,
    then_depth_m: F4,
    then_labels: U1,
    is_dynamic: Bool,
    gate_m: float,
    gate_share: float,
    log_ratio: F4,
    pixel_then: I4,
) -> tuple[int, int]:
    """Find each pixel's point in one earlier view of the same camera.

    Args:
        depth_m: (H, W) of the current view, 0 = unknown.
        labels: (H, W) of the current view.
        k_px: (4,) fx, fy, cx, cy.
        T_then_now: (4, 4), current camera points to the earlier camera.
        then_depth_m: (H W,) of the earlier view.
        then_labels: (H W,) of the earlier view.
        is_dynamic: (256,) labels that may move; their pixels find nothing.
        gate_m: depths may differ by so much, or by
        gate_share: this share of the depth, whichever is larger.
        log_ratio: (H, W), out: ln(depth there / depth of the point there), NaN where nothing
            comparable was seen.
        pixel_then: (H, W), out: index of the pixel there, where log_ratio is a number.

    Returns:
        Points that fall on known pixels of the earlier view, and those that agree with them.
    """
    height, width = depth_m.shape
    fx, fy, cx, cy = k_px[0], k_px[1], k_px[2], k_px[3]
    # rows of K T: the pixel there is (a / c, b / c)
    ax, ay = fx * T_then_now[0, 0] + cx * T_then_now[2, 0], fx * T_then_now[0, 1]
    ay += cx * T_then_now[2, 1]
    az = fx * T_then_now[0, 2] + cx * T_then_now[2, 2]
    at = fx * T_then_now[0, 3] + cx * T_then_now[2, 3]
    bx, by = fy * T_then_now[1, 0] + cy * T_then_now[2, 0], fy * T_then_now[1, 1]
    by += cy * T_then_now[2, 1]
    bz = fy * T_then_now[1, 2] + cy * T_then_now[2, 2]
    bt = fy * T_then_now[1, 3] + cy * T_then_now[2, 3]
    zx, zy, zz, zt = T_then_now[2, 0], T_then_now[2, 1], T_then_now[2, 2], T_then_now[2, 3]
    met, agreed = 0, 0
    for row in range(height):
        y = (row - cy) / fy
        for column in range(width):
            log_ratio[row, column] = np.nan
            d = float(depth_m[row, column])
            if d <= 0.0 or is_dynamic[labels[row, column]]:
                continue
            x = (column - cx) / fx
            z = d * (zx * x + zy * y + zz) + zt
            if z < 0.05:
                continue
            u = (d * (ax * x + ay * y + az) + at) / z + 0.5
            v = (d * (bx * x + by * y + bz) + bt) / z + 0.5
            if u < 0.0 or v < 0.0 or u >= width or v >= height:
                continue
            pixel = int(v) * width + int(u)
            there = float(then_depth_m[pixel])
            if there <= 0.0 or is_dynamic[then_labels[pixel]]:
                continue
            met += 1
            gap = there - z
            if abs(gap) > max(gate_m, gate_share * z):
                continue
            agreed += 1
            half = gap / (there + z)  # ln(there / z) = 2 artanh(half); the gate keeps it small
            log_ratio[row, column] = 2.0 * half * (1.0 + half * half / 3.0)
            pixel_then[row, column] = pixel
    return met, agreed


@njit(cache=True, nogil=True, error_model="numpy")
def merge(
    depth_m: F4,
    sigma: F4,
    labels: U1,
    confidence: F4,
    is_mute: Bool,
    slots: I4,
    log_ratio: F4,
    pixel_then: I4,
    then_sigma: F4,
    then_labels: U1,
    then_confidence: F4,
    correlation: float,
) -> None:
    """Merge what V earlier views say into the current one, in place.

    Depth is averaged in logarithms by its precision. Errors of neighbouring views repeat each
    other: `correlation` of the variance does not shrink with their number. A label changes where
    two views at least agree on another one, with more confidence than the current one finds.

    Args:
        depth_m: (H, W) of the current view.
        sigma: (H, W), of ln depth.
        labels: (H, W).
        confidence: (H, W), probability of the label.
        is_mute: (256,) labels that neither vote nor change.
        slots: (V,) rows of the earlier views in the arrays below.
        log_ratio: (S, H, W) as `look_back` gives it, NaN where a view says nothing.
        pixel_then: (S, H, W) as `look_back` gives it.
        then_sigma: (S, H W), of each earlier view, like
        then_labels: (S, H W) and
        then_confidence: (S, H W).
        correlation: 0 for independent errors, 1 for errors that are all the same.
    """
    votes, score = np.zeros(256, np.int32), np.zeros(256)
    heard = np.zeros(len(slots), np.uint8)
    for row in range(depth_m.shape[0]):
        for column in range(depth_m.shape[1]):
            s = max(float(sigma[row, column]), 1e-4)
            weight, total, n = 1.0 / (s * s), 0.0, 1
            n_heard = 0
            own = labels[row, column]
            for slot in slots:
                ratio = log_ratio[slot, row, column]
                if math.isnan(ratio):
                    continue
                pixel = pixel_then[slot, row, column]
                s = max(float(then_sigma[slot, pixel]), 1e-4)
                precision = 1.0 / (s * s)
                weight += precision
                total += ratio * precision
                n += 1
                label = then_labels[slot, pixel]
                if not is_mute[label]:
                    heard[n_heard] = label
                    n_heard += 1
                    votes[label] += 1
                    score[label] += then_confidence[slot, pixel]
            if n == 1:
                continue
            depth_m[row, column] *= math.exp(total / weight)
            variance = (correlation * n + 1.0 - correlation) / weight
            sigma[row, column] = math.sqrt(variance)
            if n_heard > 0 and not is_mute[own]:
                votes[own] += 1
                score[own] += confidence[row, column]
                best = own
                for k in range(n_heard):
                    label = heard[k]
                    if votes[label] >= 2 and score[label] > score[best]:
                        best = label
                labels[row, column] = best
                confidence[row, column] = score[best] / (n_heard + 1)
                votes[own], score[own] = 0, 0.0
            for k in range(n_heard):
                votes[heard[k]], score[heard[k]] = 0, 0.0
