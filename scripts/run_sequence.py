"""Thin door to `mono-hydra run`."""

import sys

from mono_hydra.cli.door import enter
from mono_hydra.cli.run_sequence import main

if __name__ == "__main__":
    sys.exit(enter(main))
