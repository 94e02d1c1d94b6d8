"""Thin door to `mono-hydra pack_m2h`."""

import sys

from mono_hydra.cli.door import enter
from mono_hydra.cli.pack_m2h import main

if __name__ == "__main__":
    sys.exit(enter(main))
