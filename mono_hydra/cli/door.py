"""The frame around every command: one-line errors, exit codes, logging, progress.

Exit codes: 0 done, 1 a check was not met, 2 bad input, 130 interrupted after saving.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from m2h.errors import M2HError
from mono_hydra.errors import MonoHydraError


class OneLineParser(argparse.ArgumentParser):
    """argparse without the usage block: one line on stderr, exit 2."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Print one line and leave."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


Main = Callable[[Sequence[str]], int]


def enter(main: Main, argv: Sequence[str] | None = None) -> int:
    """Run a command and turn everything that can go wrong into one line and an exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return main(arguments)
    except (MonoHydraError, M2HError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output went away (`| head`): that is no error, and stdout is dead
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        where = _save_traceback()
        print(
            f"error: unexpected {type(error).__name__}: {str(error).partition(chr(10))[0]}"
            f" (details in {where}; please report them with `python -m mono_hydra.doctor`)",
            file=sys.stderr,
        )
        return 1


def _save_traceback() -> Path:
    with tempfile.NamedTemporaryFile(
        "w", prefix="mono_hydra_error_", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exc(file=file)
        return Path(file.name)


def log_to(path: Path, *, quiet: bool) -> None:
    """Send the package's log to a file, and warnings to stderr."""
    logger = logging.getLogger("mono_hydra")
    logger.setLevel(logging.DEBUG)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    to_file = logging.FileHandler(path, encoding="utf-8")
    to_file.setFormatter(
        logging.Formatter("%(relativeCreated)8d ms %(levelname)s %(name)s: %(message)s")
    )
    logger.addHandler(to_file)
    to_screen = logging.StreamHandler(sys.stderr)
    to_screen.setLevel(logging.ERROR if quiet else logging.WARNING)
    to_screen.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger.addHandler(to_screen)
