"""Thin door to `mono-hydra render_training_views`."""

import sys

from mono_hydra.cli.door import enter
from mono_hydra.cli.render_training_views import main

if __name__ == "__main__":
    sys.exit(enter(main))
