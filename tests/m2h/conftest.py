"""Fixtures that several tests of the network share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of MONO_HYDRA_TEST_DATA."""
    root = os.environ.get("MONO_HYDRA_TEST_DATA")
    if not root:
        pytest.skip("MONO_HYDRA_TEST_DATA does not name the test data")
    return Path(root)


@pytest.fixture(scope="session")
def has_byte_products() -> bool:
    """Whether the processor multiplies bytes exactly; others saturate in networks of 8 bits."""
    try:
        features = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:  # not Linux
        return True
    return any(name in features for name in ("vnni", "asimddp"))
