"""Rows of tracks against central differences, and the kernels against their slow twins."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.tracking.sight_noise_kernels import sight_noise
from mono_hydra.tracking.track_kernels import (
    add_information,
    gate_value,
    orthonormalise,
    track_rows,
    weighted_basis,
)
from mono_hydra.tracking.triangulation_kernels import USED, VAGUE, cameras, triangulate
from mono_hydra.types import F8, I8
from tests.tracking import naive

SIGMA = 1.0 / 460.0


def rows_of(w: naive.Window) -> tuple[F8, F8, F8, I8, I8, I8]:
    """H, Hf, r, sight, axis, at of a window at its true point."""
    n = len(w.R)
    C, c = np.empty((n, 3, 3)), np.empty((n, 3))
    cameras(w.R, w.p, w.T_body_camera[:3, :3].copy(), w.T_body_camera[:3, 3].copy(), C, c)
    H, Hf, r = np.empty((3 * n, 7)), np.empty((3 * n, 3)), np.empty(3 * n)
    sight, axis, at = np.empty(3 * n, np.int64), np.empty(3 * n, np.int64), np.arange(n)
    m = track_rows(
        C, c, w.scale, at, w.uv, w.logz, np.full(n, 0.1), SIGMA, w.f, -1, H, Hf, r, sight, axis
    )
    return H[:m], Hf[:m], r[:m], sight[:m], axis[:m], at


@pytest.mark.parametrize("z_m", [0.3, 3.0, 8.0])
def test_rows_are_the_derivatives_of_what_a_clone_sees(z_m: float) -> None:
    w = naive.window(1, z_m=z_m)
    H, Hf, _, sight, axis, _ = rows_of(w)
    step = 1e-6
    row = 0
    for k in range(len(w.R)):
        D, Df = np.empty((3, 7)), np.empty((3, 3))
        for i in range(7):
            sides = []
            for sign in (1.0, -1.0):
                d = np.zeros(7)
                d[i] = sign * step
                R, (p,) = naive.moved(w.R[k], [w.p[k]], d[:6])
                sides.append(naive.expected(R, p, w.scale[k] + d[6], w.f, w.T_body_camera))
            D[:, i] = (sides[0] - sides[1]) / (2 * step)
        for i in range(3):
            d = np.eye(3)[i] * step
            plus, minus = (
                naive.expected(w.R[k], w.p[k], w.scale[k], w.f + s * d, w.T_body_camera)
                for s in (1.0, -1.0)
            )
            Df[:, i] = (plus - minus) / (2 * step)
        sigma = np.array([SIGMA, SIGMA, 0.1])
        for m in range(3 if np.isfinite(w.logz[k]) else 2):
            assert (sight[row], axis[row]) == (k, m)
            np.testing.assert_allclose(H[row], D[m] / sigma[m], atol=2e-5 / sigma[m])
            np.testing.assert_allclose(Hf[row], Df[m] / sigma[m], atol=2e-5 / sigma[m])
            row += 1
    assert row == len(H)


def test_a_turn_of_the_world_about_the_vertical_is_not_seen() -> None:
    w = naive.window(2)
    H, Hf, r, sight, _, at = rows_of(w)
    H_left, _, _ = naive.without_point(naive.spread(H, sight, at, len(w.R)), Hf, r, np.eye(len(r)))
    turn = np.tile(np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]), len(w.R))
    shift = np.tile(np.array([0.0, 0.0, 0.0, 1.0, -2.0, 0.5, 0.0]), len(w.R))
    size = np.abs(H_left).max()
    assert np.abs(H_left @ turn).max() < 1e-9 * size
    assert np.abs(H_left @ shift).max() < 1e-9 * size


@pytest.mark.parametrize("walk2", [0.0, 0.3, 20.0])
def test_information_and_gate_equal_the_projected_rows(walk2: float) -> None:
    w = naive.window(3, noise=SIGMA)
    H, Hf, r, sight, axis, at = rows_of(w)
    t = np.cumsum([0.0, 0.1, 0.1, 0.3, 0.1, 0.2])
    noise = naive.noise_of(sight, axis, t, walk2)
    H_left, r_left, noise_left = naive.without_point(
        naive.spread(H, sight, at, len(w.R)), Hf, r, noise
    )
    n = H_left.shape[1]
    root = 0.01 * np.random.default_rng(0).standard_normal((n, n))
    P = root @ root.T
    N, W = np.empty((len(at), len(at))), np.empty((len(at), len(at)))
    sight_noise(t, at, walk2, N, W)
    np.testing.assert_allclose(N @ W, np.eye(len(at)), atol=1e-12)
    Q, G = Hf.copy(), np.empty_like(Hf)
    assert orthonormalise(Q, len(Q))
    assert weighted_basis(W, Q, sight, axis, len(Q), G)
    value = gate_value(P, at, H, Q, r, sight, axis, N, len(H))
    S = H_left @ P @ H_left.T + noise_left
    assert value == pytest.approx(r_left @ np.linalg.solve(S, r_left), rel=1e-6)
    A, b = np.zeros((n, n)), np.zeros(n)
    add_information(at, H, G, W, r, sight, axis, len(H), 1.0, A, b)
    expected = H_left.T @ np.linalg.solve(noise_left, np.column_stack([H_left, r_left]))
    np.testing.assert_allclose(A, expected[:, :-1], atol=1e-9 * np.abs(A).max())
    np.testing.assert_allclose(b, expected[:, -1], atol=1e-9 * np.abs(b).max())


@pytest.mark.parametrize("z_m", [0.3, 3.0, 8.0])
def test_a_point_seen_without_noise_is_found(z_m: float) -> None:
    w = naive.window(4, z_m=z_m)
    n = len(w.R)
    C, c, f = np.empty((n, 3, 3)), np.empty((n, 3)), np.empty(3)
    cameras(w.R, w.p, w.T_body_camera[:3, :3].copy(), w.T_body_camera[:3, 3].copy(), C, c)
    blind = np.full(n, np.nan)
    outcome = triangulate(C, c, w.scale, np.arange(n), w.uv, blind, np.full(n, 0.1), SIGMA, 0.5, f)
    assert outcome == USED
    np.testing.assert_allclose(f, w.f, atol=1e-4 * z_m)


def test_a_point_without_parallax_is_left_out() -> None:
    w = naive.window(5)
    n = len(w.R)
    C, c, f = np.empty((n, 3, 3)), np.empty((n, 3)), np.empty(3)
    p = np.zeros_like(w.p)
    R = np.tile(w.R[0], (n, 1, 1))
    cameras(R, p, w.T_body_camera[:3, :3].copy(), w.T_body_camera[:3, 3].copy(), C, c)
    uv = np.tile(w.uv[0], (n, 1)) + SIGMA * np.random.default_rng(0).standard_normal((n, 2))
    blind = np.full(n, np.nan)
    outcome = triangulate(C, c, w.scale, np.arange(n), uv, blind, np.full(n, 0.1), SIGMA, 0.5, f)
    assert outcome == VAGUE
