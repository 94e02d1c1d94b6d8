"""Thin door to `mono-hydra check`."""

import sys

from mono_hydra.cli.check_sequence import main
from mono_hydra.cli.door import enter

if __name__ == "__main__":
    sys.exit(enter(main))
