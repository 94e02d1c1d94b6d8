import numpy as np

from mono_hydra.mapping.mesh import MeshBuilder, merge_blocks
from tests.mapping.views import fused, look, poses, store_of


def boundary_edges(mesh) -> np.ndarray:
    edges = np.sort(
        np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]),
        axis=1,
    )
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    return unique[counts == 1]


def analytic_volume(signed_distance):
    """A volume whose voxels hold an exact signed distance around the surface."""
    volume = fused([])
    index = np.arange(-3, 3)
    from mono_hydra.mapping.volume_kernels import pack, unpack

    keys = np.sort(np.array([pack(i, j, k) for i in index for j in index for k in index]))
    volume.blocks.allocate(keys, np.zeros(len(keys), np.int32))
    slots = volume.blocks.find(keys)
    at = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for slot, ijk in zip(slots, unpack(keys), strict=True):
        centers = (ijk * 8 + at + 0.5) * 0.05
        volume.blocks.sdf_m[slot] = np.clip(signed_distance(centers), -0.1, 0.15)
        volume.blocks.weights[slot] = 1.0
    return volume


def test_a_sphere_is_closed_across_block_borders():
    volume = analytic_volume(lambda p: np.linalg.norm(p, axis=1) - 0.83)
    builder = MeshBuilder()
    builder.step(volume, volume.all_keys())
    mesh = builder.merged()
    assert len(builder.blocks) > 30
    assert len(boundary_edges(mesh)) == 0
    assert np.abs(np.linalg.norm(mesh.vertices_m, axis=1) - 0.83).max() < 0.002
    assert (mesh.normals * mesh.vertices_m).sum(axis=1).min() > 0  # fronts face free space
    n_edges = 3 * len(mesh.faces) // 2
    assert len(mesh.vertices_m) - n_edges + len(mesh.faces) == 2  # Euler: one sphere


def test_a_seen_room_has_no_holes():
    views = []
    for eye in ([0.8, 0.7, 0.0], [-0.8, -0.7, 0.1]):
        for yaw in np.arange(0.0, 2 * np.pi, np.pi / 6):
            for pitch in (-1.2, -0.6, 0.0, 0.6, 1.2):
                ahead = [np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)]
                views.append(look(np.array(eye), np.array(eye) + ahead))
    volume = fused(list(store_of(views)))
    builder = MeshBuilder()
    builder.step(volume, volume.all_keys())
    mesh = builder.merged()
    assert len(mesh.faces) > 20_000
    ends = mesh.vertices_m[boundary_edges(mesh).ravel()]
    # the sides of the ball are seen at grazing angles only; the room itself has no hole
    assert not (np.linalg.norm(ends, axis=1) > 0.5).any()


def test_step_by_step_gives_the_same_mesh_as_all_at_once():
    store = store_of(poses(12))
    volume, builder = fused([]), MeshBuilder()
    for keyframe in store:
        builder.step(volume, volume.step(keyframe))
    whole = MeshBuilder()
    whole.step(volume, volume.all_keys())
    assert sorted(builder.blocks) == sorted(whole.blocks)
    for index, block in whole.blocks.items():
        assert np.array_equal(block.vertices_m, builder.blocks[index].vertices_m)
        assert np.array_equal(block.labels, builder.blocks[index].labels)


def test_no_blocks_make_an_empty_mesh():
    assert merge_blocks([]).faces.shape == (0, 3)
