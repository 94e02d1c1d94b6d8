"""A smooth random field over surface points and viewing directions.

The field is a periodic lattice of Gaussian noise per anchor direction, read trilinearly; the
anchors' lattices are blended by how near the viewing direction lies to each. Its value is close to
standard normal everywhere, and a pure function of point, direction and seed.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.types import F4, F8

N_CELLS = 64  # per side of the periodic lattice; a power of two
CELLS_PER_LENGTH = 2.0  # lattice cells in one correlation length
GOLDEN = (1.0 + np.sqrt(5.0)) / 2.0


def noise_lattice(rng: np.random.Generator) -> F4:
    """(N, N, N, 12) periodic Gaussian noise with correlation exp(-r^2 / (2 length^2)).

    Trilinear reading lowers the variance between lattice points; the lattice is scaled so that the
    mean variance over all positions is one.
    """
    n_anchors = len(anchors())
    frequency = 2.0 * np.pi * np.fft.fftfreq(N_CELLS)
    # a filter half as wide in variance gives the wanted covariance, which is the filter squared
    gain = np.exp(-0.25 * (CELLS_PER_LENGTH * frequency) ** 2)
    lattice = np.empty((N_CELLS, N_CELLS, N_CELLS, n_anchors), np.float32)
    for k in range(n_anchors):
        white = rng.standard_normal((N_CELLS, N_CELLS, N_CELLS))
        spectrum = np.fft.fftn(white) * gain[:, None, None] * gain[None, :, None] * gain
        lattice[..., k] = np.fft.ifftn(spectrum).real
    lattice /= lattice.std(axis=(0, 1, 2))
    next_cell = np.exp(-0.5 / CELLS_PER_LENGTH**2)  # correlation of neighbouring cells
    mean_variance = (2.0 / 3.0 + next_cell / 3.0) ** 3
    return np.asarray(lattice / np.float32(np.sqrt(mean_variance)), dtype=np.float32)


def anchors() -> F8:
    """(12, 3) corners of an icosahedron."""
    corners = []
    for a in (-1.0, 1.0):
        for b in (-GOLDEN, GOLDEN):
            corners += [(0.0, a, b), (a, b, 0.0), (b, 0.0, a)]
    return np.asarray(np.array(corners) / np.sqrt(1.0 + GOLDEN**2), dtype=np.float64)
