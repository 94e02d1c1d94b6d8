"""Thin door to `mono-hydra evaluate`."""

import sys

from mono_hydra.cli.door import enter
from mono_hydra.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(enter(main))
