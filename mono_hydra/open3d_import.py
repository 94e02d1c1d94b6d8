"""The one place that loads Open3D: late, because it is heavy and needs system libraries.

On Linux a wheel's copy of libusb is loaded first, so that the usual missing library is no obstacle.
"""

from __future__ import annotations

import ctypes
from typing import Any

from mono_hydra.errors import DependencyError


def load_open3d() -> Any:
    """The module `open3d`.

    Raises:
        DependencyError: it cannot be imported; the message holds the line that mends it.
    """
    try:
        import libusb_package

        ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
    except (ImportError, OSError):
        pass  # the system's own library may be there
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise DependencyError(
            f"open3d: cannot be loaded ({str(error).splitlines()[0]}); run "
            "`apt install libgl1 libegl1 libx11-6 libusb-1.0-0` (Debian names) or "
            "`pip install open3d-cpu libusb-package`"
        ) from error
    return open3d
