import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mono_hydra.geometry import se3
from mono_hydra.mapping.mesh import MeshBuilder
from tests.mapping.views import contents, fused, poses, store_of

WALK = poses(10)
SMALL = st.floats(-0.3, 0.3)
EDITS = st.dictionaries(st.integers(0, 9), st.tuples(*[SMALL] * 6), min_size=1, max_size=6)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.lists(EDITS, min_size=1, max_size=3))
def test_after_any_pose_edits_the_map_equals_the_one_fused_at_once(rounds):
    store = store_of(WALK)
    volume = fused(list(store))
    mesh = MeshBuilder()
    mesh.step(volume, volume.all_keys())
    for edits in rounds:
        moved = store.correct(
            {i: store.get(i).T_world_camera @ se3.exp(np.array(xi)) for i, xi in edits.items()}
        )
        mesh.step(volume, volume.refuse(moved, store.get))
    at_once = fused(list(store))
    assert contents(volume) == contents(at_once)
    whole = MeshBuilder()
    whole.step(at_once, at_once.all_keys())
    for a, b in zip(_arrays(mesh), _arrays(whole), strict=True):
        assert np.array_equal(a, b)


def _arrays(builder: MeshBuilder) -> list[np.ndarray]:
    m = builder.merged()
    return [m.vertices_m, m.normals, m.rgb, m.labels, m.confidence, m.faces]


def test_refusion_reaches_blocks_that_lie_in_the_archive():
    away = se3.from_rt(np.eye(3), np.array([30.0, 0.0, 0.0]))
    store = store_of([*WALK[:5], *[away @ T for T in WALK[:5]]])
    volume, mesh = fused([]), MeshBuilder()
    for keyframe in store:
        mesh.step(volume, volume.step(keyframe))
    assert volume.archived_bytes() > 0
    moved = store.correct({1: store.get(1).T_world_camera @ se3.exp(np.full(6, 0.1))})
    mesh.step(volume, volume.refuse(moved, store.get))
    at_once, whole = fused([]), MeshBuilder()
    for keyframe in store:
        whole.step(at_once, at_once.step(keyframe))
    for a, b in zip(_arrays(mesh), _arrays(whole), strict=True):
        assert np.array_equal(a, b)
    assert contents(volume) == contents(at_once)


def test_a_correction_below_the_tolerance_moves_nothing():
    store = store_of(WALK[:2])
    store.refusion_tolerance_m = 0.01
    T = store.get(0).T_world_camera
    assert store.correct({0: T @ se3.exp(np.full(6, 1e-4))}) == []
    assert np.array_equal(store.get(0).T_world_camera, T)
    assert [m.id for m in store.correct({0: T @ se3.exp(np.full(6, 0.01))})] == [0]
