import numpy as np
import pytest

from m2h.data.shards import SimulatedViews
from m2h.errors import DataError
from mono_hydra.simulation.training_views import TrainingView
from mono_hydra.simulation.view_shards import write_views
from mono_hydra.types import Camera
from tests.m2h.data.samples import made_sample, photo_of


def view(seed):
    made = made_sample(seed)
    camera = Camera(80, 60, 60.0 + seed, 60.0, 39.5, 29.5)
    normals = made.normals.copy()
    normals[:3] = 0.0
    return TrainingView(
        photo_of(seed, 60, 80), camera, made.depth_m, made.labels, normals, made.edges, 95
    )


@pytest.fixture
def folder(tmp_path):
    write_views(tmp_path / "house_7.npz", 7, [view(0), view(1)])
    write_views(tmp_path / "house_8.npz", 8, [view(2)])
    return tmp_path


def test_a_written_view_is_read_back(folder):
    read, written = SimulatedViews(folder)[1], view(1)
    assert read.name == "house_7/001"
    assert read.intrinsics.fx == pytest.approx(61.0)
    assert np.abs(read.depth_m - written.depth_m).max() <= 0.000251
    assert np.array_equal(read.labels, written.labels)
    assert np.array_equal(read.edges, written.edges)
    assert np.abs(read.image.astype(int) - written.rgb).mean() < 3
    assert not read.normals[:3].any()
    cosine = (read.normals[3:] * written.normals[3:]).sum(axis=-1)
    assert np.rad2deg(np.arccos(np.clip(cosine, -1, 1))).max() < 0.5


def test_views_of_all_houses_are_counted_in_order(folder):
    views = SimulatedViews(folder)
    assert (len(views), views.n_houses) == (3, 2)
    assert [views[k].name for k in range(3)] == ["house_7/000", "house_7/001", "house_8/000"]
    assert len(SimulatedViews(folder, max_houses=1)) == 2
    with pytest.raises(IndexError):
        views[3]


def test_an_empty_folder_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="render training views"):
        SimulatedViews(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no archive at all"])
def test_a_broken_file_is_named(folder, content):
    (folder / "house_9.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"house_9.npz: is no file of training views"):
        SimulatedViews(folder)


def test_a_damaged_picture_is_named(folder):
    path = folder / "house_7.npz"
    views = SimulatedViews(folder)
    data = bytearray(path.read_bytes())
    at = data.find(b"\xff\xd8\xff")
    data[at : at + 2] = b"xx"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"house_7.npz: view 0"):
        views[0]
