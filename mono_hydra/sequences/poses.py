"""Read camera-to-world poses in the spellings that recordings use."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.geometry import se3
from mono_hydra.types import F8


def read_pose(path: Path) -> F8 | None:
    """(4, 4) T_world_camera of one file with 16 or 12 finite numbers; None if there are none."""
    try:
        values = [
            float(text) for text in path.read_text(encoding="utf-8").replace(",", " ").split()
        ]
    except (OSError, ValueError):
        return None
    return _matrix(values)


def read_pose_list(path: Path, names: list[str], stamps_s: F8) -> list[F8 | None]:
    """Poses T_world_camera of the frames with these file stems and stamps.

    One line a pose: [name or stamp] and 16 or 12 numbers (row-major matrix) or 7 (tx ty tz qx qy qz
    qw). A first word equal to a frame's name assigns the line to it, a number in front of 7 is a
    stamp (matched within 20 ms), no first word means line i is frame i.

    Raises:
        DatasetError: if no line can be read or assigned.
    """
    lines = [line.replace(",", " ").split() for line in _text(path).splitlines()]
    lines = [words for words in lines if words and not words[0].startswith("#")]
    if not lines:
        raise DatasetError(f"{path}: holds no poses; write one line a frame, or remove the file")
    if all(len(words) in (7, 12, 16) for words in lines):
        if len(lines) != len(names):
            raise DatasetError(
                f"{path}: {len(lines)} poses for {len(names)} images; begin each line with the "
                "image's name"
            )
        return [_matrix(_numbers(words)) for words in lines]
    by_name = {Path(words[0]).stem: words[1:] for words in lines}
    by_name |= {words[0]: words[1:] for words in lines}
    if any(name in by_name for name in names):
        return [_matrix(_numbers(by_name[name])) if name in by_name else None for name in names]
    return _by_stamp(path, lines, stamps_s)


def match_stamps(stamps_s: F8, other_s: F8, tolerance_s: float) -> list[int | None]:
    """Index of the nearest of `other_s` (sorted) for each stamp, None beyond the tolerance."""
    if len(other_s) == 0:
        return [None] * len(stamps_s)
    right = np.clip(np.searchsorted(other_s, stamps_s), 0, len(other_s) - 1)
    left = np.maximum(right - 1, 0)
    nearer_left = np.abs(other_s[left] - stamps_s) <= np.abs(other_s[right] - stamps_s)
    nearest = np.where(nearer_left, left, right)
    distance_s = np.abs(other_s[nearest] - stamps_s)
    return [int(i) if d <= tolerance_s else None for i, d in zip(nearest, distance_s, strict=True)]


def pose_from_quaternion(values: list[float]) -> F8 | None:
    """(4, 4) of tx ty tz qx qy qz qw; None where they hold no rotation."""
    q = np.array(values[3:7])
    norm = float(np.linalg.norm(q))
    if not np.isfinite(values).all() or abs(norm - 1.0) > 0.05:
        return None
    return se3.from_rt(se3.matrix_from_quat_xyzw(q), np.array(values[:3]))


def _by_stamp(path: Path, lines: list[list[str]], stamps_s: F8) -> list[F8 | None]:
    table = sorted((_numbers(words) for words in lines if len(words) >= 8), key=lambda row: row[0])
    table = [row for row in table if np.isfinite(row[0])]
    nearest = match_stamps(stamps_s, np.array([row[0] for row in table]), 0.020)
    if all(i is None for i in nearest):
        raise DatasetError(
            f"{path}: its first column is neither an image name nor a stamp within 20 ms of one; "
            "name the lines after the images"
        )
    return [None if i is None else _matrix(table[i][1:]) for i in nearest]


def _matrix(values: list[float]) -> F8 | None:
    if not np.isfinite(values).all():
        return None  # ScanNet writes -inf where tracking was lost
    if len(values) == 16:
        return np.array(values).reshape(4, 4)
    if len(values) == 12:
        return np.vstack([np.array(values).reshape(3, 4), [0.0, 0.0, 0.0, 1.0]])
    if len(values) == 7:
        return pose_from_quaternion(values)
    return None


def _numbers(words: list[str]) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        return [float("nan")] * len(words)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as text; check the file") from error


def interpolate_poses(
    stamps_s: F8, T_world_camera: F8, wanted_s: F8, *, max_gap_s: float = 0.06
) -> list[F8 | None]:
    """Poses at the wanted stamps, on the screw between the two poses around each.

    Args:
        stamps_s: (N,) sorted stamps of the poses.
        T_world_camera: (N, 4, 4), NaN where unknown.
        wanted_s: (M,) stamps to interpolate at.
        max_gap_s: poses further apart are not bridged; then the nearest within 20 ms is taken.

    Returns:
        One pose or None for each wanted stamp.
    """
    good = np.isfinite(T_world_camera).all(axis=(1, 2))
    stamps_s, T_world_camera = stamps_s[good], T_world_camera[good]
    nearest = match_stamps(wanted_s, stamps_s, 0.020)
    after = np.searchsorted(stamps_s, wanted_s)
    poses: list[F8 | None] = []
    for wanted, right, near in zip(wanted_s, after, nearest, strict=True):
        left = right - 1
        if 0 < right < len(stamps_s) and stamps_s[right] - stamps_s[left] <= max_gap_s:
            share = (wanted - stamps_s[left]) / (stamps_s[right] - stamps_s[left])
            step = se3.log(se3.inverse(T_world_camera[left]) @ T_world_camera[right])
            poses.append(np.asarray(T_world_camera[left] @ se3.exp(share * step)))
        else:
            poses.append(None if near is None else np.asarray(T_world_camera[near]))
    return poses
