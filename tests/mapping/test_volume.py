import numpy as np
import pytest

from mono_hydra.config import MappingConfig
from mono_hydra.geometry import se3
from mono_hydra.labels import load_label_space
from mono_hydra.mapping import volume_kernels as kernels
from mono_hydra.mapping.mesh import MeshBuilder
from mono_hydra.mapping.volume import Volume
from tests.mapping import naive
from tests.mapping.views import (
    BALL_RADIUS_M,
    CAMERA,
    CHAIR,
    FLOOR,
    LOW,
    PERSON,
    contents,
    fused,
    poses,
    store_of,
)


@pytest.fixture(scope="module")
def store():
    return store_of(poses(24))


@pytest.fixture(scope="module")
def volume(store):
    return fused(list(store))


@pytest.fixture(scope="module")
def mesh(volume):
    builder = MeshBuilder()
    builder.step(volume, volume.all_keys())
    return builder.merged()


def test_surface_lies_where_the_floor_is(mesh):
    floor = mesh.vertices_m[(mesh.labels == FLOOR) & (mesh.normals[:, 2] > 0.95)]
    assert len(floor) > 300
    error = np.abs(floor[:, 2] - LOW[2])
    assert np.median(error) < 0.005
    assert error.max() < 0.025  # half a voxel, beside walls and the ball's silhouette


def test_ball_is_round_labelled_and_faces_outwards(mesh):
    ball = mesh.labels == CHAIR
    radius = np.linalg.norm(mesh.vertices_m[ball], axis=1)
    assert abs(radius.mean() - BALL_RADIUS_M) < 0.015
    outward = mesh.vertices_m[ball] / radius[:, None]
    assert (mesh.normals[ball] * outward).sum(axis=1).mean() > 0.8


def test_keys_keep_the_order_of_block_coordinates():
    rng = np.random.default_rng(0)
    ijk = rng.integers(-50, 50, (200, 3))
    keys = kernels.pack_all(ijk)
    assert np.array_equal(kernels.unpack(keys), ijk)
    assert np.array_equal(np.argsort(keys, kind="stable"), np.lexsort(ijk.T[::-1]))


def test_integration_agrees_with_the_naive_twin(store):
    volume = Volume(MappingConfig(), load_label_space("nyu40"))
    for keyframe_id in range(3):
        volume.step(store.get(keyframe_id))
    keys = volume.all_keys()[::7]
    expected = {
        int(key): naive.block(int(key), volume, [store.get(i) for i in range(3)]) for key in keys
    }
    for key, slot in zip(keys, volume.blocks.find(keys), strict=True):
        sdf, weight, best = expected[int(key)]
        # the kernel's pixel may differ by one where a voxel projects onto a pixel's border
        agree = np.isclose(volume.blocks.sdf_m[slot], sdf, atol=2e-3)
        assert agree.mean() > 0.98
        assert np.isclose(volume.blocks.weights[slot], weight, atol=2e-2).mean() > 0.98
        evidence = volume.blocks.label_evidence[slot]
        has = evidence.max(axis=1) > 0
        top = volume.blocks.label_ids[slot][np.arange(512), evidence.argmax(axis=1)]
        assert (has == (best > 0)).mean() > 0.97
        assert (top == best)[has].sum() >= 0.97 * has.sum()


def test_dynamic_labels_leave_no_surface(store):
    keyframe = store.get(1)
    keyframe.labels[:] = PERSON
    volume = Volume(MappingConfig(), load_label_space("nyu40"))
    volume._touched = [np.empty(0, np.int64)]
    assert len(volume.step(keyframe)) == 0
    assert len(volume.all_keys()) == 0


def test_archiving_and_restoring_changes_no_bit(store):
    volume = fused([store.get(i) for i in range(6)])
    before = contents(volume)
    volume._put_away(volume.blocks.keys()[::2])
    assert volume.archived_bytes() > 0
    assert contents(volume) == before


def test_a_walk_far_away_and_back_gives_the_same_map_as_without_an_archive(store):
    walk = [store.get(i).T_world_camera for i in range(8)]
    away = se3.from_rt(np.eye(3), np.array([40.0, 0.0, 0.0]))
    mixed = store_of([*walk[:4], *[away @ T for T in walk[:4]], *walk[4:]])
    small = fused(list(mixed))
    large = fused(list(mixed), MappingConfig(window_radius_m=100.0))
    assert contents(small) == contents(large)


def test_frustum_test_never_misses_a_visible_point():
    rng = np.random.default_rng(1)
    T = se3.exp(rng.normal(size=6))
    z = rng.uniform(0.2, 4.9, 300)
    u, v = rng.uniform(0, CAMERA.width - 1, 300), rng.uniform(0, CAMERA.height - 1, 300)
    camera_points = np.stack(
        [(u - CAMERA.cx) / CAMERA.fx * z, (v - CAMERA.cy) / CAMERA.fy * z, z], 1
    )
    ijk = np.floor(se3.transform(T, camera_points) / 0.4).astype(int)
    keys = np.array([kernels.pack(*row) for row in ijk])
    meets = kernels.meets_frustum(
        keys, CAMERA.vector(), CAMERA.width, CAMERA.height, se3.inverse(T), 0.4, 0.15, 5.0
    )
    assert meets.all()
