from pathlib import Path

import numpy as np
import pytest

from mono_hydra.labels.label_space import load_label_space
from mono_hydra.view.movie import Snapshots, compose, write_movie
from tests.factories import flat_steps

NYU40 = load_label_space("nyu40")


def snapshots(every: int) -> Snapshots:
    taken = Snapshots(NYU40, every)
    for step in flat_steps():
        taken.step(step)
    return taken


def test_a_snapshot_is_taken_every_so_many_keyframes_and_the_mesh_grows() -> None:
    taken = snapshots(2).taken
    assert len(taken) == 3
    assert len(taken[0].mesh.faces) < len(taken[-1].mesh.faces)
    assert [len(s.path_m) for s in taken] == [1, 3, 5]


@pytest.mark.open3d
def test_the_frames_share_one_point_of_view_while_furniture_appears() -> None:
    pytest.importorskip("open3d")
    frames = compose(snapshots(4).taken, NYU40, 240, 160)
    assert {f.shape for f in frames} == {(160, 240, 3)}
    first, last = (f[:, 100:].astype(int) for f in frames)
    changed = np.abs(first - last).max(axis=-1) > 30  # furniture came, the walls stayed in place
    assert 0.02 < changed.mean() < 0.2


def test_a_movie_stays_below_its_size_and_says_when_it_cannot(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    noise = np.random.default_rng(0).integers(0, 255, (4, 60, 80, 3)).astype(np.uint8)
    write_movie(tmp_path / "m.webp", list(noise), max_bytes=60_000)
    assert image.open(tmp_path / "m.webp").n_frames == 4
    with pytest.raises(ValueError, match="do not fit"):
        write_movie(tmp_path / "n.webp", list(noise), max_bytes=100)
