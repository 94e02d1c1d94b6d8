"""Camera trajectories as text: `stamp tx ty tz qx qy qz qw`, T_world_camera (TUM RGB-D format)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.files.atomic import write_text
from mono_hydra.geometry.se3 import from_rt, matrix_from_quat_xyzw, quat_xyzw_from_matrix
from mono_hydra.types import F8


def format_trajectory(stamps_s: F8, T_world_camera: F8) -> str:
    """Text of a trajectory: microseconds, micrometres; rows with a non-finite pose are left out.

    Args:
        stamps_s: (N,) seconds.
        T_world_camera: (N, 4, 4).
    """
    lines = ["# stamp_s tx_m ty_m tz_m qx qy qz qw   (T_world_camera)"]
    for stamp, T in zip(stamps_s, T_world_camera, strict=True):
        if not np.isfinite(T).all():
            continue
        numbers = [*T[:3, 3], *quat_xyzw_from_matrix(T[:3, :3])]
        # + 0.0 turns -0.0 into 0.0, so that equal poses give equal bytes
        lines.append(f"{stamp:.6f} " + " ".join(f"{round(float(x), 7) + 0.0:.7f}" for x in numbers))
    return "\n".join(lines) + "\n"


def write_trajectory(path: Path | str, stamps_s: F8, T_world_camera: F8) -> None:
    """Write a trajectory file as a whole.

    Raises:
        OutputError: it cannot be written.
    """
    write_text(path, format_trajectory(stamps_s, T_world_camera))


def read_trajectory(path: Path | str) -> tuple[F8, F8]:
    """Stamps (N,) and T_world_camera (N, 4, 4) of a TUM file, in the order of the file.

    Raises:
        DatasetError: unreadable file, a row without eight finite numbers, a zero quaternion.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a trajectory; check the path") from error
    rows = [
        _row(path, number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 8)
    poses = [from_rt(matrix_from_quat_xyzw(row[4:]), row[1:4]) for row in table]
    return table[:, 0], np.array(poses).reshape(-1, 4, 4)


def _row(path: Path | str, number: int, line: str) -> list[float]:
    try:
        row = [float(word) for word in line.replace(",", " ").split()]
    except ValueError:
        row = []
    if len(row) != 8 or not np.isfinite(row).all() or np.linalg.norm(row[4:]) < 1e-6:
        raise DatasetError(
            f"{path}, line {number}: expected `stamp tx ty tz qx qy qz qw` with a unit quaternion"
        )
    return row
