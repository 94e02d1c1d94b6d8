import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mono_hydra.geometry import se3

TWISTS = st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6).map(np.array)
# a rotation vector longer than pi has a shorter twin: stay below it
SHORT = TWISTS.filter(lambda xi: np.linalg.norm(xi[:3]) < 3.1)


@given(SHORT)
def test_log_undoes_exp(xi):
    assert np.allclose(se3.log(se3.exp(xi)), xi, atol=1e-6)


@given(TWISTS)
def test_inverse_of_inverse_is_the_motion(xi):
    T = se3.exp(xi)
    assert np.allclose(se3.inverse(se3.inverse(T)), T, atol=1e-12)
    assert np.allclose(se3.inverse(T) @ T, np.eye(4), atol=1e-9)
    assert se3.is_rigid(T)


@given(TWISTS, TWISTS)
def test_adjoint_moves_a_twist_to_the_other_side(a, b):
    T, x = se3.exp(a), 0.1 * b
    left = T @ se3.exp(x) @ se3.inverse(T)
    assert np.allclose(left, se3.exp(se3.adjoint(T) @ x), atol=1e-7)


@given(TWISTS)
def test_quaternions_round_trip(xi):
    R = se3.exp_so3(xi[:3])
    assert np.allclose(se3.matrix_from_quat_xyzw(se3.quat_xyzw_from_matrix(R)), R, atol=1e-9)


def test_half_turns_have_a_logarithm():
    for axis in np.eye(3):
        w = se3.log_so3(se3.exp_so3(np.pi * axis))
        assert np.isclose(np.linalg.norm(w), np.pi)
        assert np.isclose(abs(w @ axis), np.pi)


def test_scaled_mirrored_and_broken_matrices_are_not_rigid():
    assert not se3.is_rigid(np.diag([2.0, 2.0, 2.0, 1.0]))
    assert not se3.is_rigid(np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert not se3.is_rigid(np.full((4, 4), np.nan))
