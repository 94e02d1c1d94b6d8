"""Open any recording by name or path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mono_hydra.errors import DatasetError
from mono_hydra.sequences.base import Sequence
from mono_hydra.sequences.cards import MissingSequenceError, default_data_root, find_known
from mono_hydra.sequences.detect import detect
from mono_hydra.sequences.recorded import Selection
from mono_hydra.sequences.thinned import ThinnedSequence
from mono_hydra.sequences.up import parse_up


def open_sequence(
    name_or_path: str | Path,
    *,
    data_root: Path | None = None,
    fov_deg: float | None = None,
    fps: float | None = None,
    up: str | None = None,
    calibration: Path | None = None,
    every: int = 1,
    max_frames: int | None = None,
) -> Sequence:
    """Open a recording.

    Args:
        name_or_path: a path, or a name that a dataset card knows.
        data_root: where named data lies; `$MONO_HYDRA_DATA`, then `datasets/data`.
        fov_deg: horizontal field of view of images without calibration, degrees.
        fps: frames a second of numbered images without stamps.
        up: `x`, `-x`, `y` ...: which world axis points up, overrides what the recording states.
        calibration: calibration file for a folder or a video.
        every: give every n-th frame.
        max_frames: stop after so many frames.

    Raises:
        MissingSequenceError: a known name whose data is not there.
        DatasetError: anything else that cannot be opened.
    """
    selection = Selection(every, max_frames)
    path = resolve(name_or_path, data_root)
    sequence = _open(path, selection, fov_deg, fps, calibration)
    if up is not None:
        sequence.info = replace(sequence.info, up_world=parse_up(up))
    return sequence


def resolve(name_or_path: str | Path, data_root: Path | None = None) -> Path:
    """The path of a recording: the path itself if it exists, else the place its card names.

    Raises:
        MissingSequenceError: a known name whose data is not there.
        DatasetError: neither a path nor a known name.
    """
    path = Path(name_or_path)
    if path.exists():
        return path
    root = data_root or default_data_root()
    known = find_known(str(name_or_path), root)
    if known is None:
        raise DatasetError(f"{name_or_path}: no such path and no known sequence; see --list")
    if known.path is None:
        raise MissingSequenceError(known, root)
    return known.path


def _open(
    path: Path,
    selection: Selection,
    fov_deg: float | None,
    fps: float | None,
    calibration: Path | None,
) -> Sequence:
    # readers are imported when used, so that one broken dependency stops one kind of input
    kind = detect(path)
    if kind == "simulated":
        from mono_hydra.sequences.simulated import SimulatedSequence

        return ThinnedSequence(SimulatedSequence(path), selection)
    if kind == "sevenscenes":
        from mono_hydra.sequences.sevenscenes import open_sevenscenes

        return open_sevenscenes(path, selection=selection)
    if kind == "sens":
        from mono_hydra.sequences.scannet import open_sens

        return open_sens(path, selection=selection)
    if kind == "scannet":
        from mono_hydra.sequences.scannet import open_exported

        return open_exported(path, selection=selection)
    if kind == "tum":
        from mono_hydra.sequences.tum import open_tum

        return open_tum(path, calibration=calibration, selection=selection)
    if kind == "euroc":
        from mono_hydra.sequences.euroc import open_euroc

        return open_euroc(path, selection=selection)
    if kind == "video":
        from mono_hydra.sequences.video import VideoSequence

        return VideoSequence(
            path, calibration=calibration, fov_deg=fov_deg, fps=fps, selection=selection
        )
    from mono_hydra.sequences.folder import open_folder

    return open_folder(path, calibration=calibration, fov_deg=fov_deg, fps=fps, selection=selection)
