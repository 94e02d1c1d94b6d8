"""Kernels for what the sights of one track err by together.

Rows are given in standard deviations, but those of one image axis are not independent: a followed
patch slides, so that sights close in time err alike.
"""

from __future__ import annotations

from numba import njit

from mono_hydra.types import F8, I8


@njit(cache=True, nogil=True, error_model="numpy")
def longest_track(starts: I8) -> int:
    """Most sights of one track; starts (T + 1,)."""
    longest = 0
    for n in range(starts.shape[0] - 1):
        longest = max(longest, starts[n + 1] - starts[n])
    return longest


@njit(cache=True, nogil=True, error_model="numpy")
def sight_noise(t: F8, at: I8, walk2: float, N: F8, W: F8) -> float:
    """Covariance N (M, M) of a track's sights along one image axis, in sigmas, and its inverse W.

    Returns the mean variance, as white noise that is as large would have it.

    t (clones,) instants of the clones, at (M,) clone of each sight, walk2 variance of the slide in
    one unit of t, in sigma squared. It counts backwards: the point is what the last sight shows.
    """
    m = at.shape[0]
    last = t[at[m - 1]]
    for i in range(m):
        for j in range(m):
            N[i, j] = walk2 * (last - max(t[at[i]], t[at[j]])) + (1.0 if i == j else 0.0)
            W[i, j] = N[i, j]
    for k in range(m):  # Gauss-Jordan in place; N is at least 1, no pivots are needed
        pivot = 1.0 / W[k, k]
        W[k, k] = 1.0
        for j in range(m):
            W[k, j] *= pivot
        for i in range(m):
            if i != k:
                factor = W[i, k]
                W[i, k] = 0.0
                for j in range(m):
                    W[i, j] -= factor * W[k, j]
    usual = 0.0
    for i in range(m):
        usual += N[i, i] / m
    return usual


@njit(cache=True, nogil=True, error_model="numpy")
def between(M: F8, sight: I8, axis: I8, a: int, b: int) -> float:
    """What M (sights, sights), covariance or weights along an axis, says of rows a and b.

    Rows of different axes are independent, and so is each depth, whose variance is 1.
    """
    if axis[a] != axis[b] or (axis[a] == 2 and a != b):
        return 0.0
    return M[sight[a], sight[b]] if axis[a] < 2 else 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(W: F8, X: F8, sight: I8, axis: I8, n_rows: int, out: F8) -> None:
    """Rows of X (rows, k) times the weights of all rows."""
    out[:n_rows] = 0.0
    for a in range(n_rows):
        for b in range(n_rows):
            w = between(W, sight, axis, a, b)
            if w != 0.0:
                for k in range(X.shape[1]):
                    out[a, k] += w * X[b, k]
