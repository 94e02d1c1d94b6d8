"""Thin door to `mono-hydra ablate_m2h`."""

import sys

from mono_hydra.cli.ablate_m2h import main
from mono_hydra.cli.door import enter

if __name__ == "__main__":
    sys.exit(enter(main))
