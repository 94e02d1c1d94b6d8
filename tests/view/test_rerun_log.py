import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.config import ViewConfig
from mono_hydra.errors import OutputError
from mono_hydra.labels.label_space import load_label_space
from mono_hydra.types import TrackHealth
from mono_hydra.view.rerun_log import RerunLog, viewer_address
from tests.factories import flat_steps, two_room_flat, walk

pytest.importorskip("rerun")
NYU40 = load_label_space("nyu40")
ENTITIES = {
    "/world/camera",
    "/world/camera/image",
    "/world/camera/labels",
    "/world/camera/depth",
    "/world/trajectory",
    "/world/objects",
    "/world/graph/objects",
    "/world/graph/places",
    "/world/graph/rooms",
    "/world/graph/buildings",
    "/world/graph/edges/places",
    "/world/graph/edges/rooms-places",
    "/world/graph/edges/places-objects",
    "/plan/rooms",
    "/plan/objects",
    "/plan/doors",
    "/plan/trajectory",
    "/tree",
    "/timing/tracking",
    "/timing/fusion",
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rerun") / "session.rrd"
    log = RerunLog(path, ViewConfig(mesh_every=1, graph_every=1), NYU40, "flat")
    for step in flat_steps():
        log.step(step)
    log.finish(two_room_flat(), (np.arange(12) * 0.25, walk(12)))
    return path


def test_estimated_poses_bring_curves_of_the_tracking(tmp_path: Path) -> None:
    from rerun.chunk import RrdReader

    log = RerunLog(tmp_path / "session.rrd", ViewConfig(), NYU40, "flat")
    for k, step in enumerate(flat_steps()):
        health = TrackHealth(90, 0.9, 0.8, 4.0, float("nan") if k == 0 else 1.1)
        tracked = replace(
            step.tracked, health=health, covariance=1e-4 * np.eye(6), log_scale=0.02,
            log_scale_sigma=0.05, state="degraded" if k == 5 else "tracking",
        )  # fmt: skip
        log.step(replace(step, tracked=tracked))
    log.finish(two_room_flat(), (np.arange(12) * 0.25, walk(12)))
    found = set(RrdReader(str(tmp_path / "session.rrd")).store().schema().entity_paths())
    assert found >= {
        "/tracking/tracks", "/tracking/nis", "/tracking/scale/percent", "/tracking/scale/sigma",
        "/tracking/position_sigma_cm", "/tracking/state",
    }  # fmt: skip


def test_the_recording_holds_every_entity(recording: Path) -> None:
    from rerun.chunk import RrdReader

    reader = RrdReader(str(recording))
    assert (len(reader.recordings()), len(reader.blueprints())) == (1, 1)
    found = set(reader.store().schema().entity_paths())  # needs the footer
    assert found >= ENTITIES
    assert [e for e in found if e.startswith("/world/mesh/")]


def test_timing_curves_hold_one_value_a_frame(recording: Path) -> None:
    from rerun.chunk import RrdReader

    chunks = RrdReader(str(recording)).stream().filter(content="/timing/tracking").to_chunks()
    rows = [v for c in chunks for v in c.to_record_batch().column("Scalars:scalars").to_pylist()]
    assert [v[0] for v in rows] == pytest.approx([2.0 + 0.1 * k for k in range(12)])


def test_rerun_verifies_the_file(recording: Path) -> None:
    command = shutil.which("rerun", path=str(Path(sys.executable).parent)) or shutil.which("rerun")
    assert command
    done = subprocess.run([command, "rrd", "verify", recording], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_broken_off_recording_still_has_its_footer(tmp_path: Path) -> None:
    from rerun.chunk import RrdReader

    def broken_off() -> None:
        with RerunLog(tmp_path / "s.rrd", ViewConfig(), NYU40) as log:
            log.step(flat_steps()[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert "/world/camera" in RrdReader(str(tmp_path / "s.rrd")).store().schema().entity_paths()
    assert [p.name for p in tmp_path.iterdir()] == ["s.rrd"]


def test_a_mesh_beyond_the_budget_waits_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mono_hydra.view.rerun_log.MESH_BYTES_PER_S", 0)
    log = RerunLog(tmp_path / "s.rrd", ViewConfig(mesh_every=1), NYU40)
    for step in flat_steps():
        log.step(step)
    assert log._mesh_bytes == 0
    log.finish(two_room_flat(), (np.arange(12) * 0.25, walk(12)))
    assert log._mesh_bytes > 0


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--out"):
        RerunLog(tmp_path / "file" / "s.rrd", ViewConfig(), NYU40)


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(OutputError, match="save, spawn"):
        RerunLog(None, ViewConfig(), NYU40, mode="film")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("10.0.0.5", "rerun+http://10.0.0.5:9876/proxy"),
        ("10.0.0.5:1234", "rerun+http://10.0.0.5:1234/proxy"),
        ("rerun+http://a:1/proxy", "rerun+http://a:1/proxy"),
    ],
)
def test_a_viewer_address_may_be_short(given: str, wanted: str) -> None:
    assert viewer_address(given) == wanted


def test_a_recording_cut_off_by_a_full_disk_is_removed(tmp_path: Path) -> None:
    log = RerunLog(tmp_path / "session.rrd", ViewConfig(), NYU40, "flat")
    log._stream.flush(timeout_sec=20.0)
    log._stream.disconnect()
    part = next(tmp_path.iterdir())
    part.write_bytes(part.read_bytes()[:-80])
    with pytest.raises(OutputError, match="free some space"):
        log.close()
    assert not list(tmp_path.iterdir())
