"""A picture and its mirror image seen by one network: two answers, whose mean errs less.

Outputs are those of an engine with channels last: depth, log_sigma, edges (h, w), normals
(h, w, 3) in the camera's axes, log_probability (h, w, C).
"""

from __future__ import annotations

import numpy as np

from m2h.types import F4, U1


def mirrored_input(image: U1, view: F4) -> tuple[U1, F4]:
    """The mirror image (h, w, 3) and its camera as `Letterbox.view` states it."""
    return np.ascontiguousarray(image[:, ::-1]), view * np.array([1, 1, -1, 1], np.float32)


def mean_of_both(straight: dict[str, F4], mirrored: dict[str, F4]) -> dict[str, F4]:
    """Outputs of the picture, averaged with those of its mirror image.

    Of depth, sigma and probabilities the geometric mean is taken: the network predicts logarithms.
    """
    mean = {}
    for name, ours in straight.items():
        theirs = mirrored[name][:, ::-1]
        if name == "depth":
            mean[name] = np.sqrt(ours * theirs)
        elif name == "normals":
            mean[name] = ours + theirs * np.array([-1, 1, 1], np.float32)  # made unit later
        else:
            mean[name] = np.float32(0.5) * (ours + theirs)
    if "log_probability" in mean:  # probabilities again: their sum is below 1 where both disagree
        x = mean["log_probability"]
        x -= x.max(axis=2, keepdims=True)  # both may be very sure, of different labels
        x -= np.log(np.exp(x).sum(axis=2, keepdims=True))
    return mean
