"""The folder of one run: `runs/<sequence>/<stamp>` and the link `latest` beside it."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from mono_hydra.errors import OutputError
from mono_hydra.files.atomic import output_problem


def make_run_folder(out: Path | str | None, name: str, root: Path | str = "runs") -> Path:
    """Make the folder of a run and check that it can be written, before anything expensive.

    Args:
        out: the run folder itself, if the user gave one; made if absent, used if empty.
        name: sequence name; characters that a file system dislikes become `_`.
        root: where runs lie when `out` is None.

    Raises:
        OutputError: it exists and holds something, is a file, or cannot be written.
    """
    try:
        folder = (
            _fresh(Path(root) / re.sub(r"[^\w.-]+", "_", name).strip("._ "))
            if out is None
            else Path(out)
        )
        if folder.is_dir() and any(folder.iterdir()):
            raise OutputError(f"{folder}: already holds files; give --out an empty or a new folder")
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file; give --out a folder")
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise OutputError(output_problem(Path(out or root), error)) from error
    if out is None:
        _link_latest(folder)
    return folder


def _fresh(parent: Path) -> Path:
    """A folder named by the local time that does not exist yet."""
    stamp = datetime.now().astimezone().strftime("%Y-%m-%d_%H-%M-%S")
    candidates = (parent / (stamp + (f"_{k}" if k else "")) for k in range(1000))
    return next(c for c in candidates if not c.exists())


def _link_latest(folder: Path) -> None:
    """Point `latest` to this run; file systems without links go without."""
    link = folder.parent / "latest"
    part = folder.parent / ".latest.part"
    with suppress(OSError):
        part.unlink(missing_ok=True)
        part.symlink_to(folder.name, target_is_directory=True)
        os.replace(part, link)  # noqa: PTH105 - the atomic one on every system
