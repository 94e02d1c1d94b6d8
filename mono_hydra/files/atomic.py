"""Whole files or none: everything is written beside its place and renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mono_hydra.errors import OutputError


@contextmanager
def writing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it into place when the block ends well.

    Raises:
        OutputError: the folder cannot be written or the disk is full; nothing is left behind.
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.part{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, target)  # noqa: PTH105 - the atomic one on every system
    except OSError as error:
        raise OutputError(output_problem(target, error)) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path | str) -> Iterator[Path]:
    """Give a temporary folder beside `path`; rename it into place when the block ends well.

    Raises:
        OutputError: the target exists and holds something, or cannot be written.
    """
    target = Path(path)
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{target}: exists and is not an empty folder; remove it or name another")
    part: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        part.chmod(0o755)
        yield part
        if target.exists():
            target.rmdir()
        part.rename(target)
    except OSError as error:
        raise OutputError(output_problem(target, error)) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a file as a whole."""
    with writing(path) as part:
        part.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text with unix line ends as a whole."""
    write_bytes(path, text.encode("utf-8"))


def output_problem(path: Path, error: OSError) -> str:
    """One line: what could not be written and what to do."""
    reason = (error.strerror or type(error).__name__).lower()
    return (
        f"{path}: cannot be written ({reason}); free some space or choose another folder with --out"
    )
