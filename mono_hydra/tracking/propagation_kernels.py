"""Kernels of the inertial propagation and of the group's exponential.

Right-invariant error: R = Exp(th) R^, v = Exp(th) v^ + dv, p = Exp(th) p^ + dp; biases additive.
th' = -R bg; dv' = [g]x th - [v]x R bg - R ba; dp' = dv - [p]x R bg (Barrau and Bonnabel 2017).
Order of the 15 errors: th, dv, dp, gyro bias, accel bias.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F8


@njit(cache=True, nogil=True, error_model="numpy")
def _set_series(x: float, y: float, z: float, a: float, b: float, out: F8) -> None:
    """I + a W + b W^2 of the skew matrix W of a vector."""
    out[0, 0] = 1.0 - b * (y * y + z * z)
    out[0, 1] = b * x * y - a * z
    out[0, 2] = b * x * z + a * y
    out[1, 0] = b * x * y + a * z
    out[1, 1] = 1.0 - b * (x * x + z * z)
    out[1, 2] = b * y * z - a * x
    out[2, 0] = b * x * z - a * y
    out[2, 1] = b * y * z + a * x
    out[2, 2] = 1.0 - b * (x * x + y * y)


@njit(cache=True, nogil=True, error_model="numpy")
def exp_so3(x: float, y: float, z: float, out: F8) -> None:
    """Rotation (3, 3) of a rotation vector."""
    angle2 = x * x + y * y + z * z
    angle = np.sqrt(angle2)
    if angle < 1e-5:
        a, b = 1.0 - angle2 / 6.0, 0.5 - angle2 / 24.0
    else:
        a, b = np.sin(angle) / angle, (1.0 - np.cos(angle)) / angle2
    _set_series(x, y, z, a, b, out)


@njit(cache=True, nogil=True, error_model="numpy")
def left_jacobian(x: float, y: float, z: float, out: F8) -> None:
    """Left Jacobian (3, 3) of SO(3) at a rotation vector."""
    angle2 = x * x + y * y + z * z
    angle = np.sqrt(angle2)
    if angle < 1e-4:
        a, b = 0.5 - angle2 / 24.0, 1.0 / 6.0 - angle2 / 120.0
    else:
        a, b = (1.0 - np.cos(angle)) / angle2, (angle - np.sin(angle)) / (angle2 * angle)
    _set_series(x, y, z, a, b, out)


@njit(cache=True, nogil=True, error_model="numpy")
def multiply(a: F8, b: F8, out: F8) -> None:
    """Write a b to out; out is neither of them."""
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = 0.0
        for k in range(a.shape[1]):
            x = a[i, k]
            if x != 0.0:
                for j in range(b.shape[1]):
                    out[i, j] += x * b[k, j]


@njit(cache=True, nogil=True, error_model="numpy")
def move_group(R: F8, vectors: F8, error: F8) -> None:
    """R (3, 3), vectors (M, 3) moved in place by Exp of error (3 + 3 M): th, then each part."""
    E, J, moved = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    exp_so3(error[0], error[1], error[2], E)
    left_jacobian(error[0], error[1], error[2], J)
    multiply(E, R, moved)
    R[:] = moved
    for m in range(vectors.shape[0]):
        x, y, z = vectors[m, 0], vectors[m, 1], vectors[m, 2]
        a, b, c = error[3 + 3 * m], error[4 + 3 * m], error[5 + 3 * m]
        for i in range(3):
            vectors[m, i] = (
                E[i, 0] * x + E[i, 1] * y + E[i, 2] * z + J[i, 0] * a + J[i, 1] * b + J[i, 2] * c
            )


@njit(cache=True, nogil=True, error_model="numpy")
def _set_cross_times(v: F8, R: F8, factor: float, row: int, column: int, out: F8) -> None:
    """Add factor [v]x R to the 3x3 block of out."""
    for j in range(3):
        out[row, column + j] += factor * (v[1] * R[2, j] - v[2] * R[1, j])
        out[row + 1, column + j] += factor * (v[2] * R[0, j] - v[0] * R[2, j])
        out[row + 2, column + j] += factor * (v[0] * R[1, j] - v[1] * R[0, j])


@njit(cache=True, nogil=True, error_model="numpy")
def step_matrix(R: F8, v: F8, p: F8, g: F8, dt: float, F: F8) -> None:
    """F (15, 15) = I + A dt + (A dt)^2 / 2 at one state."""
    F[:] = 0.0
    for i in range(15):
        F[i, i] = 1.0
    half = 0.5 * dt * dt
    for i in range(3):
        F[6 + i, 3 + i] += dt
        for j in range(3):
            F[i, 9 + j] -= dt * R[i, j]
            F[3 + i, 12 + j] -= dt * R[i, j]
            F[6 + i, 12 + j] -= half * R[i, j]
    for row, factor in ((3, dt), (6, half)):  # [g]x
        F[row, 1] -= factor * g[2]
        F[row, 2] += factor * g[1]
        F[row + 1, 0] += factor * g[2]
        F[row + 1, 2] -= factor * g[0]
        F[row + 2, 0] -= factor * g[1]
        F[row + 2, 1] += factor * g[0]
    _set_cross_times(v, R, -dt, 3, 9, F)
    _set_cross_times(g, R, -half, 3, 9, F)
    _set_cross_times(p, R, -dt, 6, 9, F)
    _set_cross_times(v, R, -half, 6, 9, F)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_noise(
    R: F8, v: F8, p: F8, gyro2: float, accel2: float, walks2: F8, dt: float, G: F8, Q: F8
) -> None:
    """Q += G diag(noise) G^T dt; G (9, 3) is scratch, its rows th, dv, dp of the gyro's noise."""
    G[:] = 0.0
    for i in range(3):
        for j in range(3):
            G[i, j] = R[i, j]
    _set_cross_times(v, R, 1.0, 3, 0, G)
    _set_cross_times(p, R, 1.0, 6, 0, G)
    for i in range(9):
        for j in range(9):
            Q[i, j] += gyro2 * dt * (G[i, 0] * G[j, 0] + G[i, 1] * G[j, 1] + G[i, 2] * G[j, 2])
    # accelerometer: R I R^T = I on dv, and its integral on dp
    for i in range(3):
        Q[3 + i, 3 + i] += accel2 * dt
        Q[3 + i, 6 + i] += accel2 * dt * dt / 2.0
        Q[6 + i, 3 + i] += accel2 * dt * dt / 2.0
        Q[6 + i, 6 + i] += accel2 * dt * dt * dt / 3.0
        Q[9 + i, 9 + i] += walks2[0] * dt
        Q[12 + i, 12 + i] += walks2[1] * dt


@njit(cache=True, nogil=True, error_model="numpy")
def integrate(
    R: F8, v: F8, p: F8, dt: F8, gyro: F8, accel: F8, gyro2: F8, accel2: F8, walks2: F8, g: F8,
    Phi: F8, Q: F8,
) -> None:  # fmt: skip
    """R, v, p moved in place through K steps; Phi, Q (15, 15) of the whole stretch are written.

    dt (K,); gyro, accel (K + 1, 3) without bias; gyro2, accel2 (K,) and walks2 (2,): squared
    densities of noise and of the bias walks.
    """
    F, T, E = np.empty((15, 15)), np.empty((15, 15)), np.empty((3, 3))
    R1, Rm, G = np.empty((3, 3)), np.empty((3, 3)), np.empty((9, 3))
    acceleration, vm, pm, w = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    Phi[:] = 0.0
    Q[:] = 0.0
    for i in range(15):
        Phi[i, i] = 1.0
    for k in range(dt.shape[0]):
        h = dt[k]
        for i in range(3):
            w[i] = 0.25 * h * (gyro[k, i] + gyro[k + 1, i])
        exp_so3(w[0], w[1], w[2], E)
        multiply(R, E, Rm)
        multiply(Rm, E, R1)
        for i in range(3):
            a0, a1 = 0.0, 0.0
            for j in range(3):
                a0 += R[i, j] * accel[k, j]
                a1 += R1[i, j] * accel[k + 1, j]
            acceleration[i] = 0.5 * (a0 + a1) + g[i]
            vm[i] = v[i] + 0.5 * h * acceleration[i]
            pm[i] = p[i] + 0.5 * h * v[i] + 0.125 * h * h * acceleration[i]
        step_matrix(Rm, vm, pm, g, h, F)
        multiply(F, Phi, T)
        Phi[:] = T
        multiply(F, Q, T)
        for i in range(15):
            for j in range(i + 1):
                s = 0.0
                for m in range(15):
                    s += T[i, m] * F[j, m]
                Q[i, j] = s
                Q[j, i] = s
        _add_noise(Rm, vm, pm, gyro2[k], accel2[k], walks2, h, G, Q)
        for i in range(3):
            p[i] += h * v[i] + 0.5 * h * h * acceleration[i]
            v[i] += h * acceleration[i]
        R[:] = R1
    # one Newton step back onto the group keeps rounding from adding up
    for i in range(3):
        for j in range(3):
            s = 0.0
            for m in range(3):
                s += R[m, i] * R[m, j]
            E[i, j] = (3.0 if i == j else 0.0) - s
    multiply(R, E, R1)
    for i in range(3):
        for j in range(3):
            R[i, j] = 0.5 * R1[i, j]
