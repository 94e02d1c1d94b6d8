"""Thin door to `mono-hydra simulate`."""

import sys

from mono_hydra.cli.door import enter
from mono_hydra.cli.simulate import main

if __name__ == "__main__":
    sys.exit(enter(main))
