"""Recognise what a path holds."""

from __future__ import annotations

from pathlib import Path

from mono_hydra.errors import DatasetError
from mono_hydra.sequences import folder, sevenscenes

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"})


def detect(path: Path) -> str:
    """Reader of a path: simulated, sens, scannet, sevenscenes, tum, euroc, folder or video.

    Raises:
        DatasetError: if the path does not exist or no reader understands it.
    """
    if not path.exists():
        raise DatasetError(f"{path}: not found; check the path, or see --list for known names")
    if path.is_file():
        return _detect_file(path)
    if (path / "sequence.yaml").is_file():
        return "simulated"
    if len(list(path.glob("*.sens"))) == 1:
        return "sens"
    if (path / "rgb.txt").is_file():
        return "tum"
    if (path / "mav0").is_dir() or (path / "cam0").is_dir():
        return "euroc"
    if (path / "color").is_dir() and (path / "intrinsic").is_dir():
        return "scannet"
    if sevenscenes.recognises(path):
        return "sevenscenes"
    if folder.recognises(path):
        return "folder"
    raise DatasetError(
        f"{path}: holds no images where a known layout has them; put them in color/, or "
        "see datasets/README.md"
    )


def _detect_file(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix == ".sens":
        return "sens"
    if suffix in VIDEO_SUFFIXES:
        return "video"
    raise DatasetError(f"{path}: not a .sens and not a video file; give one of them or a folder")
