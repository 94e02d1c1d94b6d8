from pathlib import Path

import pytest

from mono_hydra.errors import OutputError
from mono_hydra.files.run_folder import make_run_folder


def test_latest_points_to_the_newest_run(tmp_path: Path) -> None:
    first = make_run_folder(None, "demo", tmp_path)
    second = make_run_folder(None, "demo", tmp_path)
    assert first != second
    assert (tmp_path / "demo" / "latest").resolve() == second.resolve()


def test_a_name_with_slashes_becomes_one_folder(tmp_path: Path) -> None:
    assert make_run_folder(None, "a/b c", tmp_path).parent == tmp_path / "a_b_c"


def test_an_empty_folder_is_used_and_a_full_one_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert make_run_folder(out, "demo") == make_run_folder(out, "demo") == out
    (out / "mesh.ply").write_text("")
    with pytest.raises(OutputError, match="already holds files"):
        make_run_folder(out, "demo")


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(OutputError, match="--out") as caught:
            make_run_folder(out, "demo")
        assert "\n" not in str(caught.value)
