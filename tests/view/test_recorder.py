import json
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.config import Config, load_config
from mono_hydra.errors import OutputError
from mono_hydra.files.ply import read_ply
from mono_hydra.files.trajectory import read_trajectory
from mono_hydra.io.spark_dsg import read_spark_dsg
from mono_hydra.labels.label_space import load_label_space
from mono_hydra.types import Provenance
from mono_hydra.view.recorder import Recorder
from tests.factories import flat_mesh, flat_steps, sequence_info, two_room_flat, walk

WANTED = {
    "scene_graph.json",
    "scene_tree.json",
    "scene_graph.graphml",
    "mesh.ply",
    "trajectory.txt",
    "metrics.json",
    "config.yaml",
    "status.json",
    "crops",
    "report.html",
}


def recorded(folder: Path, *, stand_in: bool = False) -> Recorder:
    folder.mkdir(exist_ok=True)
    recorder = Recorder(
        folder,
        config=Config(),
        label_space=load_label_space("nyu40"),
        info=sequence_info(stand_in=stand_in),
        provenance=Provenance("dataset", "sensor", "dataset", stand_in),
        command="mono-hydra run --seq flat",
    )
    for step in flat_steps():
        recorder.step(step)
    return recorder


def finish(recorder: Recorder) -> dict[str, object]:
    return recorder.finish(two_room_flat(), (np.arange(12) * 0.25, walk(12)))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    finish(recorded(folder))
    return folder


def test_a_run_folder_holds_every_file_and_nothing_temporary(done: Path) -> None:
    names = {file.name for file in done.iterdir()}
    assert names >= WANTED
    assert not [name for name in names if name.startswith(".")]


def test_the_mesh_is_that_of_the_steps(done: Path) -> None:
    assert len(read_ply(done / "mesh.ply").faces) == len(flat_mesh().faces)


def test_a_mesh_block_that_went_is_not_kept(tmp_path: Path) -> None:
    recorder = recorded(tmp_path)
    before = len(recorder.mesh.joined().faces)
    gone = flat_steps()[1]
    gone.changed_mesh[(1, 0, 0)] = None
    recorder.step(gone)
    assert len(recorder.mesh.joined().faces) < before


def test_the_trajectory_is_that_of_all_frames(done: Path) -> None:
    stamps, poses = read_trajectory(done / "trajectory.txt")
    np.testing.assert_allclose(stamps, np.arange(12) * 0.25)
    np.testing.assert_allclose(poses, walk(12), atol=1e-6)


def test_the_saved_configuration_loads_again(done: Path) -> None:
    assert load_config((done / "config.yaml",)) == Config()
    assert "# poses: dataset" in (done / "config.yaml").read_text()


@pytest.fixture
def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture of a report takes seconds; one run of this file makes it."""
    monkeypatch.setattr("mono_hydra.view.recorder.write_report", lambda *_: None)


@pytest.mark.usefixtures("without_report")
def test_a_stand_in_is_marked_in_every_record(tmp_path: Path) -> None:
    finish(recorded(tmp_path, stand_in=True))
    for name in ("metrics.json", "scene_tree.json", "status.json"):
        assert json.loads((tmp_path / name).read_text())["stand_in"] is True
    assert read_spark_dsg(tmp_path / "scene_graph.json").metadata["stand_in"] is True


def test_metrics_count_frames_and_time_the_stages(done: Path) -> None:
    metrics = json.loads((done / "metrics.json").read_text())
    assert (metrics["frames"], metrics["keyframes"]) == (12, 6)
    assert metrics["timing_ms"]["tracking"]["p50"] == pytest.approx(2.55)
    assert metrics["duration_s"] == 2.75


@pytest.mark.usefixtures("without_report")
def test_results_are_the_same_bytes_every_time(done: Path, tmp_path: Path) -> None:
    finish(recorded(tmp_path))
    for file in ("scene_graph.json", "scene_tree.json", "mesh.ply", "trajectory.txt"):
        assert (done / file).read_bytes() == (tmp_path / file).read_bytes()


def test_a_full_disk_leaves_no_half_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = recorded(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mono_hydra.view.recorder.write_mesh", full)
    with pytest.raises(OutputError, match=r"no space left on device.*--out") as caught:
        finish(recorder)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
