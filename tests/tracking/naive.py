"""Slow, obvious twins of the tracking kernels, and small worlds to call them in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import null_space

from mono_hydra.geometry import se3
from mono_hydra.types import F8, I8


@dataclass(frozen=True, eq=False)
class Window:
    """Cameras around a point, and how they see it."""

    R: F8  # (N, 3, 3) bodies
    p: F8  # (N, 3)
    scale: F8  # (N,)
    T_body_camera: F8
    f: F8  # (3,)
    uv: F8  # (N, 2)
    logz: F8  # (N,), NaN at every second clone


def window(seed: int, n: int = 6, z_m: float = 3.0, noise: float = 0.0) -> Window:
    """Bodies with small turns and steps before a point at about z_m, off the image's centre."""
    rng = np.random.default_rng(seed)
    T_bc = se3.exp(np.array([0.3, -0.2, 1.4, 0.05, -0.03, 0.1]))
    f = np.array([0.6, -0.4, 1.0]) * z_m
    Ts = [se3.exp(np.r_[0.1 * rng.standard_normal(3), 0.1 * z_m * rng.standard_normal(3)])
          @ se3.inverse(T_bc) for _ in range(n)]  # fmt: skip
    R, p = np.array([T[:3, :3] for T in Ts]), np.array([T[:3, 3] for T in Ts])
    scale = 0.05 * rng.standard_normal(n)
    x = np.array([se3.transform(se3.inverse(T @ T_bc), f[None])[0] for T in Ts])
    logz = np.log(x[:, 2]) + scale
    logz[::2] = np.nan
    uv = x[:, :2] / x[:, 2:] + noise * rng.standard_normal((n, 2))
    return Window(R, p, scale, T_bc, f, uv, logz)


def expected(R: F8, p: F8, scale: float, f: F8, T_body_camera: F8) -> F8:
    """(3,) u, v and ln predicted depth of a point."""
    x = se3.transform(se3.inverse(se3.from_rt(R, p) @ T_body_camera), f[None])[0]
    return np.array([x[0] / x[2], x[1] / x[2], np.log(x[2]) + scale])


def moved(R: F8, vectors: list[F8], error: F8) -> tuple[F8, list[F8]]:
    """The right-invariant error applied: Exp(th) on all, the left Jacobian on each part."""
    E, J = se3.exp_so3(error[:3]), se3.left_jacobian_so3(error[:3])
    parts = [E @ v + J @ error[3 + 3 * m : 6 + 3 * m] for m, v in enumerate(vectors)]
    return E @ R, parts


def without_point(H: F8, Hf: F8, r: F8, noise: F8) -> tuple[F8, F8, F8]:
    """Rows, residuals and their covariance projected on what the point cannot explain."""
    N = null_space(Hf.T)
    return N.T @ H, N.T @ r, N.T @ noise @ N


def noise_of(sight: I8, axis: I8, t: F8, walk2: float) -> F8:
    """(rows, rows) covariance in sigmas of the sights of one track whose patch slides."""
    noise = np.eye(len(sight))
    for a in range(len(sight)):
        for b in range(len(sight)):
            if axis[a] == axis[b] < 2:
                noise[a, b] += walk2 * (t[sight].max() - max(t[sight[a]], t[sight[b]]))
    return noise


def spread(H: F8, sight: I8, at: I8, n_clones: int) -> F8:
    """Rows (rows, 7) of single clones as rows over the whole window (rows, 7 n)."""
    full = np.zeros((len(H), 7 * n_clones))
    for a, row in enumerate(H):
        k = 7 * at[sight[a]]
        full[a, k : k + 7] = row
    return full
