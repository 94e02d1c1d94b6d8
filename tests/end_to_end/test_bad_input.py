"""Whatever is wrong: exit 2 and one line on stderr that says what to do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mono_hydra.cli.door import enter
from mono_hydra.cli.run_sequence import main
from mono_hydra.view.recorder import Recorder

ROOT = Path(__file__).resolve().parents[2]


GIVEN = ["--depth", "sensor", "--labels", "dataset", "--quiet"]


def one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    try:
        code = enter(main, arguments)
    except SystemExit as leaving:  # argparse leaves by itself
        code = leaving.code
    printed = capsys.readouterr()
    assert code == 2
    assert len(printed.err.strip().splitlines()) == 1
    assert "Traceback" not in printed.err + printed.out
    return printed.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--seq is missing"),
        (["--seq", "nowhere/at/all"], "no such path"),
        (["--seq", "x", "--set", "mapping.voxel_sise_m=0.05"], "did you mean mapping.voxel_size_m"),
        (["--seq", "x", "--set", "mapping.voxel_size_m=5"], "less than or equal to 0.1"),
        (["--seq", "x", "--set", "nonsense"], "section.key=value"),
        (["--seq", "x", "--config", "absent.yaml"], "cannot be read"),
        (["--seq", "x", "--max-frames", "0"], "must be 1 or more"),
        (["--seq", "x", "--every", "0"], "must be 1 or more"),
        (["--seq", "x", "--depth", "nonsense"], "invalid choice"),
        (["--seq", "x", "--rerun", "nonsense"], "one of save"),
        (["--seq", "x", "--poses", "nonsense"], "invalid choice"),
        (["--unknown"], "unrecognized arguments"),
    ],
)
def test_wrong_options(arguments, says, capsys):
    assert says in one_line(arguments, capsys)


def test_an_occupied_output_folder(tiny_sequence, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("keep me")
    text = one_line(["--seq", str(tiny_sequence), "--out", str(tmp_path)], capsys)
    assert "already holds files" in text
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def fill_disk(monkeypatch: pytest.MonkeyPatch, full: Path, *, times: int) -> None:
    """The first writes of results below a folder find no room."""
    write, calls = Recorder._write_all, []

    def limited(self, part, *rest):
        write(self, part, *rest)
        if part.is_relative_to(full) and len(calls) < times:
            calls.append(part)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Recorder, "_write_all", limited)


def test_a_full_disk_costs_the_recording_before_any_result(
    tiny_sequence, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "r"
    fill_disk(monkeypatch, out, times=1)
    text = one_line(["--seq", str(tiny_sequence), "--out", str(out), *GIVEN], capsys)
    assert "no room for session.rrd" in text
    assert (out / "scene_graph.json").stat().st_size > 1000
    assert not list(out.glob("*.rrd"))


def test_results_that_find_no_room_are_saved_elsewhere(
    tiny_sequence, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    out = tmp_path / "r"
    fill_disk(monkeypatch, out, times=2)
    text = one_line(["--seq", str(tiny_sequence), "--out", str(out), *GIVEN], capsys)
    saved = Path(text.split("saved in ")[1].split(" instead")[0])
    assert saved.parent == tmp_path
    assert (saved / "scene_graph.json").stat().st_size > 1000
    assert (saved / "report.html").is_file()
    assert not list(out.glob("*.json"))


def test_an_empty_folder(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    one_line(["--seq", str(tmp_path / "empty"), "--out", str(tmp_path / "r")], capsys)


def test_images_without_poses(tmp_path, capsys):
    import cv2
    import numpy as np

    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(3):
        cv2.imwrite(str(folder / f"{i:04d}.jpg"), np.full((48, 64, 3), 90, np.uint8))
    arguments = ["--seq", str(folder), "--fov", "60", "--out", str(tmp_path / "r")]
    assert "use --poses vio or vo" in one_line([*arguments, "--poses", "dataset"], capsys)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from mono_hydra.cli.run_sequence import parser\n"
        "parser().format_help()\n"
        "heavy = {'torch', 'kornia', 'open3d', 'rerun', 'matplotlib', 'transformers'}\n"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_commands_named_in_the_documentation_exist_with_their_flags():
    import importlib
    import re

    modules = {
        "run_sequence": "run_sequence",
        "check_sequence": "check_sequence",
        "simulate": "simulate",
        "evaluate": "evaluate",
        "render_training_views": "render_training_views",
        "train_m2h": "train_m2h",
        "pack_m2h": "pack_m2h",
        "evaluate_m2h": "evaluate_m2h",
        "export_m2h": "export_m2h",
        "ablate_m2h": "ablate_m2h",
    }
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = 0
    for page in pages:
        for script, rest in re.findall(r"python scripts/(\w+)\.py([^\n`|#]*)", page.read_text()):
            assert (ROOT / "scripts" / f"{script}.py").is_file(), f"{page.name}: {script}"
            if script not in modules:
                continue
            parser = importlib.import_module(f"mono_hydra.cli.{modules[script]}").parser()
            known = set(parser._option_string_actions)
            for flag in re.findall(r"--[a-z][\w-]*", rest):
                assert flag in known, f"{page.name}: {script}.py {flag}"
            found += 1
    assert found >= 5
