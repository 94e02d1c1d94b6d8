"""The installed package: what it promises, and that its wheel is whole."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import mono_hydra

ROOT = Path(__file__).resolve().parents[2]


def test_the_promised_names_are_these():
    assert mono_hydra.__all__ == ["Pipeline", "SceneGraph", "load_config", "open_sequence"]
    assert all(getattr(mono_hydra, name) is not None for name in mono_hydra.__all__)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(folder), str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_configs_label_spaces_and_templates(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "mono_hydra/configs/fine.yaml",
        "mono_hydra/labels/spaces/nyu40.yaml",
        "mono_hydra/labels/room_names.yaml",
        "mono_hydra/sequences/cards/scannet.yaml",
        "mono_hydra/view/report.html",
        "mono_hydra/py.typed",
        "m2h/py.typed",
        "m2h/weights/m2h_tiny.safetensors",
    ):
        assert wanted in names
    for data in ROOT.glob("mono_hydra/**/*.yaml"):
        assert data.relative_to(ROOT).as_posix() in names


def test_the_wheel_works_from_any_directory(wheel, tmp_path):
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run([*command, "--target", str(site)], check=True, capture_output=True)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import mono_hydra; assert mono_hydra.__file__.startswith(sys.path[0])\n"
        "import mono_hydra.pipeline, mono_hydra.view.report\n"
        "from mono_hydra.config import load_config\n"
        "from mono_hydra.labels import load_label_space\n"
        "assert load_config(('fast',)).mapping.voxel_size_m == 0.08\n"
        "assert load_label_space('ade20k').id_of('wall') == 1\n"
        "from mono_hydra.cli.main import main\n"
        "sys.exit(main(['run', '--list']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "scannet0000" in done.stdout


@pytest.mark.parametrize("example", ["01_map_a_recording", "03_correct_poses"])
def test_examples_run(example, tiny_sequence):
    command = [sys.executable, str(ROOT / "examples" / f"{example}.py"), str(tiny_sequence)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted on Linux")
def test_commands_load_blas_with_one_thread() -> None:
    code = (
        "import mono_hydra.cli.door, os, numpy; numpy.ones((300, 300)) @ numpy.ones((300, 300));"
        "print(os.environ['OPENBLAS_NUM_THREADS'], len(os.listdir('/proc/self/task')))"
    )
    clean = {k: v for k, v in os.environ.items() if not k.endswith("NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1"]
