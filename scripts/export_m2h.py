"""Thin door to `mono-hydra export_m2h`."""

import sys

from mono_hydra.cli.door import enter
from mono_hydra.cli.export_m2h import main

if __name__ == "__main__":
    sys.exit(enter(main))
