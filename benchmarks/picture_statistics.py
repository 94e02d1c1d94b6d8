"""Simple statistics of a picture with depth and labels, and what NYU Depth v2 measures.

Reference: 10, 50 and 90 % over the 795 images of the official training split at 320x240.
"""

from __future__ import annotations

import cv2
import numpy as np

from mono_hydra.types import F4, U1

Band = tuple[float, float, float]
REFERENCE: dict[str, Band] = {
    "depth_p5_m": (0.92, 1.43, 2.10),
    "depth_median_m": (1.75, 2.65, 3.90),
    "depth_p95_m": (2.55, 4.18, 7.14),
    "depth_max_m": (2.8, 5.0, 9.5),
    "luminance_mean": (62, 106, 133),
    "luminance_sd": (41, 62, 80),
    "luminance_p1": (1, 4, 12),
    "luminance_p99": (173, 252, 254),
    "saturation_mean": (52, 87, 145),
    "red_over_grey": (1.03, 1.13, 1.33),
    "green_over_grey": (0.90, 0.95, 1.00),
    "blue_over_grey": (0.71, 0.93, 1.00),
    "gradient_mean": (4.8, 8.2, 12.6),
    "gradient_median": (1.7, 3.0, 5.7),
    "gradient_p90": (12, 23, 35),
    "gradient_p99": (41, 64, 82),
    "laplacian_mean": (8.0, 14.8, 24.0),
    "depth_steps_percent": (0.9, 2.2, 4.3),
    "label_steps_percent": (2.1, 3.3, 4.9),
    "classes": (6, 9, 12),
}
LABEL_SHARES: dict[str, float] = {  # per cent of the labelled pixels
    "wall": 25.4, "floor": 12.6, "cabinet": 8.6, "bed": 5.0, "chair": 4.9, "sofa": 3.4,
    "table": 2.9, "other structure": 2.9, "other furniture": 2.7, "window": 2.6,
    "bookshelf": 2.5, "door": 2.4,
    "picture": 2.4, "blinds": 1.9, "counter": 1.9, "shelves": 1.6, "desk": 1.4, "dresser": 1.3,
    "mirror": 1.3, "clothes": 1.2, "curtain": 1.2, "pillow": 1.2, "ceiling": 1.0, "floor mat": 0.9,
    "television": 0.8, "books": 0.7, "refrigerator": 0.7, "box": 0.6, "paper": 0.5,
    "shower curtain": 0.5, "towel": 0.5, "toilet": 0.4, "person": 0.4, "lamp": 0.4,
    "night stand": 0.4, "whiteboard": 0.4, "sink": 0.4, "bathtub": 0.3, "bag": 0.3,
}  # fmt: skip
MIN_CLASS_PX = 150
DEPTH_STEP = 0.05


def picture_statistics(rgb: U1, depth_m: F4, labels: U1) -> dict[str, float]:
    """The quantities of `REFERENCE` for one picture (H, W, 3) with depth and labels (H, W)."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    gradient = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8.0
    saturation = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)[..., 1]
    mean = rgb.reshape(-1, 3).mean(axis=0) / max(float(grey.mean()), 1e-6)
    known = depth_m[depth_m > 0.0]
    known = known if known.size else np.zeros(1, np.float32)
    values = {
        "depth_p5_m": np.percentile(known, 5),
        "depth_median_m": np.median(known),
        "depth_p95_m": np.percentile(known, 95),
        "depth_max_m": known.max(),
        "luminance_mean": grey.mean(),
        "luminance_sd": grey.std(),
        "luminance_p1": np.percentile(grey, 1),
        "luminance_p99": np.percentile(grey, 99),
        "saturation_mean": saturation.mean(),
        "red_over_grey": mean[0],
        "green_over_grey": mean[1],
        "blue_over_grey": mean[2],
        "gradient_mean": gradient.mean(),
        "gradient_median": np.median(gradient),
        "gradient_p90": np.percentile(gradient, 90),
        "gradient_p99": np.percentile(gradient, 99),
        "laplacian_mean": np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean(),
        "depth_steps_percent": 100.0 * _depth_steps(depth_m),
        "label_steps_percent": 100.0 * np.mean(labels[:, 1:] != labels[:, :-1]),
        "classes": np.count_nonzero(np.bincount(labels[labels > 0], minlength=1) > MIN_CLASS_PX),
    }
    return {key: float(value) for key, value in values.items()}


def _depth_steps(depth_m: F4) -> float:
    """Share of horizontal neighbours whose depths differ by more than 5 %."""
    left, right = depth_m[:, :-1], depth_m[:, 1:]
    both = (left > 0.0) & (right > 0.0)
    step = np.abs(left - right) > DEPTH_STEP * np.minimum(left, right)
    return float(np.count_nonzero(step & both) / max(np.count_nonzero(both), 1))
