"""What a prediction computes per pixel: labels of an enlarged image, and unit normals."""

from __future__ import annotations

import numpy as np
from numba import njit

from m2h.types import F4, U1


@njit(cache=True, nogil=True)
def best_class(log_probability: F4, best: U1) -> None:
    """Write the arg-max over the last axis of log_probability (h, w, K) into best (h, w)."""
    height, width, n = log_probability.shape
    for y in range(height):
        for x in range(width):
            top = 0
            for k in range(1, n):
                if log_probability[y, x, k] > log_probability[y, x, top]:
                    top = k
            best[y, x] = top


@njit(cache=True, nogil=True)
def enlarge_labels(
    log_probability: F4,
    best: U1,
    top_px: F4,
    left_px: F4,
    label: U1,
    confidence: F4,
) -> None:
    """Write 1 + arg-max and its probability at every pixel of label, confidence (H, W).

    log_probability (h, w, K), best (h, w) its arg-max; top_px (H), left_px (W): where in the
    small image the rows and columns lie. Where the four neighbours agree on the best class it is
    also the best of every mixture of them, and one class is interpolated instead of K.
    """
    height, width, n = log_probability.shape
    for row in range(label.shape[0]):
        y0 = int(top_px[row])
        y1 = min(y0 + 1, height - 1)
        v = top_px[row] - np.float32(y0)
        for column in range(label.shape[1]):
            x0 = int(left_px[column])
            x1 = min(x0 + 1, width - 1)
            u = left_px[column] - np.float32(x0)
            a = (np.float32(1) - v) * (np.float32(1) - u)
            b = (np.float32(1) - v) * u
            c = v * (np.float32(1) - u)
            d = v * u
            first = best[y0, x0]
            last = n
            if first == best[y0, x1] and first == best[y1, x0] and first == best[y1, x1]:
                last = first + 1
            else:
                first = 0
            top, top_value = first, np.float32(-np.inf)
            for k in range(first, last):
                value = (
                    a * log_probability[y0, x0, k]
                    + b * log_probability[y0, x1, k]
                    + c * log_probability[y1, x0, k]
                    + d * log_probability[y1, x1, k]
                )
                if value > top_value:
                    top, top_value = k, value
            label[row, column] = top + 1
            confidence[row, column] = np.exp(top_value)


@njit(cache=True, nogil=True)
def make_unit(normals: F4) -> None:
    """Scale every vector of normals (H, W, 3) to length 1, in place; zeros stay zeros."""
    for y in range(normals.shape[0]):
        for x in range(normals.shape[1]):
            a, b, c = normals[y, x, 0], normals[y, x, 1], normals[y, x, 2]
            length = np.sqrt(a * a + b * b + c * c)
            if length > 0:
                normals[y, x, 0] = a / length
                normals[y, x, 1] = b / length
                normals[y, x, 2] = c / length
