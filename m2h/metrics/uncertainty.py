"""Whether the network knows how wrong it is: sigma of ln depth, confidence of labels.

Sources: coverage of central intervals and sparsification (Ilg et al. 2018: AUSE), expected
calibration error (Guo et al. 2017).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from m2h.metrics.protocol import Protocol
from m2h.types import F4, F8, U1

LEVELS = tuple(k / 10 for k in range(1, 10))
N_STEPS = 100  # of the sparsification curve
N_BINS = 15


class SigmaScores:
    """Collects images; `result()` gives the block `uncertainty` of depth."""

    def __init__(self, protocol: Protocol) -> None:
        from scipy.stats import norm

        self.protocol = protocol
        # half widths in sigmas: 1, 2, and of the central intervals
        self._widths: F8 = np.array([1.0, 2.0, *(norm.ppf(0.5 + p / 2) for p in LEVELS)])
        self._inside = np.zeros(len(self._widths), dtype=np.int64)
        self._nll_sum, self._n_pixels = 0.0, 0
        self._ause: list[float] = []

    def add(self, predicted_m: F4, sigma: F4, true_m: F4) -> None:
        """Count one image; all (H, W), sigma is the standard deviation of ln depth."""
        valid = self.protocol.valid(true_m)
        if not valid.any():
            return
        d = np.maximum(predicted_m[valid].astype(np.float64), 1e-3)
        t, s = true_m[valid].astype(np.float64), np.maximum(sigma[valid].astype(np.float64), 1e-6)
        z = np.abs(np.log(d) - np.log(t)) / s
        self._inside += (z[None] <= self._widths[:, None]).sum(axis=1)
        self._nll_sum += float((0.5 * z**2 + np.log(s) + 0.5 * math.log(2 * math.pi)).sum())
        self._n_pixels += len(t)
        self._ause.append(sparsification_area(np.abs(d - t) / t, s))

    def result(self) -> dict[str, object]:
        """All keys of the block; empty if no image was counted."""
        if not self._n_pixels:
            return {}
        shares = self._inside / self._n_pixels
        return {
            "within_1sigma": float(shares[0]),
            "within_2sigma": float(shares[1]),
            "coverage_error": float(np.abs(shares[2:] - LEVELS).mean()),
            "nll": self._nll_sum / self._n_pixels,
            "ause": float(np.mean(self._ause)),
        }


def sparsification_area(error: F8, sigma: F8) -> float:
    """Area between the mean error left when the largest sigmas, or errors, are taken away.

    Divided by the mean error of all; 0 if sigma orders the pixels as the error does.
    """
    mean = float(error.mean())
    if mean == 0:
        return 0.0
    by_sigma = _left_over(error[np.argsort(sigma, kind="stable")])
    by_error = _left_over(np.sort(error))
    return float((by_sigma - by_error).mean() / mean)


def _left_over(error: F8) -> F8:
    """Mean of the first 100 %, 99 % ... 1 % of a list (best first)."""
    n_left = np.ceil(len(error) * (1 - np.arange(N_STEPS) / N_STEPS)).astype(np.int64)
    n_left = np.maximum(n_left, 1)
    return np.asarray(np.cumsum(error)[n_left - 1] / n_left)


class ConfidenceScores:
    """Collects label images; `result()` gives the expected calibration error."""

    def __init__(self) -> None:
        self._n: NDArray[np.int64] = np.zeros(N_BINS, dtype=np.int64)
        self._sum_confidence: F8 = np.zeros(N_BINS)
        self._n_right: F8 = np.zeros(N_BINS)

    def add(self, labels: U1, confidence: F4, true: U1) -> None:
        """Count one image; all (H, W), truth 0 = unknown."""
        known = true > 0
        c = np.clip(confidence[known].astype(np.float64), 0, 1)
        right = (labels[known] == true[known]).astype(np.float64)
        bins = np.minimum((c * N_BINS).astype(np.int64), N_BINS - 1)
        self._n += np.bincount(bins, minlength=N_BINS)
        self._sum_confidence += np.bincount(bins, weights=c, minlength=N_BINS)
        self._n_right += np.bincount(bins, weights=right, minlength=N_BINS)

    def result(self) -> dict[str, object]:
        """`ece` and the mean confidence; empty if no pixel was counted."""
        n = int(self._n.sum())
        if not n:
            return {}
        gap = float(np.abs(self._sum_confidence - self._n_right).sum())
        return {"ece": gap / n, "mean_confidence": float(self._sum_confidence.sum()) / n}
