"""Errors of metric depth, per image and pooled.

Source: Eigen, Puhrsch, Fergus 2014. Predictions are never scaled, except under the names that say
so (`_median`: by the image's own median; `_one_scale`: by one factor for the whole set).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from m2h.metrics.protocol import Protocol
from m2h.types import F4

MIN_PREDICTION_M = 1e-3
SUMS = ("abs_rel", "sq_rel", "square", "square_log", "log10", "delta1", "delta2", "delta3", "log")
JITTER_WINDOW_S, MIN_JITTER_IMAGES = 2.0, 5
Errors = dict[str, float]


def depth_errors(predicted_m: NDArray[np.floating], true_m: NDArray[np.floating]) -> Errors:
    """Errors of two equally long lists of depths in metres.

    Returns:
        abs_rel, sq_rel (m), rmse (m), rmse_log, log10, delta1-3, silog.
    """
    return _finish(_sums(predicted_m, true_m), len(true_m))


def _sums(predicted_m: NDArray[np.floating], true_m: NDArray[np.floating]) -> Errors:
    d, t = predicted_m.astype(np.float64), true_m.astype(np.float64)
    e = np.log(d) - np.log(t)
    worst = np.exp(np.abs(e))
    values = {
        "abs_rel": np.abs(d - t) / t,
        "sq_rel": (d - t) ** 2 / t,
        "square": (d - t) ** 2,
        "square_log": e**2,
        "log10": np.abs(e) / np.log(10),
        "log": e,
    }
    sums = {name: float(value.sum()) for name, value in values.items()}
    return sums | {f"delta{k}": float((worst < 1.25**k).sum()) for k in (1, 2, 3)}


def _finish(sums: Errors, n: int) -> Errors:
    mean = {name: value / n for name, value in sums.items()}
    spread = max(mean["square_log"] - mean["log"] ** 2, 0.0)
    return {
        "abs_rel": mean["abs_rel"],
        "sq_rel": mean["sq_rel"],
        "rmse": mean["square"] ** 0.5,
        "rmse_log": mean["square_log"] ** 0.5,
        "log10": mean["log10"],
        "delta1": mean["delta1"],
        "delta2": mean["delta2"],
        "delta3": mean["delta3"],
        "silog": 100 * spread**0.5,
    }


class DepthScores:
    """Collects images; `result()` gives the block `depth`."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._per_image: list[Errors] = []
        self._per_image_median: list[Errors] = []
        self._pooled = dict.fromkeys(SUMS, 0.0)
        self._n_pixels = 0
        self._ratios: list[F4] = []  # predicted / true of every pixel, for the one scale
        self._log_bias: list[float] = []
        self._stamps_s: list[float | None] = []

    def add(self, predicted_m: F4, true_m: F4, *, stamp_s: float | None = None) -> None:
        """Count one image; one without a pixel that counts is left out.

        Args:
            predicted_m: (H, W).
            true_m: (H, W), 0 = unknown.
            stamp_s: time of the image in a sequence, for `scale_jitter`.
        """
        valid = self.protocol.valid(true_m)
        if not valid.any():
            return
        d, t = predicted_m[valid], true_m[valid]
        d = np.clip(np.nan_to_num(d), MIN_PREDICTION_M, self.protocol.cap_m)
        sums = _sums(d, t)
        self._pooled = {name: self._pooled[name] + sums[name] for name in SUMS}
        self._n_pixels += len(t)
        self._per_image.append(_finish(sums, len(t)))
        self._per_image_median.append(depth_errors(d * (np.median(t) / np.median(d)), t))
        ratio = (d / t).astype(np.float32)
        self._ratios.append(ratio)
        self._log_bias.append(float(np.log(np.median(ratio))))
        self._stamps_s.append(stamp_s)

    def result(self) -> dict[str, object]:
        """All keys of the block; empty if no image was counted."""
        if not self._per_image:
            return {}
        return {
            **mean_errors(self._per_image),
            "abs_rel_median": _mean(e["abs_rel"] for e in self._per_image_median),
            "delta1_median": _mean(e["delta1"] for e in self._per_image_median),
            **self._one_scale(),
            "scale_bias": float(np.exp(np.median(self._log_bias)) - 1),
            "scale_jitter": self._jitter(),
            "pooled": _finish(self._pooled, self._n_pixels),
            "protocol": self.protocol.name,
            "images": len(self._per_image),
        }

    def _one_scale(self) -> Errors:
        """The factor that removes the set's median bias, and the errors after it."""
        scale = float(np.exp(-np.median(self._log_bias)))
        scaled = [ratio * np.float32(scale) for ratio in self._ratios]
        return {
            "one_scale": scale,
            "abs_rel_one_scale": _mean(float(np.abs(r - 1).mean(dtype=np.float64)) for r in scaled),
            "delta1_one_scale": _mean(float((np.maximum(r, 1 / r) < 1.25).mean()) for r in scaled),
        }

    def _jitter(self) -> float | None:
        """Deviation of ln scale from its running mean of 2 s; None if images are sparse."""
        pairs = [
            (stamp_s, bias)
            for stamp_s, bias in zip(self._stamps_s, self._log_bias, strict=True)
            if stamp_s is not None
        ]
        if len(pairs) < 2:
            return None
        stamps_s, bias = np.array(sorted(pairs)).T
        near = np.abs(stamps_s[:, None] - stamps_s[None]) <= JITTER_WINDOW_S / 2
        if np.median(near.sum(axis=1)) < MIN_JITTER_IMAGES:
            return None  # images too far apart: each is its own mean
        rest = bias - (near @ bias) / near.sum(axis=1)
        return float(np.std(rest))


def mean_errors(errors: list[Errors]) -> Errors:
    """Mean of every key over the images."""
    return {name: _mean(e[name] for e in errors) for name in errors[0]}


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
