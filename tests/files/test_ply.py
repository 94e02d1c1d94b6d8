"""PLY files come back as they went out; broken ones are refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mono_hydra.errors import DatasetError
from mono_hydra.files.ply import Ply, read_ply, write_mesh, write_ply


@settings(max_examples=30, deadline=None)
@given(n=st.integers(0, 20), m=st.integers(0, 20), seed=st.integers(0, 1000))
def test_a_written_mesh_is_read_back_equal(
    n: int, m: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    m = m if n else 0
    path = tmp_path_factory.getbasetemp() / "mesh.ply"
    vertices, normals = rng.normal(size=(2, n, 3)).astype(np.float32)
    rgb = rng.integers(0, 256, (n, 3)).astype(np.uint8)
    labels = rng.integers(0, 41, n).astype(np.uint8)
    confidence = rng.random(n).astype(np.float32)
    faces = rng.integers(0, max(n, 1), (m, 3)).astype(np.int32)
    write_mesh(
        path, vertices_m=vertices, normals=normals, rgb=rgb, labels=labels,
        confidence=confidence, faces=faces,
    )  # fmt: skip
    got = read_ply(path)
    np.testing.assert_array_equal(got.vertices_m, vertices)
    np.testing.assert_array_equal(got.faces, faces)
    np.testing.assert_array_equal(got.vertex["label"], labels)
    np.testing.assert_array_equal(got.vertex["confidence"], confidence)
    np.testing.assert_array_equal(got.vertex["blue"], rgb[:, 2])


def test_face_columns_and_their_types_survive(tmp_path: Path) -> None:
    vertex = {k: np.arange(3, dtype=np.float32) for k in "xyz"}
    face = {"label": np.array([7], np.uint8), "instance": np.array([60_001], np.uint16)}
    write_ply(tmp_path / "a.ply", Ply(vertex, np.array([[0, 1, 2]], np.int32), face))
    got = read_ply(tmp_path / "a.ply")
    assert got.face["instance"].dtype == np.uint16
    assert got.face["instance"][0] == 60_001


def test_open3d_reads_what_is_written(tmp_path: Path) -> None:
    from mono_hydra.open3d_import import load_open3d

    write_mesh(
        tmp_path / "a.ply", vertices_m=np.eye(3, dtype=np.float32),
        normals=np.eye(3, dtype=np.float32), rgb=np.full((3, 3), 255, np.uint8),
        labels=np.zeros(3, np.uint8), confidence=np.ones(3, np.float32),
        faces=np.array([[0, 1, 2]], np.int32),
    )  # fmt: skip
    mesh = load_open3d().io.read_triangle_mesh(str(tmp_path / "a.ply"))
    assert len(mesh.triangles) == 1
    assert mesh.has_vertex_colors()


def test_ascii_polygons_become_triangles(tmp_path: Path) -> None:
    header = (
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
        "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
    )
    (tmp_path / "a.ply").write_text(header + "0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n")
    assert read_ply(tmp_path / "a.ply").faces.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_a_cut_or_foreign_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    vertex = {k: np.arange(50, dtype=np.float32) for k in "xyz"}
    write_ply(path, Ply(vertex, np.zeros((40, 3), np.int32)))
    whole = path.read_bytes()
    for data in (whole[:-60], whole[:300], b"not a mesh", b""):
        path.write_bytes(data)
        with pytest.raises(DatasetError) as caught:
            read_ply(path)
        assert "\n" not in str(caught.value)


def test_a_face_without_its_vertex_is_refused(tmp_path: Path) -> None:
    vertex = {k: np.arange(3, dtype=np.float32) for k in "xyz"}
    write_ply(tmp_path / "a.ply", Ply(vertex, np.array([[0, 1, 3]], np.int32)))
    with pytest.raises(DatasetError, match="vertex that does not exist"):
        read_ply(tmp_path / "a.ply")
