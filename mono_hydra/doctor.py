"""Says whether the installation is whole: each dependency imported on its own, remedies by name.

Its output is what a report of a problem should contain.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata

import mono_hydra

APT_LINE = "apt-get install -y libgl1 libegl1 libx11-6 libusb-1.0-0 libgomp1"
PACKAGES = {
    "numpy": "numpy", "scipy": "scipy", "numba": "numba", "networkx": "networkx",
    "cv2": "opencv-python-headless", "yaml": "PyYAML", "pydantic": "pydantic", "lz4.block": "lz4",
    "tqdm": "tqdm", "matplotlib": "matplotlib", "jinja2": "jinja2", "psutil": "psutil",
    "rerun": "rerun-sdk", "torch": "torch", "safetensors": "safetensors",
    "mono_hydra.open3d_import": "open3d-cpu",
}  # fmt: skip
_CHECKS = {
    "mono_hydra.open3d_import": "from mono_hydra.open3d_import import load_open3d; load_open3d()"
}


def problem_of(module: str) -> str | None:
    """Why a module cannot be imported, in one line; None if it can."""
    code = _CHECKS.get(module, f"import {module}")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {done.returncode}"


def main(argv: Sequence[str] = ()) -> int:
    """Print one line a package; exit 2 if something the main job needs is missing."""
    if list(argv) in (["-h"], ["--help"]):
        print("usage: mono-hydra doctor\n\nImports each dependency and names what is missing.")
        return 0
    print(
        f"mono_hydra {mono_hydra.__version__}, Python {platform.python_version()}, "
        f"{platform.platform()}"
    )
    remedies = []
    for module, package in PACKAGES.items():
        problem = problem_of(module)
        print(f"  {package:24} {_version(package):12} {'ok' if problem is None else problem}")
        if problem is not None:
            missing_library = re.search(r"lib\S+\.so\S*", problem)
            remedies.append(APT_LINE if missing_library else f"pip install {package}")
    for remedy in dict.fromkeys(remedies):
        print(f"mend it with:  {remedy}")
    return 2 if remedies else 0


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "-"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
