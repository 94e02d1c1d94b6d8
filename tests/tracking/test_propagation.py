"""Inertial propagation: derivatives, noise, and covariance conventions."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.evaluation.covariance import nees
from mono_hydra.geometry import se3
from mono_hydra.simulation.imu import DEVICES
from mono_hydra.tracking import propagation_kernels as kernels
from mono_hydra.tracking.filter_state import CORE, DP, TH, TIME, FilterState
from mono_hydra.tracking.imu import ImuBuffer, ImuModel
from mono_hydra.types import F8, ImuSamples
from tests.tracking import naive

G = np.array([0.0, 0.0, -9.81])


def integrated(R: F8, v: F8, p: F8, bias: F8, gyro: F8, accel: F8) -> tuple[F8, F8, F8]:
    """R, (v, p) and the transition after steps of 5 ms."""
    n = len(gyro) - 1
    R, motion = R.copy(), np.array([v, p])
    Phi, Q, one = np.empty((15, 15)), np.empty((15, 15)), np.ones(n)
    kernels.integrate(
        R, motion[0], motion[1], 0.005 * one, gyro - bias[:3], accel - bias[3:],
        one, one, np.ones(2), G, Phi, Q,
    )  # fmt: skip
    return R, motion, Phi


def test_transition_is_the_derivative_of_the_integration() -> None:
    rng = np.random.default_rng(0)
    gyro, accel = rng.normal(size=(11, 3)), 3.0 * rng.normal(size=(11, 3)) + [0.0, 0.0, 9.8]
    R0, v0, p0 = se3.exp_so3(rng.normal(size=3)), rng.normal(size=3), 3.0 * rng.normal(size=3)
    R1, end, Phi = integrated(R0, v0, p0, np.zeros(6), gyro, accel)
    D, step = np.zeros((15, 15)), 1e-5
    for i in range(15):
        sides = []
        for sign in (1.0, -1.0):
            d = np.zeros(15)
            d[i] = sign * step
            R, (v, p) = naive.moved(R0, [v0, p0], d[:9])
            R, after, _ = integrated(R, v, p, d[9:], gyro, accel)
            th = se3.log_so3(R @ R1.T)
            J, E = np.linalg.inv(se3.left_jacobian_so3(th)), se3.exp_so3(th)
            parts = [J @ (after[m] - E @ end[m]) for m in range(2)]
            sides.append(np.concatenate([th, *parts, d[9:]]))
        D[:, i] = (sides[0] - sides[1]) / (2.0 * step)
    # what third-order terms of a 5 ms step leave over 50 ms
    np.testing.assert_allclose(Phi, D, atol=5e-5)


def test_the_groups_motion_equals_its_slow_twin() -> None:
    rng = np.random.default_rng(1)
    for size in (1.0, 1e-3, 1e-7, 0.0):
        R, vectors = se3.exp_so3(rng.normal(size=3)), rng.normal(size=(2, 3))
        error = size * rng.normal(size=9)
        R_slow, parts = naive.moved(R, list(vectors), error)
        kernels.move_group(R, vectors, error)
        np.testing.assert_allclose(R, R_slow, atol=1e-12)
        np.testing.assert_allclose(vectors, parts, atol=1e-9)


def test_ten_seconds_at_rest_have_the_spread_of_500_draws() -> None:
    noise, rate, n = DEVICES["euroc"], 200.0, 2000
    state = FilterState(0.0, np.eye(3), np.zeros((CORE, CORE)))
    buffer = ImuBuffer(ImuModel(noise), keep_s=20.0)
    stamps = np.arange(n + 1) / rate
    buffer.add(ImuSamples(stamps, np.zeros((n + 1, 3)), np.tile(-G, (n + 1, 1))))
    state.propagate(buffer.steps(0.0, n / rate), (noise.gyro_walk, noise.accel_walk), 0.1, 10.0)
    rng = np.random.default_rng(2)
    th, v, p, bg, ba = np.zeros((5, 500, 3))
    for _ in range(n):
        bg += noise.gyro_walk / np.sqrt(rate) * rng.standard_normal((500, 3))
        ba += noise.accel_walk / np.sqrt(rate) * rng.standard_normal((500, 3))
        w = bg + noise.gyro * np.sqrt(rate) * rng.standard_normal((500, 3))
        a = ba + noise.accel * np.sqrt(rate) * rng.standard_normal((500, 3))
        p += v / rate
        v += (np.cross(th, -G) + a) / rate
        th += w / rate
    for part, draws in ((slice(0, 3), th), (slice(3, 6), v), (slice(6, 9), p)):
        expected = np.diag(state.P)[part].sum()
        assert np.mean(np.sum(draws**2, axis=1)) == pytest.approx(expected, rel=0.2)  # variance


def test_exported_covariance_is_that_of_a_right_perturbation() -> None:
    rng = np.random.default_rng(3)
    root = 0.02 * rng.standard_normal((CORE, CORE))
    state = FilterState(0.0, se3.exp_so3(np.array([0.4, -0.8, 1.9])), root @ root.T)
    state.motion[1] = [3.0, -2.0, 1.0]
    T = state.T_world_body
    errors = []
    for _ in range(1000):
        xi = root @ rng.standard_normal(CORE)
        R, (p,) = naive.moved(state.R, [state.p], np.concatenate([xi[TH], xi[DP]]))
        errors.append(se3.log(se3.inverse(T) @ se3.from_rt(R, p)))
    P = np.tile(state.pose_covariance(), (1000, 1, 1))
    assert nees(np.array(errors), P).mean() / 6.0 == pytest.approx(1.0, abs=0.1)


def test_relative_covariance_of_a_clone_taken_now_is_nothing() -> None:
    rng = np.random.default_rng(4)
    root = 0.1 * rng.standard_normal((CORE, CORE))
    state = FilterState(0.0, np.eye(3), root @ root.T)
    state.add_clone(7)
    T, P = state.relative_to(7)
    np.testing.assert_allclose(T, np.eye(4), atol=1e-12)
    assert np.abs(P).max() < 1e-12


def test_a_clone_moves_with_the_time_offset_as_the_pose_with_time() -> None:
    rng = np.random.default_rng(6)
    R, turn_rate, v = (
        se3.exp_so3(rng.standard_normal(3)),
        rng.standard_normal(3),
        np.array([1, 2, -1.0]),
    )
    P = np.zeros((CORE, CORE))
    P[TIME, TIME] = 1.0  # one unit of the offset's error
    state = FilterState(0.0, R, P)
    state.turn_rate, state.motion[0], state.motion[1] = turn_rate, v, [3.0, -2.0, 1.0]
    state.add_clone(0)
    change, step_s = state.P[CORE : CORE + 6, TIME], 1e-5
    R_moved, (p_moved,) = naive.moved(R, [state.p], change * step_s)
    np.testing.assert_allclose(R_moved, se3.exp_so3(turn_rate * step_s) @ R, atol=1e-9)
    np.testing.assert_allclose(p_moved, state.p + v * step_s, atol=1e-9)
    np.testing.assert_allclose(state.P[CORE : CORE + 6, CORE : CORE + 6], np.outer(change, change))


def test_dropping_a_clone_leaves_the_others_as_they_were() -> None:
    rng = np.random.default_rng(5)
    root = 0.1 * rng.standard_normal((CORE, CORE))
    state = FilterState(0.0, np.eye(3), root @ root.T)
    for k in range(3):
        state.add_clone(k)
        state.P[:9, :9] += 0.01 * np.eye(9)
    first, last = state.relative_to(0)[1], state.relative_to(2)[1]
    state.drop_clone(1)
    assert state.clone_ids == [0, 2]
    np.testing.assert_array_equal(state.relative_to(0)[1], first)
    np.testing.assert_array_equal(state.relative_to(2)[1], last)


def test_log_scale_returns_to_its_stationary_spread() -> None:
    state = FilterState(0.0, np.eye(3), np.zeros((CORE, CORE)))
    state.log_scale = 0.2
    buffer = ImuBuffer(ImuModel())
    state.propagate(buffer.steps(0.0, 10.0), (0.0, 0.0), 0.1, 10.0)
    assert state.log_scale == pytest.approx(0.2 * np.exp(-1.0))
    assert state.P[15, 15] == pytest.approx(0.01 * (1.0 - np.exp(-2.0)))
