"""Where things are kept that can be made again."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_base() -> Path:
    """The folder of MONO_HYDRA_CACHE, or the user's cache folder; may not exist yet."""
    named = os.environ.get("MONO_HYDRA_CACHE")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mono_hydra"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "mono_hydra"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mono_hydra"


def network_cache() -> Path:
    """Of the networks' compiled graphs."""
    return cache_base() / "networks"
