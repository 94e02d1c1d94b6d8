from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mono_hydra.errors import DatasetError
from mono_hydra.files.trajectory import format_trajectory, read_trajectory, write_trajectory
from mono_hydra.geometry import se3
from tests.factories import walk

TWIST = st.tuples(*[st.floats(-3.0, 3.0)] * 6).map(np.array)


@settings(max_examples=30, deadline=None)
@given(twists=st.lists(TWIST, max_size=6))
def test_any_trajectory_survives_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, twists: list[np.ndarray]
) -> None:
    path = tmp_path_factory.mktemp("t") / "trajectory.txt"
    poses = np.array([se3.exp(t) for t in twists]).reshape(-1, 4, 4)
    stamps = 1.4e9 + np.arange(len(poses)) / 30
    write_trajectory(path, stamps, poses)
    found_stamps, found = read_trajectory(path)
    np.testing.assert_allclose(found_stamps, stamps, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found, poses, atol=2e-6)


def test_evo_reads_the_file(tmp_path: Path) -> None:
    file_interface = pytest.importorskip("evo.tools.file_interface")
    write_trajectory(tmp_path / "t.txt", np.arange(5.0), walk(5))
    found = file_interface.read_tum_trajectory_file(str(tmp_path / "t.txt"))
    np.testing.assert_allclose(np.array(found.poses_se3), walk(5), atol=1e-6)


def test_a_lost_pose_is_left_out() -> None:
    poses = walk(3)
    poses[1] = np.nan
    assert len(format_trajectory(np.arange(3.0), poses).splitlines()) == 3  # header and two


@pytest.mark.parametrize(
    "row", ["1 2 3", "a b c d e f g h", "0 0 0 0 0 0 0 0", "0 nan 0 0 0 0 0 1"]
)
def test_a_bad_row_is_named_with_its_line(tmp_path: Path, row: str) -> None:
    (tmp_path / "t.txt").write_text(f"# head\n0 0 0 0 0 0 0 1\n{row}\n")
    with pytest.raises(DatasetError, match="line 3"):
        read_trajectory(tmp_path / "t.txt")
