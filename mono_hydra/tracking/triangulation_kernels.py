"""Kernels that find the point of a track from its sights and their cameras.

A point f of the world seen by clone k with camera rotation C = R_k R_bc and centre c = R_k t_bc +
p_k lies at x = C^T (f - c).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.tracking.sight_noise_kernels import longest_track, sight_noise
from mono_hydra.types import F8, I8

USED, TOO_SHORT, BEHIND, VAGUE, MISFIT, GATED = 0, 1, 2, 3, 4, 5  # what became of a track
MIN_Z_M = 0.1
LM_STEPS = 8


@njit(cache=True, nogil=True, error_model="numpy")
def cameras(R: F8, p: F8, R_bc: F8, t_bc: F8, C: F8, c: F8) -> None:
    """Camera rotations C (N, 3, 3) and centres c (N, 3) of clones R (N, 3, 3), p (N, 3)."""
    for k in range(R.shape[0]):
        for i in range(3):
            c[k, i] = p[k, i]
            for j in range(3):
                c[k, i] += R[k, i, j] * t_bc[j]
                C[k, i, j] = (
                    R[k, i, 0] * R_bc[0, j] + R[k, i, 1] * R_bc[1, j] + R[k, i, 2] * R_bc[2, j]
                )


@njit(cache=True, nogil=True, error_model="numpy")
def in_camera(C: F8, c: F8, k: int, f: F8, x: F8) -> None:
    """A point f (3,) of the world in the axes of camera k: x (3,)."""
    for i in range(3):
        x[i] = (
            C[k, 0, i] * (f[0] - c[k, 0])
            + C[k, 1, i] * (f[1] - c[k, 1])
            + C[k, 2, i] * (f[2] - c[k, 2])
        )


@njit(cache=True, nogil=True, error_model="numpy")
def solve3(A: F8, b: F8, x: F8) -> bool:
    """Solve A x = b for a symmetric positive (3, 3); False where it is not positive."""
    l00 = A[0, 0]
    if not l00 > 0.0:
        return False
    l00 = np.sqrt(l00)
    l10, l20 = A[1, 0] / l00, A[2, 0] / l00
    d1 = A[1, 1] - l10 * l10
    if not d1 > 1e-13 * A[1, 1]:
        return False
    l11 = np.sqrt(d1)
    l21 = (A[2, 1] - l20 * l10) / l11
    d2 = A[2, 2] - l20 * l20 - l21 * l21
    if not d2 > 1e-13 * A[2, 2]:
        return False
    l22 = np.sqrt(d2)
    y0 = b[0] / l00
    y1 = (b[1] - l10 * y0) / l11
    y2 = (b[2] - l20 * y0 - l21 * y1) / l22
    x[2] = y2 / l22
    x[1] = (y1 - l21 * x[2]) / l11
    x[0] = (y0 - l10 * x[1] - l20 * x[2]) / l00
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _first_inverse_depth(C: F8, c: F8, at: I8, uv: F8, logz: F8, scale: F8, a: int) -> float:
    """Inverse depth in camera a: from a predicted depth if there is one, else linear."""
    A, b, x, d = np.zeros((3, 3)), np.zeros(3), np.empty(3), np.empty(3)
    for n in range(at.shape[0]):
        k = at[n]
        length = np.sqrt(uv[n, 0] * uv[n, 0] + uv[n, 1] * uv[n, 1] + 1.0)
        dot = 0.0
        for i in range(3):
            d[i] = (C[k, i, 0] * uv[n, 0] + C[k, i, 1] * uv[n, 1] + C[k, i, 2]) / length
            dot += d[i] * (c[k, i] - c[a, i])
        for i in range(3):
            b[i] += c[k, i] - c[a, i] - d[i] * dot
            for j in range(3):
                A[i, j] += (1.0 if i == j else 0.0) - d[i] * d[j]
    for n in range(at.shape[0]):
        if np.isfinite(logz[n]):
            return np.exp(scale[at[n]] - logz[n])
    if solve3(A, b, x):
        z = C[a, 0, 2] * x[0] + C[a, 1, 2] * x[1] + C[a, 2, 2] * x[2]
        if z > 0.0:
            return min(max(1.0 / z, 0.02), 5.0)
    return 0.3


@njit(cache=True, nogil=True, error_model="numpy")
def _seen_from(C: F8, c: F8, k: int, a: int, q: F8, J: F8, g: F8) -> None:
    """Point q = (u, v, inverse depth) of camera a in camera k, times inverse depth: g (3,).

    J (3, 3) is its derivative.
    """
    for i in range(3):
        for j in range(2):
            J[i, j] = C[k, 0, i] * C[a, 0, j] + C[k, 1, i] * C[a, 1, j] + C[k, 2, i] * C[a, 2, j]
        J[i, 2] = (
            C[k, 0, i] * (c[a, 0] - c[k, 0])
            + C[k, 1, i] * (c[a, 1] - c[k, 1])
            + C[k, 2, i] * (c[a, 2] - c[k, 2])
        )
        e = C[k, 0, i] * C[a, 0, 2] + C[k, 1, i] * C[a, 1, 2] + C[k, 2, i] * C[a, 2, 2]
        g[i] = J[i, 0] * q[0] + J[i, 1] * q[1] + e + J[i, 2] * q[2]


@njit(cache=True, nogil=True, error_model="numpy")
def _normal_equations(
    C: F8, c: F8, scale: F8, at: I8, uv: F8, logz: F8, log_sigma: F8, sigma: float,
    q: F8, A: F8, b: F8,
) -> float:  # fmt: skip
    """A, b of the point (u, v, inverse depth) in the camera of the last sight; returns the cost."""
    a = at[at.shape[0] - 1]
    J, g, row = np.empty((3, 3)), np.empty(3), np.empty(3)
    A[:] = 0.0
    b[:] = 0.0
    cost = 0.0
    for n in range(at.shape[0]):
        k = at[n]
        _seen_from(C, c, k, a, q, J, g)
        if g[2] < MIN_Z_M * q[2] or g[2] < 1e-9:
            return np.inf
        for m in range(3):
            if m < 2:
                residual = (uv[n, m] - g[m] / g[2]) / sigma
                for i in range(3):
                    row[i] = (J[m, i] - g[m] / g[2] * J[2, i]) / (g[2] * sigma)
            else:
                if not np.isfinite(logz[n]):
                    continue
                residual = (logz[n] - scale[k] - np.log(g[2] / q[2])) / log_sigma[n]
                for i in range(3):
                    row[i] = J[2, i] / g[2] / log_sigma[n]
                row[2] -= 1.0 / q[2] / log_sigma[n]
            cost += residual * residual
            for i in range(3):
                b[i] += row[i] * residual
                for j in range(3):
                    A[i, j] += row[i] * row[j]
    return cost


@njit(cache=True, nogil=True, error_model="numpy")
def triangulate(
    C: F8, c: F8, scale: F8, at: I8, uv: F8, logz: F8, log_sigma: F8, sigma: float,
    max_relative: float, f: F8,
) -> int:  # fmt: skip
    """World point f (3,) of one track, written; USED, or why it is not.

    C camera rotations (N, 3, 3), c centres (N, 3), scale log-scales (N,); at (M,) clone of each
    sight, uv (M, 2) normalised, logz (M,) ln predicted depth or NaN, log_sigma (M,) of it; sigma of
    uv; max_relative largest sigma of ln inverse depth.
    """
    a, last = at[at.shape[0] - 1], at.shape[0] - 1
    A, B, b, d = np.empty((3, 3)), np.empty((3, 3)), np.empty(3), np.empty(3)
    A1, b1, q, q1 = np.empty((3, 3)), np.empty(3), np.empty(3), np.empty(3)
    q[0], q[1] = uv[last, 0], uv[last, 1]
    q[2] = _first_inverse_depth(C, c, at, uv, logz, scale, a)
    cost = _normal_equations(C, c, scale, at, uv, logz, log_sigma, sigma, q, A, b)
    if not np.isfinite(cost):
        return BEHIND
    damping = 1e-4
    for _ in range(LM_STEPS):
        for i in range(3):
            for j in range(3):
                B[i, j] = A[i, j]
            B[i, i] *= 1.0 + damping
        if not solve3(B, b, d):
            return VAGUE
        for i in range(3):
            q1[i] = q[i] + d[i]
        if q1[2] < 1e-3:
            q1[2] = 0.5 * q[2]
        after = _normal_equations(C, c, scale, at, uv, logz, log_sigma, sigma, q1, A1, b1)
        if after <= cost:
            settled = cost - after < 1e-6 * (1.0 + cost)
            cost = after
            q[:] = q1
            A[:] = A1
            b[:] = b1
            damping *= 0.1
            if settled:
                break
        else:
            damping = max(damping, 1e-3) * 10.0
    b[0], b[1], b[2] = 0.0, 0.0, 1.0
    if not solve3(A, b, d) or np.sqrt(d[2]) > max_relative * q[2]:
        return VAGUE
    for i in range(3):
        f[i] = c[a, i] + (C[a, i, 0] * q[0] + C[a, i, 1] * q[1] + C[a, i, 2]) / q[2]
    return USED


@njit(cache=True, nogil=True, error_model="numpy")
def _inverse_depth_variance(
    C: F8, c: F8, at: I8, q: F8, column: F8, sigma: float, whole: float, N: F8, J: F8, g: F8,
    share: F8,
) -> float:  # fmt: skip
    """Of least squares that took each sight for independent, with sigma `whole`.

    In truth they have covariance sigma^2 N (M, M) along each axis. column (3,) is the last one of
    the inverse normal matrix; J (3, 3), g (3,) and share (M, 2) are scratch.
    """
    m, a = at.shape[0], at[at.shape[0] - 1]
    for n in range(m):
        _seen_from(C, c, at[n], a, q, J, g)
        for axis in range(2):
            share[n, axis] = 0.0
            for i in range(3):
                row = (J[axis, i] - g[axis] / g[2] * J[2, i]) / g[2]
                share[n, axis] += column[i] * row / (whole * whole)
    variance = 0.0
    for n in range(m):
        for j in range(m):
            variance += N[n, j] * (share[n, 0] * share[j, 0] + share[n, 1] * share[j, 1])
    return variance * sigma * sigma


@njit(cache=True, nogil=True, error_model="numpy")
def triangulate_last(
    C: F8, c: F8, t: F8, starts: I8, at: I8, uv: F8, sigma: float, walk2: float, min_views: int,
    max_relative: float, depth: F8, spread: F8,
) -> None:  # fmt: skip
    """Depth (T,) of tracks in the camera of their last sight, and sigma (T,) of its logarithm.

    Both stay as they are where a track has too few sights, is vague, or does not fit: a root mean
    square of its residuals beyond two sigmas.
    """
    longest = longest_track(starts)
    N, W = np.empty((longest, longest)), np.empty((longest, longest))
    blind, ones, scale = np.full(longest, np.nan), np.ones(longest), np.zeros(C.shape[0])
    A, b, d, q, f = np.empty((3, 3)), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    J, g, share = np.empty((3, 3)), np.empty(3), np.empty((longest, 2))
    for n in range(starts.shape[0] - 1):
        i0, i1 = starts[n], starts[n + 1]
        m = i1 - i0
        if m < min_views:
            continue
        k, u, none, one = at[i0:i1], uv[i0:i1], blind[:m], ones[:m]
        whole = sigma * np.sqrt(sight_noise(t, k, walk2, N, W))
        if triangulate(C, c, scale, k, u, none, one, whole, max_relative, f) != USED:
            continue
        a = k[m - 1]
        in_camera(C, c, a, f, d)
        if d[2] < MIN_Z_M:
            continue
        z = d[2]
        q[0], q[1], q[2] = d[0] / z, d[1] / z, 1.0 / z
        cost = _normal_equations(C, c, scale, k, u, none, one, whole, q, A, b)
        if not cost < 4.0 * (2 * m - 3):
            continue
        b[0], b[1], b[2] = 0.0, 0.0, 1.0
        if not solve3(A, b, d):
            continue
        variance = _inverse_depth_variance(C, c, k, q, d, sigma, whole, N, J, g, share)
        if variance < (max_relative * q[2]) ** 2:
            depth[n], spread[n] = z, np.sqrt(variance) * z
