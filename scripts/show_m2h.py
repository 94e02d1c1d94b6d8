"""Thin door to `mono-hydra show_m2h`."""

import sys

from mono_hydra.cli.door import enter
from mono_hydra.cli.show_m2h import main

if __name__ == "__main__":
    sys.exit(enter(main))
