"""The compiled field equals a slow, obvious one."""

import numpy as np

from mono_hydra.perception import degrade_kernels
from mono_hydra.perception.noise import N_CELLS, anchors, noise_lattice
from mono_hydra.types import F8

from .views import CAMERA, look_at

CELLS_PER_M = np.array([4.0, 13.0, 5.0])


def _read(lattice: np.ndarray, cell: F8, k: int) -> float:
    """Trilinear reading, corner by corner."""
    low = np.floor(cell).astype(int)
    share = cell - low
    total = 0.0
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod([s if c else 1.0 - s for c, s in zip(corner, share, strict=True)])
        x, y, z = (low + corner) % N_CELLS
        total += weight * lattice[x, y, z, k]
    return float(total)


def _naive(z: float, u: int, v: int, T: F8, lattice: np.ndarray) -> tuple[float, list[float]]:
    ray = np.array([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, 1.0])
    point = T[:3, :3] @ (z * ray) + T[:3, 3]
    towards = -T[:3, :3] @ ray / np.linalg.norm(ray)
    near = 0.5 + 0.5 * anchors() @ towards
    values = []
    for weights, scale, shift in (
        (near**3, CELLS_PER_M[0], (0, 0, 0)),
        (near, CELLS_PER_M[1], (19, 7, 31)),
    ):
        read = [_read(lattice, point * scale + shift, k) for k in range(12)]
        values.append(float(weights @ read / np.linalg.norm(weights)))
    choice = _read(lattice, point * CELLS_PER_M[2] + (3, 29, 47), 1)
    doubt = _read(lattice, point * CELLS_PER_M[1] + (41, 53, 11), 0)
    return values[0], [values[1], choice, doubt]


def test_fields_equal_the_naive_twin_and_skip_what_is_unknown() -> None:
    rng = np.random.default_rng(1)
    lattice = noise_lattice(rng)
    T = look_at(np.array([-30.0, 12.0, 0.0]), 0.6, 2.0, 3.0)
    depth_m = np.zeros((120, 160), np.float32)
    labels = np.zeros((120, 160), np.uint8)
    picked = [(int(v), int(u)) for v, u in rng.integers([0, 0], [120, 160], (40, 2))]
    for n, (v, u) in enumerate(picked):
        depth_m[v, u] = rng.uniform(0.5, 6.0)
        labels[v, u] = 5 if n % 2 else 1
    wants = np.zeros(256, bool)
    wants[5] = True
    depth_field = np.zeros((120, 160), np.float32)
    label_fields = np.zeros((3, 120, 160), np.float32)
    degrade_kernels.fields(
        depth_m, CAMERA.vector(), T, lattice, anchors(), CELLS_PER_M, wants, labels,
        depth_field, label_fields,
    )  # fmt: skip
    for v, u in picked:
        depth_value, label_values = _naive(float(depth_m[v, u]), u, v, T, lattice)
        np.testing.assert_allclose(depth_field[v, u], depth_value, atol=2e-4)  # float32 sums
        expected = label_values if labels[v, u] == 5 else [0.0, 0.0, 0.0]
        np.testing.assert_allclose(label_fields[:, v, u], expected, atol=2e-4)
    assert np.count_nonzero(depth_field) <= len(picked)


def test_noise_is_standard_normal_with_the_stated_correlation() -> None:
    lattice = noise_lattice(np.random.default_rng(2))
    flat = lattice.reshape(-1, 12)
    # larger than 1 at the lattice points, 1 on average over all positions
    np.testing.assert_allclose(flat.std(axis=0), ((2 + np.exp(-1 / 8)) / 3) ** -1.5, rtol=1e-3)
    np.testing.assert_allclose(flat.mean(axis=0), 0.0, atol=0.06)
    shifted = np.roll(lattice, 2, axis=0).reshape(-1, 12)
    correlation = [np.corrcoef(flat[:, k], shifted[:, k])[0, 1] for k in range(12)]
    np.testing.assert_allclose(correlation, np.exp(-0.5), atol=0.06)
