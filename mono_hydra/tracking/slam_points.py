"""Points that are seen longer than the window, kept in the filter's state.

A track that a whole window saw becomes a point, anchored in the camera of a clone; from then on
each sight of it corrects the state at once. The window alone forgets what it saw a second ago, so
that every second adds its drift; a point that stays in view does not let it grow (Li and Mourikis,
RSS 2012). The patch that is followed slides on what it shows, slowly: a random walk of the point.

A point f of the world, in the anchor a at x_a, is seen by clone k at x = C_k^T (f - c_k). Under the
right-invariant errors of both clones and the point's own, x changes by C_k^T ([f]x (th_k - th_a) -
dp_k + dp_a + C_a dx_a): a turn or shift of the whole world cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from mono_hydra.geometry import se3
from mono_hydra.tracking.filter_state import CLONE, CORE, POINT, FilterState
from mono_hydra.tracking.sight_noise_kernels import sight_noise, weigh
from mono_hydra.tracking.track_kernels import STUDENT_DOF, track_rows
from mono_hydra.tracking.track_store import UsedTracks
from mono_hydra.tracking.triangulation_kernels import MIN_Z_M, USED, cameras, triangulate
from mono_hydra.tracking.updates import correct_by_rows
from mono_hydra.types import F8, I8, Bool

MAX_START_SIGMA = 0.1  # of ln inverse depth: vaguer points are no small errors
GATE_TAIL = 0.01  # share of true sights that the gate loses
_GATES: F8 = np.concatenate([[0.0], chdtri(np.arange(1, 4), GATE_TAIL)])


@dataclass(frozen=True, eq=False)
class _View:
    """Points in the camera of one clone, and the derivatives of that."""

    x: F8  # (M, 3)
    H: F8  # (M, 3, n) of x against all errors


def clone_camera(state: FilterState, index: int, T_body_camera: F8) -> tuple[F8, F8]:
    """Rotation C (3, 3) and centre c (3,) of a clone's camera."""
    R = state.clone_R[index]
    return R @ T_body_camera[:3, :3], R @ T_body_camera[:3, 3] + state.clone_p[index]


def points_seen(state: FilterState, points: I8, clone: int, T_body_camera: F8) -> _View:
    """Points (indices) in the camera of a clone (index)."""
    m, n = len(points), len(state.P)
    C, c = clone_camera(state, clone, T_body_camera)
    x, H = np.empty((m, 3)), np.zeros((m, 3, n))
    k = CORE + CLONE * clone
    for row, i in enumerate(points.tolist()):
        anchor = state.clone_ids.index(state.point_anchors[i])
        C_a, c_a = clone_camera(state, anchor, T_body_camera)
        x_a, J = _euclidean(state.points[i])
        f = C_a @ x_a + c_a
        x[row] = C.T @ (f - c)
        turned = C.T @ se3.hat(f)
        a = CORE + CLONE * anchor
        at = state.first_point + POINT * i
        H[row, :, k : k + 3] += turned
        H[row, :, k + 3 : k + 6] -= C.T
        H[row, :, a : a + 3] -= turned
        H[row, :, a + 3 : a + 6] += C.T
        H[row, :, at : at + POINT] = C.T @ C_a @ J
    return _View(x, H)


def _euclidean(point: F8) -> tuple[F8, F8]:
    """(u, v, inverse depth) as x (3,), and the derivative (3, 3)."""
    u, v, w = point
    x = np.array([u, v, 1.0]) / w
    J = np.array([[1.0, 0.0, -u / w], [0.0, 1.0, -v / w], [0.0, 0.0, -1.0 / w]]) / w
    return x, J


def update_from_sights(
    state: FilterState, points: I8, uv: F8, T_body_camera: F8, sigma: float
) -> Bool:
    """Correct the state by points (indices) that the newest clone sees.

    Args:
        state: changed in place.
        points: (M,) indices.
        uv: (M, 2) normalised image coordinates.
        T_body_camera: (4, 4).
        sigma: of them.

    Returns:
        (M,) whether a point passed the gate; the others did not move the state.
    """
    view = points_seen(state, points, len(state.clone_ids) - 1, T_body_camera)
    x, z = view.x, view.x[:, 2]
    good = z > MIN_Z_M
    z = np.where(good, z, 1.0)
    H = (view.H[:, :2] - (x[:, :2] / z[:, None])[:, :, None] * view.H[:, 2:]) / z[:, None, None]
    r = uv - x[:, :2] / z[:, None]
    return _corrected(state, H, r, np.full(r.shape, sigma), good)


def update_from_depths(
    state: FilterState, points: I8, clone: int, log_depth: F8, sigma: F8, T_body_camera: F8
) -> int:
    """Correct the state by predicted depth (M,), with sigma (M,) of its logarithm, of a clone."""
    view = points_seen(state, points, clone, T_body_camera)
    z = view.x[:, 2]
    good = z > MIN_Z_M
    z = np.where(good, z, 1.0)
    H = view.H[:, 2:] / z[:, None, None]
    H[:, :, CORE + CLONE * clone + 6] = 1.0
    r = (log_depth - np.log(z) - state.clone_scale[clone])[:, None]
    return int(_corrected(state, H, r, sigma[:, None], good).sum())


def _corrected(state: FilterState, H: F8, r: F8, sigma: F8, good: Bool) -> Bool:
    """Correct the state by residuals (M, d) that are within the gate, each judged by itself.

    H (M, d, n), sigma (M, d); returns which of the `good` ones (M,) passed.
    """
    m, d = r.shape
    rows = H.reshape(m * d, -1)
    HP = rows @ state.P
    S = np.matmul(HP.reshape(m, d, -1), H.transpose(0, 2, 1))
    S[:, np.arange(d), np.arange(d)] += sigma**2
    value = np.einsum("md,md->m", r, np.linalg.solve(S, r[:, :, None])[:, :, 0])
    good = good & (value < _GATES[d])
    if good.any():
        used = np.repeat(good, d)
        weight = np.minimum((STUDENT_DOF + d) / (STUDENT_DOF + value), 1.0)
        spread = sigma / np.sqrt(weight)[:, None]
        correct_by_rows(state, rows[used], HP[used], r[good].ravel(), spread[good].ravel())
    return np.asarray(good)


def add_points(
    state: FilterState, used: UsedTracks, chosen: list[int], T_body_camera: F8, sigma: float,
    slide: float = 0.0,
) -> list[int]:  # fmt: skip
    """Take tracks of an update into the state, as far as their depth is known well enough.

    Args:
        state: already corrected by these tracks; what that left of their rows is the point itself.
        used: tracks.
        chosen: indices into them; the newest clone saw each last.
        T_body_camera: (4, 4).
        sigma: of normalised image coordinates, independent from sight to sight.
        slide: of a track's patch in a second, a random walk in the same coordinates.

    Returns:
        Ids of the tracks that are points now.
    """
    n = len(state.clone_ids)
    C, c = np.empty((n, 3, 3)), np.empty((n, 3))
    R_bc, t_bc = T_body_camera[:3, :3].copy(), T_body_camera[:3, 3].copy()
    cameras(state.clone_R, state.clone_p, R_bc, t_bc, C, c)
    ids, stamps_s = np.array(state.clone_ids), np.array(state.clone_stamps_s)
    taken = []
    for t in chosen:
        part = slice(used.starts[t], used.starts[t + 1])
        at = np.searchsorted(ids, used.clone_ids[part])
        uv, log_depth, spread = used.uv[part], used.log_depth[part], used.depth_sigma[part]
        f = np.empty(3)
        loose = np.sqrt(spread**2 + np.diag(state.P)[CORE + CLONE * at + 6])
        N, W = np.empty((len(at), len(at))), np.empty((len(at), len(at)))
        usual = sight_noise(stamps_s - stamps_s[0], at, (slide / sigma) ** 2, N, W)
        whole = sigma * float(np.sqrt(usual))
        outcome = triangulate(
            C, c, state.clone_scale, at, uv, log_depth, loose, whole, MAX_START_SIGMA, f
        )
        if outcome != USED:
            continue
        rows = 3 * len(at)
        H, Hf, r = np.empty((rows, 7)), np.empty((rows, 3)), np.empty(rows)
        sight, axis, G = np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty((rows, 3))
        m = track_rows(
            C, c, state.clone_scale, at, uv, log_depth, spread, sigma, f, -1, H, Hf, r, sight, axis
        )
        if m == 0:
            continue
        anchor = int(at[-1])
        weigh(W, Hf, sight, axis, m, G)
        own = np.linalg.inv(Hf[:m].T @ G[:m])
        M = np.zeros((3, len(state.P)))
        for row in range(m):
            first = CORE + CLONE * int(at[sight[row]])
            M[:, first : first + CLONE] -= np.outer(own @ G[row], H[row])
        # from an error of the world's point to one in the anchor's camera
        a = CORE + CLONE * anchor
        M[:, a : a + 3] += se3.hat(f)
        M[:, a + 3 : a + 6] -= np.eye(3)
        x = C[anchor].T @ (f - c[anchor])
        point = np.array([x[0] / x[2], x[1] / x[2], 1.0 / x[2]])
        to_local = np.linalg.inv(_euclidean(point)[1]) @ C[anchor].T
        state.add_point(
            int(used.ids[t]), int(ids[anchor]), point, to_local @ M, to_local @ own @ to_local.T
        )
        taken.append(int(used.ids[t]))
    return taken


def move_anchors(state: FilterState, old: int, new: int, T_body_camera: F8) -> None:
    """Express the points anchored in one clone (index) in another; nothing is learnt by it."""
    moved = [i for i, a in enumerate(state.point_anchors) if a == state.clone_ids[old]]
    if not moved:
        return
    view = points_seen(state, np.array(moved), new, T_body_camera)
    M = np.empty((len(moved), POINT, len(state.P)))
    for row, i in enumerate(moved):
        x = view.x[row]
        z = max(float(x[2]), MIN_Z_M)
        state.points[i] = x[0] / z, x[1] / z, 1.0 / z
        M[row] = np.linalg.inv(_euclidean(state.points[i])[1]) @ view.H[row]
        state.point_anchors[i] = state.clone_ids[new]
    at = (state.first_point + POINT * np.array(moved)[:, None] + np.arange(POINT)).ravel()
    rows = M.reshape(len(at), -1)
    MP = rows @ state.P
    own = MP @ rows.T
    state.P[at], state.P[:, at] = MP, MP.T
    state.P[np.ix_(at, at)] = 0.5 * (own + own.T)
